"""Named limits of the SQLite backend, and what happens at each.

Read by the modules of `sqlite`; those that other backends share are in `limits`.
"""

from __future__ import annotations

from typing import Final

from orlop.storage.limits import MIB

LOG_ROWS: Final = 500_000
"""Rows of the log kept for history alone. Beyond it the older half goes, whatever its age: a storm of writes does
not fill the disk before the clock says that history is old."""

LOG_BYTES: Final = 512 * MIB
"""The same, in bytes of bodies."""

SLICE_FIRST: Final = 64
"""Revisions compacted, or free pages given back, in the first slice; the next are sized by how long that took."""

SLICE_MOST: Final = 2_000
"""The same, at most."""

SLICE_SECONDS: Final = 0.0003
"""How long a slice should take: what a commit may have to wait for it."""

SLICE_SHARE: Final = 0.03
"""The share of the writer's time that slices may take, as long as history is within `LOG_ROWS` and `LOG_BYTES`.
Beyond, there is a slice between any two commits."""

SLICE_REST: Final = 1.0
"""Seconds between two slices, at most, where there is more time than work."""

SPREAD: Final = 0.8
"""The share of the interval between two sweeps over which one may be spread: it is done before the next is due."""

FREE_KEPT: Final = 1_024
"""Free pages that are not worth giving back to the file system."""

STALLED_SECONDS: Final = 5.0
"""A commit that takes longer makes the storage not ready. It is still waited for: nobody knows its outcome."""

BACKUP_PAGES: Final = 256
"""Pages copied in one step of a backup."""

BACKUP_SYNC_PAGES: Final = 4_096
"""Pages copied between two syncs of a backup, so that the commits' own never wait behind all of it."""

CHECK_SECONDS: Final = 0.25
"""How long the check of a database that was not closed in order may take; what it did not reach by then is found when
it is read."""

CHECK_TAIL: Final = 1_000
"""The newest revisions which that check compares with the table of current states; a clean start, a hundredth."""
