"""Watch events as bytes, in the representation the client asked for: one JSON object a line, or one protobuf message
after its length.

Called by `broadcast` (once per event, for all its watchers) and `watch` (initial events, bookmarks, errors).
Behaviour: apiserver `endpoints/handlers/response.go` and `watch.go`.
"""

from __future__ import annotations

import orjson

from orlop.api.errors import APIError
from orlop.api.tree import Tree
from orlop.codec import protobuf
from orlop.codec.negotiation import Media
from orlop.endpoints import encoding, protobuf_body, table
from orlop.endpoints.feed import DEAR_SLICE, LIST_SLICE, SLOW_SLICE
from orlop.endpoints.scope import Scope
from orlop.registry.interface import Object
from orlop.storage.interface import Entry, Event

INITIAL_EVENTS_END = "k8s.io/initial-events-end"
"""The annotation of the bookmark that closes the initial events of a WatchList."""


def _json_frame(type: str, obj: bytes) -> bytes:
    return b'{"type":"%b","object":%b}\n' % (type.encode(), obj)


def _protobuf_frame(type: str, obj: bytes) -> bytes:
    return protobuf.watch_event(type, protobuf_body.encode(orjson.loads(obj)))


class Framer:
    """Frames for one scope and one representation. Those for tables carry the column definitions in the first event
    only, and therefore belong to one watcher each; all others may be shared."""

    def __init__(self, scope: Scope, transform: str | None, include: str, version: str = "v1",
                 media: Media = "json") -> None:
        """`version` is that of meta.k8s.io, for the transform's kind."""
        self._scope, self._transform, self._include, self._version = scope, transform, include, version or "v1"
        self._columns_sent = False
        self._dear = transform is not None or media != "json" or scope.from_hub is not None
        self._frame = _json_frame if media == "json" else _protobuf_frame

    @property
    def shareable(self) -> bool:
        return self._transform != "Table"

    def event(self, event: Event) -> bytes:
        return self.frame(event.type, event.entry)

    def added(self, entry: Entry) -> bytes:
        """An entry that was there when the watch began. Where it must be decoded nothing is remembered: there may be
        very many."""
        if not self._dear or entry.memo is not None:
            return self.frame("ADDED", entry)
        entry.memo = {}
        text = self.frame("ADDED", entry)
        entry.memo = None
        return text

    @property
    def most(self) -> int:
        """Frames that are made in one turn of the loop."""
        if self._frame is _protobuf_frame:
            return SLOW_SLICE
        return DEAR_SLICE if self._dear else LIST_SLICE

    def frame(self, type: str, entry: Entry) -> bytes:
        return self._frame(type, self._object(entry, entry.revision))

    def error(self, error: APIError) -> bytes:
        return self._frame("ERROR", orjson.dumps(error.status()))

    def bookmark(self, revision: int, *, initial: bool = False) -> bytes:
        """An event that holds nothing but a revision."""
        tree = self._empty()
        tree["metadata"] = {"resourceVersion": str(revision)}
        if initial:
            tree["metadata"]["annotations"] = {INITIAL_EVENTS_END: "true"}
            if self._transform == "Table" and self._include == "None":  # it is what the row is about
                return self._frame("BOOKMARK", self._table(tree, revision, "Metadata"))
        return self._frame("BOOKMARK", self._object(tree, revision))

    def _empty(self) -> Tree:
        """The kind's zero value, as a typed server prints it."""
        kind = self._scope.kind
        tree: Tree = {}
        self._scope.schema.decode(tree, None)
        return {"kind": kind.kind, "apiVersion": kind.api_version, **tree}

    def _object(self, obj: Object, revision: int) -> bytes:
        if self._transform is None:
            return encoding.whole(self._scope, obj)
        if self._transform == "Table":
            return self._table(obj, revision, self._include)
        return encoding.partial(obj, self._version)

    def _table(self, obj: Object, revision: int, include: str) -> bytes:
        printer, now = self._scope.printer(), self._scope.clock.now()
        opening = table.opening(printer, b'"resourceVersion":"%d"' % revision, columns=not self._columns_sent,
                                version=self._version)
        self._columns_sent = True
        row = table.row(self._scope, printer, obj, include, now, self._version)
        return opening + row + table.CLOSING
