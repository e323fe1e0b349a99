"""Named limits of the storage floor, and what happens at each.

Read by `watch_cache`, `memory` and `sqlite`; the upper floors may hand other `CacheLimits` to a cache (the
tests do, to reach the limits quickly).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """Bounds of one watch cache."""

    window_events: int = 16_384
    """Events remembered per resource. Beyond it the oldest go; who asks for them is served from the storage's
    log, or told that they are gone."""

    window_bytes: int = 8 * MIB
    """The same, in bytes of bodies (with `EVENT_OVERHEAD` each)."""

    start_revisions: int = 2_000
    """How far back a starting cache looks into the log to fill its window."""

    indexes: int = 16
    """Label and field indexes per resource. Beyond it the one used longest ago is dropped, and built again at
    need."""


EVENT_OVERHEAD: Final = 400
"""Bytes that an event costs beside its body (objects and their slots), for the bounds in bytes."""

MEMORY_EVENTS: Final = 100_000
"""Events that the memory backend keeps. Beyond it it compacts, as if asked to."""

MEMORY_BYTES: Final = 64 * MIB
"""The same, in bytes of bodies."""

PENDING_WRITES: Final = 20_000
"""Writes waiting for the disk. Beyond it writes are refused (Overloaded)."""

PENDING_BYTES: Final = 256 * MIB
"""The same, in bytes of bodies."""

COMMIT_WRITES: Final = 1_000
"""Writes per transaction. The rest waits for the next: a commit must not outlast a client's patience."""

COMMIT_LINGER: Final = 0.0005
"""Seconds that a commit waits for the writers of the last one to come back, when they are more than one."""

COMMIT_PATIENCE: Final = 0.005
"""Seconds after which a commit under way is helped: the event loop pauses for `COMMIT_LOAN`, so that the
writer thread gets its turn also when the loop is never idle. A slow disk costs that pause, too."""

COMMIT_LOAN: Final = 0.002
"""The pause, at most."""

WAL_PAGES: Final = 2_000
"""Pages in the write-ahead log after which it is copied into the database."""

COMPACTION_SECONDS: Final = 300.0
"""History kept at least; it grows to twice that before it is cut (kube-apiserver's
--etcd-compaction-interval)."""

COMPACTION_SLICE: Final = 500
"""Revisions compacted in one transaction, so that a write never waits long for it."""

EXPIRY_BATCH: Final = 1_000
"""Keys expired in one tick. The rest waits for the next."""

CATCH_UP: Final = 1_000
"""Past events handed to a new watch in one call."""

ROUTES: Final = 20_000
"""Parents of keys whose watchers are memoised. Beyond it all are forgotten and found anew."""
