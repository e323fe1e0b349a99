"""Keeps up with a collection: a list, then a watch from there, for ever.

Used by `agent` for its pods. What the watch missed while the connection was broken is made up for by a new list;
objects that are gone by then are told as deleted. Behaviour: client-go `tools/cache/reflector.go`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from orlop.api.tree import Tree
from orlop.node.api import Api, APIUnavailable

log = logging.getLogger(__name__)

FIRST_DELAY: Final = 0.1
MAX_DELAY: Final = 5.0
"""Seconds before another attempt, doubling from the first to the most."""

OnObject = Callable[[str, Tree], None]
"""Called with ADDED, MODIFIED or DELETED, and the object."""


class _Relist(Exception):
    """The watch cannot be taken up where it ended."""


class Follower:
    """`path` of the collection, `query` what selects, encoded."""

    def __init__(self, api: Api, path: str, query: str, on_object: OnObject) -> None:
        self._api, self._path, self._query, self._on_object = api, path, query, on_object
        self._known: dict[tuple[str, str], Tree] = {}
        """As many as are stored in the collection."""
        self.synced = asyncio.Event()

    async def run(self) -> None:
        delay, version = FIRST_DELAY, ""
        while True:
            try:
                version = version or await self._list()
                self.synced.set()
                version = await self._watch(version)
                delay = FIRST_DELAY
            except (_Relist, APIUnavailable, ValueError, KeyError) as error:  # the last two: what is no watch
                log.info("%s: %s; listing again", self._path, error)
                version = ""
                await asyncio.sleep(delay)
                delay = min(MAX_DELAY, delay * 2)

    async def _list(self) -> str:
        reply = await self._api.request("GET", f"{self._path}?{self._query}")
        if not reply.ok:
            raise APIUnavailable(reply.message)
        found = {_key(item): item for item in reply.tree.get("items") or ()}
        for key, gone in list(self._known.items()):
            if key not in found or found[key]["metadata"].get("uid") != gone["metadata"].get("uid"):
                self._tell("DELETED", gone)
        for key, item in found.items():
            self._tell("MODIFIED" if key in self._known else "ADDED", item)
        version: str = reply.tree["metadata"]["resourceVersion"]
        return version

    async def _watch(self, version: str) -> str:
        path = f"{self._path}?{self._query}&watch=1&allowWatchBookmarks=true&resourceVersion={version}"
        async for event in self._api.watch(path):
            kind, found = event.get("type"), event.get("object")
            if kind not in ("ADDED", "MODIFIED", "DELETED", "BOOKMARK") or not isinstance(found, dict):
                raise _Relist(str((found or event).get("message", "the watch ended")))
            version = found["metadata"]["resourceVersion"]
            if kind != "BOOKMARK":
                self._tell(kind, found)
        return version

    def _tell(self, kind: str, found: Tree) -> None:
        if kind == "DELETED":
            self._known.pop(_key(found), None)
        else:
            self._known[_key(found)] = found
        try:
            self._on_object(kind, found)
        except Exception:  # the others are not to suffer
            log.exception("%s of %s cannot be handled", kind, _key(found))


def _key(item: Tree) -> tuple[str, str]:
    metadata = item["metadata"]
    return metadata.get("namespace", ""), metadata["name"]
