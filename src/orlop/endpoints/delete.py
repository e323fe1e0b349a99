"""DELETE of one object or of a collection. Options come from the body, else from the query, never from both.
Behaviour: apiserver `endpoints/handlers/delete.go`."""

from __future__ import annotations

from collections.abc import Awaitable

from orlop.admission.interface import DELETE, Attributes
from orlop.api import errors
from orlop.api.field import quote
from orlop.api.gvk import GroupVersionKind
from orlop.api.http import Answer, Request
from orlop.api.options import DeleteOptions
from orlop.api.query_options import delete_from_body, parse_delete
from orlop.api.tree import Tree
from orlop.codec import negotiation
from orlop.endpoints import decode, response
from orlop.endpoints.list import list_options
from orlop.endpoints.scope import Scope
from orlop.registry.interface import Admit

_KIND = GroupVersionKind("meta.k8s.io", "v1", "DeleteOptions")


def delete_options(scope: Scope, request: Request) -> DeleteOptions:
    if not request.body:
        return parse_delete(request)
    media = negotiation.input_media(request.headers.get("content-type", ""))
    try:
        body = decode.read(request.body, media, _KIND)
        kind = body.kind
        if kind.kind != _KIND.kind:
            raise errors.bad_request(f'no kind {quote(kind.kind)} is registered for version '
                                     f'{quote(str(kind.group_version))} in scheme "pkg/runtime/scheme.go:111"')
        tree = decode.typed(body, scope.delete_options_schema(), None)
    except (decode.Unreadable, *decode.UNFIT) as error:
        raise errors.bad_request(str(error)) from None
    return delete_from_body(tree)


def _admit(scope: Scope, request: Request, options: DeleteOptions, name: str) -> Admit:
    ctx = request.context
    pipeline = scope.on_delete
    is_namespace = scope.resource.group_resource == ("", "namespaces")

    def admit(old: Tree, _: Tree | None) -> Awaitable[None] | None:
        attributes = Attributes(ctx, DELETE, scope.kind, scope.resource, scope.subresource,
                                name if is_namespace else ctx.namespace, name, None, old, options.dry_run)
        return pipeline.review(attributes)

    return admit


async def delete(scope: Scope, request: Request) -> Answer:
    ctx = request.context
    representation = response.negotiate(request)
    options = delete_options(scope, request)
    name = ctx.info.name
    gone, at_once = await scope.storage.delete(ctx, name, _admit(scope, request, options, name), options)
    status = 202 if not at_once and options.orphan_dependents is False else 200
    return response.answer_object(scope, request, gone, status, representation)


async def delete_collection(scope: Scope, request: Request) -> Answer:
    ctx = request.context
    representation = response.negotiate(request)
    selection = list_options(scope, request)
    options = delete_options(scope, request)
    result = await scope.storage.delete_collection(ctx, _admit(scope, request, options, ""), options, selection)
    return response.answer_list(scope, request, result, representation)
