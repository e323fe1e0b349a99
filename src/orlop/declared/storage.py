"""Rest storage of a program's own, as the endpoints take it.

Used by `program` for `orlop.kind(storage=...)`. The program implements whichever protocols of `registry.interface` it
can. What comes out of them may be objects of the kind's class instead of trees, and a plain list instead of a
`ListResult`; what goes in are trees. `rooms` of it, a mapping, are the storages of its subresources.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final

from orlop.api.tree import Tree
from orlop.declared.declaration import Declaration
from orlop.registry.interface import ListResult
from orlop.storage.interface import Entry

_ANSWERS: Final = ("get", "create", "list", "delete_collection")
_PAIRS: Final = ("update", "delete")
_AS_THEY_ARE: Final = ("watch_source", "watch_after", "connect", "connect_methods")


class OwnStorage:
    """Has just the methods that the program's storage has, and a class of its own each time: what rest storage can do
    is asked of classes."""

    def __new__(cls, declaration: Declaration, storage: Any) -> OwnStorage:
        return super().__new__(type(cls.__name__, (cls,), {}))

    def __init__(self, declaration: Declaration, storage: Any) -> None:
        self._declaration, self._storage = declaration, storage
        for name in _ANSWERS:
            if hasattr(storage, name):
                setattr(self, name, self._turned(getattr(storage, name), self._shown))
        for name in _PAIRS:
            if hasattr(storage, name):
                setattr(self, name, self._turned(getattr(storage, name), self._pair))
        for name in _AS_THEY_ARE:
            if hasattr(storage, name):
                setattr(self, name, getattr(storage, name))

    def _turned(self, method: Callable[..., Any], show: Callable[[Any], Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            found = method(*arguments, **named)
            return later(found) if isinstance(found, Awaitable) else show(found)

        async def later(found: Awaitable[Any]) -> Any:
            return show(await found)

        return call

    def _pair(self, answer: tuple[Any, bool]) -> tuple[Any, bool]:
        return self._object(answer[0]), answer[1]

    def _shown(self, answer: Any) -> Any:
        if isinstance(answer, ListResult):
            return answer._replace(items=[self._object(each) for each in answer.items])
        if isinstance(answer, list | tuple) and not isinstance(answer, Entry):
            return ListResult([self._object(each) for each in answer], 0)
        return self._object(answer)

    def _object(self, answer: Any) -> Entry | Tree:
        if isinstance(answer, Entry):
            return answer
        hub = self._declaration.hub
        tree = answer if isinstance(answer, dict) else hub.model.encode(answer)
        return {"apiVersion": f"{self._declaration.group}/{hub.name}", "kind": self._declaration.kind, **tree}
