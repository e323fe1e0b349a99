"""What every storage promises (`orlop.storage.interface`), one function per promise, by theme.

`test_conformance` plays each of them against every world of `storage_worlds`. README.md says which of them stands for
which of upstream's shared storage tests.
"""

from __future__ import annotations

import conformance_compaction
import conformance_expiry
import conformance_history
import conformance_lists
import conformance_newest
import conformance_reads
import conformance_updates
import conformance_watch_life
import conformance_watches
import conformance_writes
from promises import PROMISES, Promise, promise

THEMES = (
    conformance_writes,
    conformance_updates,
    conformance_reads,
    conformance_lists,
    conformance_watches,
    conformance_watch_life,
    conformance_compaction,
    conformance_expiry,
    conformance_history,
    conformance_newest,
)

__all__ = ["PROMISES", "THEMES", "Promise", "promise"]
