"""POST: decode, admit, create, encode. Hands the object to the registry's `Creater`.
Behaviour: apiserver `endpoints/handlers/create.go`."""

from __future__ import annotations

from collections.abc import Awaitable

from orlop.admission.interface import CREATE, Attributes
from orlop.api.http import Answer, Request
from orlop.api.query_options import parse_create
from orlop.api.tree import Tree
from orlop.endpoints import response
from orlop.endpoints.decode import decode
from orlop.endpoints.owner_references import deduplicate
from orlop.endpoints.ownership import track
from orlop.endpoints.scope import Scope
from orlop.registry.create import match_namespace, wipe_system_fields

_NAMESPACES = ("", "namespaces")


async def create(scope: Scope, request: Request) -> Answer:
    ctx = request.context
    representation = response.negotiate(request)
    options = parse_create(request)
    obj = decode(scope, request, ctx, options.directive)
    metadata = obj["metadata"]
    name = ctx.info.name or metadata.get("name", "")
    is_namespace = scope.resource.group_resource == _NAMESPACES
    if not scope.preserves_metadata:
        wipe_system_fields(metadata)
    match_namespace("" if is_namespace else ctx.namespace, metadata)
    deduplicate(obj, ctx)
    track(scope, None, obj, options.manager(ctx.user_agent))
    attributes = Attributes(ctx, CREATE, scope.kind, scope.resource, scope.subresource,
                            name if is_namespace else ctx.namespace, name, obj, None, options.dry_run)
    pipeline = scope.on_create
    pending = pipeline.admit(attributes)
    if pending is not None:
        await pending
    deduplicate(obj, ctx, after_admission=True)

    def validate(new: Tree, old: Tree | None) -> Awaitable[None] | None:
        attributes.obj = new
        attributes.name = attributes.name or new["metadata"].get("name", "")
        return pipeline.validate(attributes)

    created = await scope.storage.create(ctx, ctx.info.name, obj, validate, options)
    if isinstance(created, dict) and created.get("kind") == "Status" and not created.get("code"):
        created["code"] = 201
    return response.answer_object(scope, request, created, 201, representation)


