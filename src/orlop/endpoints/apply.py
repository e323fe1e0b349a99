"""Server-side apply: a patch that says what its manager wants, merged under the type of the kind.

Called by `patch` for bodies of application/apply-patch+yaml; the merge and the owners are `apply.tracking`'s.
Behaviour: apiserver `endpoints/handlers/patch.go` applyPatcher.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable

from orlop.api import errors
from orlop.api.context import Context
from orlop.api.errors import APIError
from orlop.api.options import PatchOptions, Preconditions
from orlop.api.tree import Tree, Value
from orlop.codec import json, yaml
from orlop.endpoints.ownership import now, served
from orlop.endpoints.scope import Scope
from orlop.endpoints.update import Admission, check_name
from orlop.patching import json_operation
from orlop.registry.create import match_namespace
from orlop.schema.interface import DecodeError

_TO_JSON = "error converting YAML to JSON: "
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
"""Half a character, as JSON may spell those beyond 16 bits; YAML refuses it."""


def _bad(why: str) -> APIError:
    return errors.bad_request(f"error decoding YAML: {why}")


def read(body: bytes) -> tuple[Tree, str]:
    """The configuration, and what a strict reader says of it: keys that stand twice. Raises 400."""
    config = _as_json(body)
    if config is not None:
        return config, ""
    try:
        text = yaml.to_json(body)
        value: Value = json.decode(text.text)
    except yaml.YAMLError as error:
        raise _bad(f"{_TO_JSON}{error}") from None
    except json.JSONError as error:
        raise _bad(f"error unmarshaling JSON: {error}") from None
    if value is None:
        value = {}
    if not isinstance(value, dict):
        kind = json_operation.json_name(value)
        raise _bad(f"error unmarshaling JSON: while decoding JSON: json: cannot unmarshal {kind} into Go value of type "
                   "map[string]interface {}")
    return value, text.strict_error() if text.repeated else ""


def _as_json(body: bytes) -> Tree | None:
    """Most clients send JSON, which is YAML and read twenty times as fast. None: not an object in JSON, or one with a
    key that may stand twice or with a character that YAML does not take, of which YAML's reader has its own words."""
    if body[:1] != b"{" or (b"\\u" in body and _SURROGATE.search(body)):
        return None
    try:
        value = json.decode(body)
    except json.JSONError:
        return None
    return value if isinstance(value, dict) and not json.may_repeat_keys(body, value) else None


class ApplySource:
    """An apply as an update source: merged into whatever is stored when the update gets its turn."""

    preconditions: Preconditions | None = None

    def __init__(self, scope: Scope, body: bytes, options: PatchOptions, admission: Admission) -> None:
        fields = scope.field_manager
        if fields is None:
            raise errors.method_not_supported(scope.resource.group_resource, "patch")
        self._fields, self._scope, self._body = fields, scope, body
        self._options, self._admission = options, admission

    def updated(self, ctx: Context, old: Tree) -> Tree | Awaitable[Tree]:
        new = self._applied(ctx, old)
        metadata = new["metadata"]
        if metadata.get("uid") and not old["metadata"].get("uid"):
            raise errors.conflict(self._scope.resource.group_resource, ctx.info.name, (
                f"uid mismatch: the provided object specified uid {metadata['uid']}, and no existing object was found"))
        namespace = "" if self._scope.resource.group_resource == ("", "namespaces") else ctx.namespace
        match_namespace(namespace, metadata)
        check_name(new, ctx.info.name, namespace)
        return self._admission.mutate(new, old)

    def _applied(self, ctx: Context, old: Tree) -> Tree:
        scope, options = self._scope, self._options
        config, complaint = read(self._body)
        live = served(scope, old) if old["metadata"].get("uid") else None
        merged = self._fields.apply(live, config, options.field_manager, bool(options.force), now(scope))
        self._report(ctx, complaint)
        if merged is live:
            return {**old, "metadata": dict(old["metadata"])}
        kind = scope.kind
        new: Tree = {**merged, "kind": kind.kind, "apiVersion": kind.api_version}
        try:
            (scope.restore_applied or scope.schema.restore)(new)
        except DecodeError as error:
            about = f"{self._fields.names(config)}) to proper version: unable to convert unstructured object to {kind}"
            raise errors.unknown(f"failed to convert new object ({about}: {error}") from None
        scope.default(new)
        return scope.to_hub(new) if scope.to_hub is not None else new

    def _report(self, ctx: Context, complaint: str) -> None:
        """Upstream looks for repeated keys once the apply has gone well."""
        if not complaint or self._options.directive == "Ignore":
            return
        if self._options.directive == "Strict":
            raise errors.bad_request(f"error strict decoding YAML: {_TO_JSON}{complaint}")
        ctx.warn(complaint)
