"""PATCH: make the new object from the stored one and a patch, inside the registry's update, so that a concurrent
write in between means patching again, not losing it.

Chooses the mechanism by Content-Type; the mechanisms themselves are pure and live in `patching`. Server-side apply is
`apply`'s. Behaviour: apiserver `endpoints/handlers/patch.go`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial

import orjson

from orlop.api import errors
from orlop.api.context import Context
from orlop.api.errors import APIError
from orlop.api.field import Path, invalid
from orlop.api.gvk import GroupKind
from orlop.api.http import Answer, Request
from orlop.api.options import PatchOptions, Preconditions
from orlop.api.query_options import parse_patch
from orlop.api.tree import Tree, Value
from orlop.codec import json, negotiation
from orlop.endpoints import patched_text, response
from orlop.endpoints.apply import ApplySource
from orlop.endpoints.decode import forgets_owners, mismatch, own_kind
from orlop.endpoints.ownership import track
from orlop.endpoints.scope import APPLY, JSON_PATCH, MERGE_PATCH, PATCH_TYPES, STRATEGIC, Scope
from orlop.endpoints.update import Admission, check_name
from orlop.patching import go_value, json_operation, json_patch, merge_patch, strategic
from orlop.patching.errors import BadPatch, PatchError
from orlop.patching.spent_patch import spent
from orlop.registry.create import match_namespace
from orlop.schema.interface import DecodeError
from orlop.schema.kind import KindSchema

_NO_KIND = GroupKind("", "")
_META = 'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
"""The Go type with which upstream looks what a body is."""
_HUGE = re.compile(rb"-?[0-9.]{300,}|-?[0-9.]+[eE]\+?[0-9]{3,}")
"""Numbers that may be beyond all floats."""


class Mechanism:
    """One kind of patch, its body read once. `complaints` are strict errors about the patch itself. `reads_text`:
    upstream makes text of the result and decodes that."""

    reads_text = True

    def __init__(self, scope: Scope, body: bytes, checked: bool) -> None:
        self.scope = scope
        self.complaints: list[str] = self.read(body, checked)

    def read(self, body: bytes, checked: bool) -> list[str]:
        raise AssertionError("each mechanism reads its own body")

    def apply(self, document: Tree) -> Value:
        """The patched document; `document` stays as it is."""
        raise AssertionError("each mechanism applies itself")

    def decode(self, patched: Tree, strict: list[str] | None) -> None:
        """Make the result a proper object of the kind. Raises DecodeError.

        Upstream reads the result from text whose keys are sorted, which decides the order of complaints.
        """
        actual = own_kind(patched, self.scope.kind)
        if actual != self.scope.kind and self.scope.check_kind is None:
            raise DecodeError(mismatch(self.scope, actual))
        found: list[str] | None = None if strict is None else []
        self.scope.schema.decode(patched, found)
        if strict is not None and found:
            strict += sorted(found, key=lambda text: text.split("."))

    def shown(self, document: Tree, patched: Value) -> str:
        """What an error about the result quotes. Upstream keeps custom resources with their members sorted."""
        if self.scope.check_kind is not None:
            return orjson.dumps(patched, option=orjson.OPT_SORT_KEYS).decode()
        schema = self.scope.schema
        if isinstance(schema, KindSchema):
            return patched_text.text(schema.type, document, patched)
        return json.encode(patched).decode()


def _read_object(body: bytes, checked: bool, prefix: str) -> tuple[Value, list[str]]:
    try:
        patch = json.decode(body)
    except json.JSONError as error:
        raise BadPatch(f"{prefix}{error}" if checked else str(error)) from None
    if (checked or not prefix) and _HUGE.search(body) and not _finite(patch):
        number = next(text for text in _HUGE.findall(body) if math.isinf(float(text)))
        raise BadPatch(f"{prefix}json: cannot unmarshal number {number.decode()} into Go value of type float64")
    repeats = checked and json.may_repeat_keys(body, patch)
    return patch, json.repeated_keys(body) if repeats else []


def _finite(value: Value) -> bool:
    if isinstance(value, dict):
        return all(map(_finite, value.values()))
    if isinstance(value, list):
        return all(map(_finite, value))
    return not isinstance(value, float) or math.isfinite(value)


class JSONPatch(Mechanism):
    def read(self, body: bytes, checked: bool) -> list[str]:
        self._operations = json_operation.parse(body, checked=checked)
        return json_operation.unknown_members(self._operations, body) if checked else []

    def apply(self, document: Tree) -> Value:
        return json_patch.apply(document, self._operations)


class MergePatch(Mechanism):
    def read(self, body: bytes, checked: bool) -> list[str]:
        self._patch, complaints = _read_object(body, checked, "error decoding patch: ")
        if checked:
            merge_patch.check(self._patch)
        return complaints

    def apply(self, document: Tree) -> Value:
        return merge_patch.apply(document, self._patch)


class StrategicPatch(Mechanism):
    reads_text = False

    def read(self, body: bytes, checked: bool) -> list[str]:
        if self.scope.schema.merge_schema is None:
            raise errors.unsupported_media_type((JSON_PATCH, MERGE_PATCH))
        self._schema = self.scope.schema.merge_schema
        patch, complaints = _read_object(body, checked, "")
        self._patch = strategic.check(patch)
        return complaints

    def apply(self, document: Tree) -> Value:
        return strategic.apply(document, self._patch, self._schema)

    def decode(self, patched: Tree, strict: list[str] | None) -> None:
        self.scope.schema.restore(patched, strict)

    def shown(self, document: Tree, patched: Value) -> str:
        return go_value.plain(spent(document, self._patch, self._schema))


_MECHANISMS: Mapping[str, type[Mechanism]] = {
    JSON_PATCH: JSONPatch,
    MERGE_PATCH: MergePatch,
    STRATEGIC: StrategicPatch,
}


class PatchSource:
    """A patch as an update source: applied to whatever is stored when the update gets its turn. The result may share
    parts with the patch, so that every further attempt reads the patch anew."""

    preconditions: Preconditions | None = None

    def __init__(self, scope: Scope, read: Callable[[], Mechanism], options: PatchOptions,
                 admission: Admission) -> None:
        self._scope, self._read, self._options, self._admission = scope, read, options, admission
        self._mechanism, self._used = read(), False

    def updated(self, ctx: Context, old: Tree) -> Tree | Awaitable[Tree]:
        if self._used:
            self._mechanism = self._read()
        self._used = True
        if not old["metadata"].get("uid"):
            raise errors.not_found(self._scope.resource.group_resource, ctx.info.name)
        new = self._patched(ctx, old)
        metadata = new["metadata"]
        track(self._scope, old, new, self._options.manager(ctx.user_agent))
        is_namespace = self._scope.resource.group_resource == ("", "namespaces")
        match_namespace("" if is_namespace else ctx.namespace, metadata)
        check_name(new, ctx.info.name, "" if is_namespace else ctx.namespace)
        return self._admission.mutate(new, old)

    def _patched(self, ctx: Context, old: Tree) -> Tree:
        scope, kind = self._scope, self._scope.kind
        served: Tree = scope.from_hub(orjson.loads(orjson.dumps(old))) if scope.from_hub is not None else old
        document = {"kind": kind.kind, "apiVersion": kind.api_version, **served}
        try:
            patched = self._mechanism.apply(document)
        except PatchError as error:
            raise error.answer() from None
        if not isinstance(patched, dict):
            raise self._undecodable(document, patched, "couldn't get version/kind; json parse error: json: cannot "
                                                       f"unmarshal {_json_name(patched)} into Go value of type {_META}")
        new, untouched = _own(patched, document)
        if not new.get("apiVersion") and scope.check_kind is None and self._mechanism.reads_text:
            raise self._unversioned(ctx, document, new)
        if scope.check_kind is not None and (new.get("kind"), new.get("apiVersion")) != (kind.kind, kind.api_version):
            untouched = {}  # what it says it is now may have other fields
        forgets = forgets_owners(new)
        self._check(ctx, document, new, untouched)
        new.setdefault("metadata", {})
        if forgets:
            new["metadata"]["managedFields"] = []
        scope.default(new)
        return scope.to_hub(new) if scope.to_hub is not None else new

    def _check(self, ctx: Context, document: Tree, new: Tree, untouched: Tree) -> None:
        """Types and names of the result: what does not decode is a 422 about the patch. What it leaves as it was has
        been decoded before."""
        directive = self._options.directive
        strict: list[str] | None = None if directive == "Ignore" else []
        shown = dict(new)
        for name in untouched:
            del new[name]
        try:
            self._mechanism.decode(new, strict)
        except DecodeError as error:
            raise self._undecodable(document, shown, str(error)) from None
        new |= untouched
        complaints = [*self._mechanism.complaints, *(strict or ())]
        if not complaints:
            return
        if directive == "Strict":
            raise self._undecodable(document, shown, f"strict decoding error: {', '.join(complaints)}")
        for text in complaints:
            ctx.warn(text)

    def _unversioned(self, ctx: Context, document: Tree, new: Tree) -> APIError:
        """Without a version upstream reads the result as its own internal type, whose members have other names: it
        finds none of them, and no name."""
        unknown = [f'unknown field "{name}"' for name in sorted(new) if name not in ("kind", "apiVersion")]
        if self._options.directive == "Strict" and (unknown or self._mechanism.complaints):
            complaints = ", ".join([*self._mechanism.complaints, *unknown])
            return self._undecodable(document, new, f"strict decoding error: {complaints}")
        return errors.bad_request(f"the name of the object ({ctx.info.name} based on URL) was undeterminable: "
                                  "name must be provided")

    def _undecodable(self, document: Tree, patched: Value, why: str) -> APIError:
        shown = self._mechanism.shown(document, patched)
        return errors.invalid(_NO_KIND, "", [invalid(Path("patch"), shown, why)])


def _own(patched: Tree, document: Tree) -> tuple[Tree, Tree]:
    """The patched tree with its own top-level objects: what later steps change must not be shared with the stored
    object. And those of them that the patch left as they were."""
    own, untouched = dict(patched), {}
    for name, value in patched.items():
        stored = document.get(name)
        if stored is value and isinstance(stored, dict):
            own[name] = untouched[name] = dict(stored)
    return own, untouched


def _json_name(value: Value) -> str:
    return json_operation.json_name(value)


def patch_type(request: Request, accepted: tuple[str, ...]) -> str:
    """The patch's Content-Type without parameters. Raises 415."""
    header = request.headers.get("content-type", "")
    media = header.partition(";")[0]
    if accepted is PATCH_TYPES:
        negotiation.check_consumes(header, accepted)
    elif media not in accepted:
        raise errors.unsupported_media_type(accepted)
    return media


async def patch(scope: Scope, request: Request) -> Answer:
    ctx = request.context
    media = patch_type(request, scope.patches)
    representation = response.negotiate(request)
    options = parse_patch(request, apply=media == APPLY)
    admission = Admission(scope, ctx, options.dry_run)
    source: PatchSource | ApplySource
    if media == APPLY:
        source = ApplySource(scope, request.body, options, admission)
    else:
        read = partial(_MECHANISMS[media], scope, request.body, options.directive != "Ignore")
        try:
            source = PatchSource(scope, read, options, admission)
        except PatchError as error:
            raise error.answer() from None
    stored, created = await scope.storage.update(
        ctx, ctx.info.name, source, admission.on_create(), admission.on_update(), options.for_update(),
        force_create=media == APPLY and not scope.subresource)
    return response.answer_object(scope, request, stored, 201 if created else 200, representation)
