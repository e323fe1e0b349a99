"""Watch events as bytes: one JSON object a line, in the representation the client asked for.

Called by `broadcast` (once per event, for all its watchers) and `watch` (initial events, bookmarks, errors).
Behaviour: apiserver `endpoints/handlers/response.go` and `watch.go`.
"""

from __future__ import annotations

import orjson

from orlop.api.errors import APIError
from orlop.api.tree import Tree
from orlop.endpoints import encoding, table
from orlop.endpoints.scope import Scope
from orlop.registry.interface import Object
from orlop.storage.interface import Entry, Event

INITIAL_EVENTS_END = "k8s.io/initial-events-end"
"""The annotation of the bookmark that closes the initial events of a WatchList."""


def error_frame(error: APIError) -> bytes:
    return b'{"type":"ERROR","object":%b}\n' % orjson.dumps(error.status())


class Framer:
    """Frames for one scope and one representation. Those for tables carry the column definitions in the first event
    only, and therefore belong to one watcher each; all others may be shared."""

    def __init__(self, scope: Scope, transform: str | None, include: str) -> None:
        self._scope, self._transform, self._include = scope, transform, include
        self._columns_sent = False

    @property
    def shareable(self) -> bool:
        return self._transform != "Table"

    def event(self, event: Event) -> bytes:
        return self.frame(event.type, event.entry)

    def frame(self, type: str, entry: Entry) -> bytes:
        return b'{"type":"%b","object":%b}\n' % (type.encode(), self._object(entry, entry.revision))

    def bookmark(self, revision: int, *, initial: bool = False) -> bytes:
        """An event that holds nothing but a revision."""
        tree = self._empty()
        tree["metadata"] = {"resourceVersion": str(revision)}
        if initial:
            tree["metadata"]["annotations"] = {INITIAL_EVENTS_END: "true"}
        return b'{"type":"BOOKMARK","object":%b}\n' % self._object(tree, revision)

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
            return self._table(obj, revision)
        return encoding.partial(obj)

    def _table(self, obj: Object, revision: int) -> bytes:
        printer, now = self._scope.printer(), self._scope.clock.now()
        opening = table.opening(printer, b'"resourceVersion":"%d"' % revision, columns=not self._columns_sent)
        self._columns_sent = True
        return opening + table.row(self._scope, printer, obj, self._include, now) + table.CLOSING
