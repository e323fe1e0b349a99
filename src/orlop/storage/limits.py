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

EXPIRY_BATCH: Final = 1_000
"""Keys expired in one tick. The rest waits for the next."""

CATCH_UP: Final = 1_000
"""Past events handed to a new watch in one call."""

ROUTES: Final = 20_000
"""Parents of keys whose watchers are memoised. Beyond it all are forgotten and found anew."""

KEY_SLICE: Final = 4_096
"""Keys that a long list or a growing index looks at in one turn of the loop; the rest waits for the next."""

JUDGE_SLICE: Final = 1_024
"""Those of them that it compares with selectors, or puts into an index, in one turn."""

DECODE_SLICE: Final = 64
"""Those of them that it decodes for that in one turn, because what selectors look at was not known yet."""

SHARED_ATTRIBUTES: Final = 4_096
"""Different attributes that a cache keeps to share between entries that have the same. Beyond it all are forgotten and
collected anew."""

INDEX_AT_ONCE: Final = 8_192
"""Entries of which an index is made at once (about a millisecond), if no more than `INDEX_DECODES` of them have to be
decoded for it. Else it is made in slices, and lists do without meanwhile."""

INDEX_DECODES: Final = 512
"""Entries that are decoded for an index made at once."""

RESTART_FIRST: Final = 1.0
"""Seconds between two attempts to start a cache again that its storage broke off; doubled up to `RESTART_MOST`."""

RESTART_MOST: Final = 30.0

ETCD_SEND_BYTES: Final = 2 * MIB
"""A request to etcd; a larger one is refused before it is sent (etcd's own limit is 1.5 MiB, what is between the two
it refuses itself)."""

ETCD_ATTEMPT: Final = 2.5
"""Seconds that one member of etcd has for an answer. Then the next is asked, or it is found out what became of the
write."""

ETCD_PATIENCE: Final = 10.0
"""Seconds for a call to etcd with all attempts. Then the request fails (ReadFailed, CommitFailed)."""

ETCD_PAGE_ATTEMPT: Final = 10.0
"""As `ETCD_ATTEMPT`, for a page of a list."""

ETCD_RETRY_FIRST: Final = 0.02
"""Seconds of pause between attempts, when every member failed lately; doubled up to `ETCD_RETRY_MOST`."""

ETCD_RETRY_MOST: Final = 0.5

ETCD_SHUN: Final = 3.0
"""Seconds for which a member that failed is asked only when all others failed later."""

ETCD_PROBE: Final = 2.0
"""Seconds that etcd has to prove that it serves, once a tick. Then the server is not ready."""

ETCD_DELIVERY: Final = 5.0
"""Seconds that an acknowledgement waits for this process's own watch to have seen the write. Then it is given all the
same: the write is durable."""

ETCD_STALL: Final = 1.5
"""Seconds for which etcd's watch may be behind what is known to exist. Then another stream, of another member, is
opened."""

ETCD_NUDGE_AFTER: Final = 0.005
"""Seconds that events have to arrive by themselves before etcd is asked how far its watch is; doubled up to
`ETCD_NUDGE_MOST` as long as nothing comes."""

ETCD_NUDGE_MOST: Final = 1.0

ETCD_MARK_AFTER: Final = 0.2
"""The same before a mark is written, where etcd's answer cannot be relied on (versions before 3.4.31 and 3.5.13)."""

ETCD_WINDOW_EVENTS: Final = 10_000
"""Past events of all resources kept in memory for new watches and histories. What is older is read from etcd."""

ETCD_WINDOW_BYTES: Final = 32 * MIB
"""The same, in bytes of bodies."""

ETCD_PAGE_FIRST: Final = 500
"""Keys in the first page of a list; the next are sized to `ETCD_PAGE_BYTES`, up to `ETCD_PAGE_MOST` keys."""

ETCD_PAGE_MOST: Final = 10_000

ETCD_PAGE_BYTES: Final = 2 * MIB
"""What is decoded in one go, and so keeps the event loop from others."""

ETCD_LEASE_REUSE: Final = 60.0
"""Seconds for which a lease is given to further keys, at most (and at most a twentieth of the time to live)."""

ETCD_LEASE_KEYS: Final = 1_000
"""Keys of one lease. The next gets a new one."""

ETCD_FENCE_SECONDS: Final = 3_600
"""How long a fence against a lost write stands. None is on its way for that long."""

ETCD_PAST: Final = 3
"""Attempts at reading a piece of etcd's history."""

ETCD_START_REVISIONS: Final = 2_000
"""How far back a starting replica reads etcd's history, so that who watched another replica goes on here."""

ETCD_CLOSE: Final = 5.0
"""Seconds that closing waits for writes under way."""

ETCD_WATCH_BROKEN: Final = 3.0
"""Seconds without a watch on etcd before the server says that it is not ready."""
