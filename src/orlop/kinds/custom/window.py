"""Objects of a custom kind as one version shows them: between the stored bodies and those of requests.

Made by `kind`, one for each version; `store` and `feed` look through it. A stored body ends with its own apiVersion and
kind, for versions come and go; a shown body ends with those of the version asked for. Nearly always both are the same
bytes. They are not where an object was written before the definition changed (it may lack defaults, or have fields that
are gone), in another version, or through another version with other defaults: those are decoded, put right and kept.
Behaviour: apiextensions-apiserver `pkg/apiserver/customresource_handler.go` (crdConversionRESTOptionsGetter).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Final

import orjson

from orlop.api import errors
from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.kinds.custom.conversion import Converter
from orlop.registry.encoding import encode
from orlop.schema.interface import DecodeError
from orlop.storage.interface import Entry, stamp
from orlop.structural.kind import CustomSchema

KEPT: Final = 8192
"""Objects of a version that are kept as they are shown, where that is not as they are stored; beyond it all are put
right anew."""

Schemas = Callable[[str], CustomSchema]
"""By version; of an unknown one a schema that knows no fields."""


def tail(gvk: GroupVersionKind) -> bytes:
    """How a body ends."""
    return b',"apiVersion":%b,"kind":%b}' % (orjson.dumps(gvk.api_version), orjson.dumps(gvk.kind))


class Window:
    """`settled`: objects written after that revision are as they should be. `alike` tells whether so they are whatever
    version they were written through, because all versions have one schema and converting only renames."""

    def __init__(self, shown: GroupVersionKind, stored: GroupVersionKind, schemas: Schemas, converter: Converter,
                 settled: int, alike: Callable[[], bool]) -> None:
        self.gvk, self._schemas, self._converter = shown, schemas, converter
        self._settled, self._tell_alike = settled, alike
        self._stored = stored
        self._tail, self._stored_tail = tail(shown), tail(stored)
        self._kept: dict[tuple[str, int], tuple[bytes, Entry]] = {}

    @cached_property
    def _alike(self) -> bool:
        return self._tell_alike()

    @cached_property
    def clear(self) -> bool:
        """Whether everything is shown as it is stored."""
        return self._alike and self.gvk == self._stored and not self._settled

    @property
    def waits(self) -> bool:
        return self._converter.waits and self.gvk != self._stored

    # --- stored to shown -----------------------------------------------------------------------------------------

    def now(self, entry: Entry) -> Entry | None:
        """The entry as it is shown, None where that takes time."""
        body = entry.body
        if self._alike and entry.revision > self._settled:
            if body.endswith(self._tail):
                return entry
            if body.endswith(self._stored_tail):
                shown = body[: -len(self._stored_tail)] + self._tail
                return Entry(entry.key, entry.revision, shown, entry.attributes)
        kept = self._kept.get((entry.key, entry.revision))
        if kept is not None and kept[0] == body:  # a dry run makes other bodies of the same revision
            return kept[1]
        tree = self._read(entry)
        if tree["apiVersion"] != self.gvk.api_version:
            if self._converter.waits:
                return None
            tree = self._converted(self._converter.now(tree, self.gvk.api_version), self.gvk)
        return self._keep(entry, tree)

    async def later(self, entries: Sequence[Entry]) -> list[Entry]:
        """All entries as they are shown. Raises APIError where they cannot be."""
        shown: list[Entry | None] = [self.now(entry) for entry in entries]
        waiting = [position for position, entry in enumerate(shown) if entry is None]
        if waiting:
            trees = [self._read(entries[position]) for position in waiting]
            converted = await self._converter.later(trees, self.gvk.api_version)
            for position, tree in zip(waiting, converted, strict=True):
                shown[position] = self._keep(entries[position], self._converted(tree, self.gvk))
        return [entry for entry in shown if entry is not None]

    def _read(self, entry: Entry) -> Tree:
        """A stored object decoded, as the schema of its own version has it now."""
        tree = entry.tree()
        tree.setdefault("apiVersion", self._stored.api_version)
        tree["kind"] = self.gvk.kind
        self._schemas(tree["apiVersion"].rpartition("/")[2]).read_stored(tree)
        return tree

    def _converted(self, tree: Tree, gvk: GroupVersionKind) -> Tree:
        try:
            self._schemas(gvk.version).decode(tree)
        except DecodeError as error:
            raise errors.unknown(str(error)) from None
        return tree

    def _keep(self, entry: Entry, tree: Tree) -> Entry:
        body = stamp(encode(tree), entry.revision) if entry.revision else encode(tree)
        body = body[:-1] + self._tail
        shown = entry if body == entry.body else Entry(entry.key, entry.revision, body, entry.attributes)
        if entry.revision:
            if len(self._kept) >= KEPT:
                self._kept.clear()
            self._kept[entry.key, entry.revision] = entry.body, shown
        return shown

    # --- shown to stored -----------------------------------------------------------------------------------------

    @cached_property
    def _completes(self) -> bool:
        node = self._schemas(self.gvk.version).node
        status = node.properties.get("status") if node is not None else None
        return status is not None and status.default is not None

    def completed(self, body: bytes) -> bytes:
        """A new body as it will be read. Whoever made it cannot have set the status, and this one has a default:
        upstream, which defaults what it reads, tells it at once."""
        if not self._completes:
            return body
        tree: Tree = orjson.loads(body)
        if "status" in tree:
            return body
        self._schemas(self.gvk.version).default(tree)
        return encode(tree)

    def bare(self, shown: Entry) -> Entry:
        """A shown entry as updates get it: without apiVersion and kind, as the stores of other kinds have theirs."""
        body = shown.body
        if not body.endswith(self._tail):
            return shown
        return Entry(shown.key, shown.revision, body[: -len(self._tail)] + b"}", shown.attributes)

    def named(self, entry: Entry) -> Entry:
        """The reverse of `bare`."""
        if entry.body.endswith(self._tail):
            return entry
        return Entry(entry.key, entry.revision, entry.body[:-1] + self._tail, entry.attributes)

    def to_storage(self, body: bytes) -> bytes | None:
        """The body to store of a bare one, None where that takes time."""
        if self.gvk == self._stored:
            return body[:-1] + self._tail
        if self._converter.waits:
            return None
        return self._stored_body(self._converter.now(self._whole(body), self._stored.api_version))

    async def to_storage_later(self, body: bytes) -> bytes:
        converted = await self._converter.later([self._whole(body)], self._stored.api_version)
        return self._stored_body(converted[0])

    def _whole(self, body: bytes) -> Tree:
        tree: Tree = orjson.loads(body)
        return {"apiVersion": self.gvk.api_version, "kind": self.gvk.kind, **tree}

    def _stored_body(self, tree: Tree) -> bytes:
        return encode(self._converted(tree, self._stored))[:-1] + self._stored_tail


class Untimely(Exception):
    """A conversion that takes time was met where there is none: convert the entry and try again."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
