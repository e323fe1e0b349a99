"""What etcd, or the way to it, answered instead of a result; and what that says about a write.

Raised by `etcd_http2*` and `etcd_client`, turned into the errors of the contract by `etcd`. Texts are those of etcd's
`api/v3rpc/rpctypes/error.go`.
"""

from __future__ import annotations

from typing import Final

_TRANSIENT: Final = frozenset({"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "UNKNOWN", "INTERNAL", "ABORTED"})
_NOT_TAKEN: Final = (
    "etcdserver: no leader",
    "etcdserver: too many requests",
    "etcdserver: not leader",
    "etcdserver: unhealthy cluster",
)
_STALE_TOKEN: Final = (
    "etcdserver: invalid auth token",
    "etcdserver: revision of auth store is old",
    "etcdserver: user name is empty",
)


class EtcdError(Exception):
    """`code`: gRPC's name of the status. `words`: etcd's."""

    def __init__(self, code: str, words: str, where: str = "") -> None:
        super().__init__(f"{words} ({where})" if where else words)
        self.code, self.words, self.where = code, words, where

    @property
    def transient(self) -> bool:
        """Another attempt, or another member, may do better."""
        if self.words.startswith("etcdserver: too many requests"):
            return True
        ours = self.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED")
        return ours or (self.code in _TRANSIENT and not self.words.startswith("etcdserver: "))

    @property
    def perhaps_applied(self) -> bool:
        """A write that got this answer may be, or become, applied all the same."""
        return self.transient and not self.words.startswith(_NOT_TAKEN)

    @property
    def closed(self) -> bool:
        """By ourselves, while the call was under way."""
        return self.code == "CLOSED"

    @property
    def stale_token(self) -> bool:
        return self.words.startswith(_STALE_TOKEN)

    @property
    def compacted(self) -> bool:
        return "revision has been compacted" in self.words

    @property
    def future(self) -> bool:
        return "is a future revision" in self.words

    @property
    def no_space(self) -> bool:
        """etcd's quota is used up: it takes no writes until an operator makes room and disarms the alarm."""
        return "database space exceeded" in self.words

    @property
    def lease_gone(self) -> bool:
        return "requested lease not found" in self.words


class NotSent(EtcdError):
    """etcd never saw the call whole, or said that it did not look at it: surely nothing was applied."""

    @property
    def perhaps_applied(self) -> bool:
        return False


class WatchGone(Exception):
    """A watch from a revision that is compacted; `oldest` is the oldest kept."""

    def __init__(self, oldest: int) -> None:
        super().__init__(f"compacted up to {oldest}")
        self.oldest = oldest
