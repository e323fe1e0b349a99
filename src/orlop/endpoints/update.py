"""PUT: decode, then let the registry's `Updater` replace what is stored. Also the admission half of every update,
which PATCH shares. Behaviour: apiserver `endpoints/handlers/update.go`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from orlop.admission.interface import CREATE, UPDATE, Attributes
from orlop.api import errors
from orlop.api.context import Context, RequestInfo
from orlop.api.http import Answer, Request
from orlop.api.options import Preconditions
from orlop.api.query_options import parse_update
from orlop.api.tree import Tree
from orlop.apply.entries import keep_times
from orlop.endpoints import response
from orlop.endpoints.decode import decode
from orlop.endpoints.owner_references import deduplicate
from orlop.endpoints.ownership import track
from orlop.endpoints.scope import Scope
from orlop.registry.create import match_namespace
from orlop.registry.interface import Admit


def check_name(obj: Tree, name: str, namespace: str) -> None:
    """The body must be about the URL's object."""
    metadata = obj["metadata"]
    own_name, own_namespace = metadata.get("name", ""), metadata.get("namespace", "")
    if not own_name:
        raise errors.bad_request(
            f"the name of the object ({name} based on URL) was undeterminable: name must be provided")
    if own_name != name:
        raise errors.bad_request(
            f"the name of the object ({own_name}) does not match the name on the URL ({name})")
    if namespace and own_namespace and own_namespace != namespace:
        raise errors.bad_request(f"the namespace of the object ({own_namespace}) does not match the namespace on the "
                                 f"request ({namespace})")


class Admission:
    """The plugins' part in one update request: `mutate` inside the update, `on_create` and `on_update` at its end."""

    def __init__(self, scope: Scope, ctx: Context, dry_run: bool) -> None:
        self._scope, self._ctx, self._dry_run = scope, ctx, dry_run

    def _attributes(self, operation: str, new: Tree, old: Tree | None) -> Attributes:
        scope, ctx = self._scope, self._ctx
        namespace = ctx.namespace
        return Attributes(ctx, operation, scope.kind, scope.resource, scope.subresource, namespace,
                          ctx.info.name, new, old, self._dry_run)

    def mutate(self, new: Tree, old: Tree) -> Tree | Awaitable[Tree]:
        exists = bool(old["metadata"].get("uid"))
        pipeline = self._scope.on_update if exists else self._scope.on_create
        attributes = self._attributes(UPDATE if exists else CREATE, new, old if exists else None)
        pending = pipeline.admit(attributes)
        if pending is not None:
            return self._mutated(pending, new, old)
        return self._settled(new, old)

    async def _mutated(self, pending: Awaitable[None], new: Tree, old: Tree) -> Tree:
        await pending
        return self._settled(new, old)

    def _settled(self, new: Tree, old: Tree) -> Tree:
        deduplicate(new, self._ctx, after_admission=True)
        keep_times(old, new)
        return new

    def on_create(self) -> Admit:
        """Creating by PUT or PATCH takes the right to create as well."""

        def admit(new: Tree, old: Tree | None) -> Awaitable[None] | None:
            self._authorize_create()
            return self._scope.on_create.validate(self._attributes(CREATE, new, None))

        return admit

    def _authorize_create(self) -> None:
        authorize = self._scope.authorize
        if authorize is not None:
            info = self._ctx.info
            authorize(self._ctx.user, RequestInfo("create", info.path, info.prefix, info.group, info.version,
                                                  info.namespace, info.resource, info.subresource, info.name))

    def on_update(self) -> Admit:
        def admit(new: Tree, old: Tree | None) -> Awaitable[None] | None:
            return self._scope.on_update.validate(self._attributes(UPDATE, new, old))

        return admit


class Replacement:
    """The body of a PUT as an update source. `note` tracks who owns its fields. The tree is used up by the first
    attempt and decoded anew for others."""

    def __init__(self, again: Callable[[], Tree], first: Tree, admission: Admission,
                 note: Callable[[Tree, Tree], None]) -> None:
        self._again, self._first, self._admission, self._note = again, first, admission, note
        uid = first["metadata"].get("uid")
        self.preconditions = Preconditions(uid=uid) if uid else None
        self._used = False

    def updated(self, ctx: Context, old: Tree) -> Tree | Awaitable[Tree]:
        new = self._again() if self._used else self._first
        self._used = True
        self._note(old, new)
        return self._admission.mutate(new, old)


async def update(scope: Scope, request: Request) -> Answer:
    ctx = request.context
    representation = response.negotiate(request)
    options = parse_update(request)

    def read() -> Tree:
        obj = decode(scope, request, ctx, options.directive)
        metadata = obj["metadata"]
        match_namespace("" if scope.resource.group_resource == ("", "namespaces") else ctx.namespace, metadata)
        check_name(obj, ctx.info.name, ctx.namespace)
        deduplicate(obj, ctx)
        return obj

    admission = Admission(scope, ctx, options.dry_run)
    manager = options.manager(ctx.user_agent)

    def note(old: Tree, new: Tree) -> None:
        track(scope, old, new, manager)

    source = Replacement(read, read(), admission, note)
    stored, created = await scope.storage.update(ctx, ctx.info.name, source, admission.on_create(),
                                                 admission.on_update(), options)
    return response.answer_object(scope, request, stored, 201 if created else 200, representation)
