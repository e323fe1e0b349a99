"""POST /orlop/v1/undo/PATH: the object as it was at an older revision, written anew.

Called by `past`, after the right to update the object was checked. What is written goes the ordinary ways, as the PUT
or (for an object that is gone) the POST of a client who kept the old manifest: decoding, admission, strategy,
validation, conflicts. Query: `to` (default: the revision before the newest change), `resourceVersion` (refuse unless
the object still has it), `status=1` (bring back the status, too, by a second write), `dryRun`, `fieldManager`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

import orjson

from orlop.api import errors, resource_version
from orlop.api.context import Context, RequestInfo
from orlop.api.errors import APIError
from orlop.api.field import quote
from orlop.api.http import Answer, Request
from orlop.api.request_info import request_info
from orlop.api.tree import Tree
from orlop.endpoints import encoding
from orlop.endpoints.router import Router, method_not_allowed
from orlop.endpoints.scope import Scope
from orlop.registry import history as past
from orlop.registry.history import Target
from orlop.registry.store import Store
from orlop.storage.interface import Entry

_SYSTEM: Final = ("resourceVersion", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
                  "generation", "selfLink", "managedFields")
"""Members of metadata that are the server's: they are never brought back."""
_PASSED_ON: Final = ("dryRun", "fieldManager")


async def undo(router: Router, scope: Scope, store: Store, request: Request) -> Answer:
    """`request` is as a PUT of the object itself, with our query."""
    if len(request.context.info.parts) != 2:
        raise method_not_allowed()
    return await _Undo(router, scope, store, request).run()


class _Undo:
    def __init__(self, router: Router, scope: Scope, store: Store, request: Request) -> None:
        self._router, self._scope, self._store, self._request = router, scope, store, request
        self._ctx: Context = request.context
        self._info: RequestInfo = request.context.info
        self._resource = scope.resource.group_resource
        self._has_status = router.knows(replace(self._info, subresource="status"))
        self._with_status = request.parameter("status") not in ("", "0", "false")

    async def run(self) -> Answer:
        self._authorize(replace(self._info, verb="get"))
        if self._with_status:
            if not self._has_status:
                raise errors.bad_request(f"{self._resource} have no status of their own")
            self._authorize(replace(self._info, subresource="status"))
        current = await past.newest(self._store, self._ctx, self._info.name)
        self._check(current)
        target = await self._target()
        answer = None
        if current is None:
            answer = await self._create(target)
        elif self._differ(current, target.entry):
            answer = await self._update(current, target)
        if self._with_status:
            answer = await self._restore_status(target) or answer
        if answer is None:
            raise errors.bad_request(f"{self._resource} {quote(self._info.name)} is already as it was at revision "
                                     f"{target.revision}")
        return answer

    def _authorize(self, info: RequestInfo) -> None:
        if self._scope.authorize is None:
            raise method_not_allowed()
        self._scope.authorize(self._ctx.user, info)

    def _check(self, current: Entry | None) -> None:
        """The precondition of the query."""
        text = self._request.parameter("resourceVersion")
        wanted = resource_version.parse_list(text)
        if wanted and (current is None or wanted != current.revision):
            raise errors.conflict(self._resource, self._info.name, errors.MODIFIED)

    async def _target(self) -> Target:
        text, name = self._request.parameter("to"), self._info.name
        if not text:
            return await past.before_newest(self._store, self._ctx, name, self._worth_undoing)
        revision = resource_version.parse_list(text)
        if not revision:
            raise errors.bad_request("to must be a revision: a number above 0")
        try:
            return Target(await past.state(self._store, self._ctx, name, revision), revision)
        except APIError as error:
            if error.code != 404:
                raise
            text = f"{self._resource} {quote(name)} was not there at revision {revision}"
            raise APIError(404, error.reason, text, error.details) from None

    # --- the writes

    async def _create(self, target: Target) -> Answer:
        collection = "/" + self._info.path.strip("/").rpartition("/")[0]
        return await self._send("POST", collection, _manifest(self._scope, target.entry, ""), authorized=False)

    async def _update(self, current: Entry, target: Target) -> Answer:
        uid = current.tree()["metadata"].get("uid", "")
        tree = _manifest(self._scope, target.entry, uid)
        tree["metadata"]["uid"] = uid
        tree["metadata"]["resourceVersion"] = str(current.revision)
        return await self._send("PUT", self._info.path, tree)

    async def _restore_status(self, target: Target) -> Answer | None:
        """The status alone, on top of the object as it is by now; None when it is that status, or when a dry run has
        made no object that could get one."""
        current = await past.newest(self._store, self._ctx, self._info.name)
        if current is None:
            return None
        tree, old = encoding.tree_of(self._scope, current), encoding.tree_of(self._scope, target.entry)
        if _text(tree.get("status")) == _text(old.get("status")):
            return None
        tree.pop("status", None)
        if "status" in old:
            tree["status"] = old["status"]
        return await self._send("PUT", self._info.path.rstrip("/") + "/status", tree)

    async def _send(self, method: str, path: str, tree: Tree, *, authorized: bool = True) -> Answer:
        """Make an ordinary request in the caller's name."""
        given = [(name, value) for name in _PASSED_ON for value in self._request.parameters.get(name, ())]
        query = urlencode([*given, ("fieldValidation", "Ignore")])
        headers = {**self._request.headers, "content-type": "application/json"}
        made = Request(method, path, query, headers, orjson.dumps(tree), peer=self._request.peer)
        info, ctx = request_info(made), self._ctx
        if not authorized:
            self._authorize(info)
        made.context = Context(ctx.user, info, info.namespace, ctx.user_agent, ctx.warnings)
        verb, scope = self._router.find(info, method)
        answer = verb(scope, made)
        return await answer if isinstance(answer, Awaitable) else answer

    def _worth_undoing(self, current: Entry, before: Entry) -> bool:
        """Whether somebody else's status is not all that changed."""
        if self._with_status and _text(current.tree().get("status")) != _text(before.tree().get("status")):
            return True
        return self._differ(current, before)

    def _differ(self, current: Entry, target: Entry) -> bool:
        """Whether an update would change anything."""
        uid = current.tree()["metadata"].get("uid", "")
        mine, other = _manifest(self._scope, current, uid), _manifest(self._scope, target, uid)
        if self._has_status:
            mine.pop("status", None)
            other.pop("status", None)
        return _text(mine) != _text(other)


def _manifest(scope: Scope, entry: Entry, uid: str) -> Tree:
    """The object as a client would send it. Where the server wrote the object's own uid into it (selectors and labels
    of Jobs), the new one `uid` stands; nothing, when that is not known yet."""
    tree = encoding.tree_of(scope, entry)
    old = tree["metadata"].get("uid", "")
    for name in _SYSTEM:
        tree["metadata"].pop(name, None)
    if old and old != uid:
        _rename(tree, old, uid)
    return tree


def _rename(tree: Tree, old: str, new: str) -> None:
    """Put `new` wherever `old` is the value of a member; with "" leave such members out, and objects that are empty
    without them."""
    for name, value in list(tree.items()):
        if type(value) is dict and value:
            _rename(value, old, new)
            if not value:
                del tree[name]
        elif value == old:
            if new:
                tree[name] = new
            else:
                del tree[name]


def _text(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
