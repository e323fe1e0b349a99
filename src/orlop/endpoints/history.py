"""GET /orlop/v1/history/PATH: the writes of one object or of a collection, newest first.

Called by `past`; asks `registry.history` for the writes and `registry.difference` for what each changed, in the version
of PATH. Query: `limit` (items, at most MAX_ITEMS), `object=1` (each item brings the whole object).
"""

from __future__ import annotations

import asyncio
from typing import Final

import orjson

from orlop.api import errors
from orlop.api.context import Context
from orlop.api.gotext import NumberError, parse_int64
from orlop.api.http import Request, Response
from orlop.api.tree import Tree
from orlop.codec import yaml
from orlop.endpoints import accept, encoding
from orlop.endpoints.scope import Scope
from orlop.registry import history as past
from orlop.registry import times
from orlop.registry.difference import difference
from orlop.registry.store import Store
from orlop.storage.interface import ADDED, MODIFIED, Event

API_VERSION: Final = "orlop/v1"
DEFAULT_ITEMS: Final = 100
MAX_ITEMS: Final = 1000
"""A larger `limit` is cut to it; the answer's `more` says that there are others."""
MAX_BYTES: Final = 16 << 20
"""Bodies of objects that go into one answer. Beyond it the answer ends early, as if by `limit`, after one item at
least."""
_UNTOLD: Final = frozenset({"/metadata/managedFields", "/metadata/resourceVersion"})
"""What changes with every write and says nothing."""
_FORMS: Final = ("application/json", "application/yaml")


async def history(scope: Scope, store: Store, request: Request, ctx: Context) -> Response:
    """`ctx` is that of a request for the thing itself."""
    form = accept.choose(request)
    if form.media_type not in _FORMS:
        raise errors.not_acceptable(_FORMS)
    limit, whole = _limit(request.parameter("limit")), request.parameter("object") not in ("", "0", "false")
    name = ctx.info.name
    found = await past.writes(store, ctx, name, limit + 1)
    if name and not found.events and await past.newest(store, ctx, name) is None:
        raise errors.not_found(scope.resource.group_resource, name)
    items = await _items(scope, found.events[:limit], whole, bool(name))
    answer: Tree = {"kind": "History", "apiVersion": API_VERSION, "metadata": {"resourceVersion": str(found.revision)},
                    "path": ctx.info.path, "oldest": str(max(store.cache.compacted, 1))}
    if name:
        answer["complete"] = bool(items) and items[-1]["type"] == ADDED
    answer["more"] = len(items) < len(found.events) or found.oldest > store.cache.compacted
    answer["items"] = items
    if form.media_type == "application/yaml":
        return Response(200, yaml.from_tree(answer), form.media_type)
    if form.pretty:
        return Response(200, orjson.dumps(answer, option=orjson.OPT_INDENT_2) + b"\n")
    return Response(200, orjson.dumps(answer))


def _limit(text: str) -> int:
    try:
        limit = parse_int64(text) if text else 0
    except NumberError as error:
        raise errors.bad_request(str(error)) from None
    if limit < 0:
        raise errors.bad_request("limit must not be negative")
    return min(limit or DEFAULT_ITEMS, MAX_ITEMS)


async def _items(scope: Scope, events: past.Events, whole: bool, single: bool) -> list[Tree]:
    items: list[Tree] = []
    size = 0
    for event in events:
        size += len(event.entry.body) + (len(event.previous.body) if event.previous is not None else 0)
        if items and size > MAX_BYTES:
            break
        items.append(_item(scope, event, whole, single))
        await asyncio.sleep(0)  # others get their turn between two objects, which may be large
    return items


def _item(scope: Scope, event: Event, whole: bool, single: bool) -> Tree:
    tree = encoding.tree_of(scope, event.entry)
    metadata, who = tree["metadata"], past.who(event)
    item: Tree = {"revision": str(event.revision), "type": event.type}
    if not single:
        if metadata.get("namespace"):
            item["namespace"] = metadata["namespace"]
        item["name"] = metadata["name"]
    if who.time:
        item["time"] = times.text(who.time)
    if who.user:
        item["user"] = who.user
    if who.manager:
        item["manager"] = who.manager
    for member in ("uid", "generation"):
        if member in metadata:
            item[member] = metadata[member]
    if event.type == MODIFIED and event.previous is not None:
        before = encoding.tree_of(scope, event.previous)
        item["changes"] = [change.tree() for change in difference(before, tree, _UNTOLD)]
    if whole:
        item["object"] = tree
    return item
