"""How the definitions' controllers write: through the status, as kube-apiserver itself.

Used by `definition_conditions` and `definition_deletion`. Upstream's controllers are clients of their own server, so
that the fields they set are theirs in managedFields, under the name `kube-apiserver`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orlop.api.errors import APIError
from orlop.api.tree import Tree
from orlop.controllers.writer import Writer
from orlop.registry.store import Store

GROUP: Final = "apiextensions.k8s.io"
PLURAL: Final = "customresourcedefinitions"
MANAGER: Final = "kube-apiserver"

Change = Callable[[Tree], bool]
"""Changes a definition that it owns; False when there is nothing to change."""


class DefinitionStatus:
    """`status` is the store of the status subresource."""

    def __init__(self, writer: Writer, status: Store) -> None:
        self._writer, self._status = writer, status

    @property
    def store(self) -> Store:
        """The definitions themselves."""
        return self._writer.stores[(GROUP, PLURAL)]

    def now(self) -> str:
        return self._writer.stamp()

    def read(self, name: str) -> Tree | None:
        """The newest state of a definition."""
        entry = self.store.cache.peek(self.store.prefix + name)
        return None if entry is None else entry.tree()

    def version(self, name: str) -> str | None:
        """The resource version of that state."""
        entry = self.store.cache.peek(self.store.prefix + name)
        return None if entry is None else str(entry.revision)

    async def change(self, name: str, uid: str, change: Change) -> bool:
        """Write what `change` makes of the newest state; False when the definition `uid` is no longer there."""
        try:
            await self._writer.change(self._status, GROUP, PLURAL, "", name, change, uid, MANAGER, "status")
        except APIError as error:
            if error.code == 404 or (error.code == 409 and self._gone(name, uid)):
                return False
            raise
        return True

    def _gone(self, name: str, uid: str) -> bool:
        now = self.read(name)
        return now is None or now["metadata"].get("uid") != uid
