"""When to forget history: every five minutes, what was history five minutes ago.

Asked by the `tick` of `memory`, `sqlite` (the log) and `watch_cache` (the window). The same rhythm as
kube-apiserver's (apiserver `storage/etcd3/compact.go`): what is kept reaches back between one and two
intervals. Pure.
"""

from __future__ import annotations

from orlop.storage.interface import Revision
from orlop.storage.limits import COMPACTION_SECONDS


class CompactionSchedule:
    __slots__ = ("_interval", "_marked", "_since")

    def __init__(self, interval: float = COMPACTION_SECONDS) -> None:
        self._interval = interval
        self._marked: Revision = 0
        self._since: float | None = None

    def due(self, now: float, revision: Revision) -> Revision:
        """The revision to compact to, 0 for not now. `now` is monotonic."""
        if self._since is None:
            self._since, self._marked = now, revision
            return 0
        if now - self._since < self._interval:
            return 0
        target, self._marked, self._since = self._marked, revision, now
        return target
