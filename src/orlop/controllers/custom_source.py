"""What controllers are told of custom kinds, which come and go while they run.

`server.custom_kinds` keeps the promises of `CustomSource`; the garbage collector follows it.
"""

from __future__ import annotations

from typing import Protocol

from orlop.kinds.declaration import Resource
from orlop.registry.store import Store


class KindFollower(Protocol):
    """Who wants to know. Called when a kind's objects are loaded, and when it is served no longer; a kind whose rules
    change goes and comes."""

    def added(self, resource: Resource, store: Store) -> None: ...
    def removed(self, resource: Resource) -> None: ...


class CustomSource(Protocol):
    def kinds(self) -> list[tuple[Resource, Store]]:
        """All that is served now."""

    def follow(self, follower: KindFollower) -> None: ...
    def leave(self, follower: KindFollower) -> None: ...
