"""What expressions of webhooks and policies may speak of, as environments of `orlop.cel`.

Used by `expressions`, at the first expression: the language is not loaded before. Behaviour: apiserver
`pkg/admission/plugin/cel/compile.go` and `composition.go`, `pkg/cel/mutation` (types that a mutation may make).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

from orlop.cel import types as t
from orlop.cel.environment import Environment
from orlop.cel.issues import CompileError, ProgramError
from orlop.cel.library_authorizer import AUTHORIZER_TYPE, RESOURCE_CHECK_TYPE
from orlop.cel.library_json_patch import JSON_PATCH
from orlop.cel.library_kubernetes import LIBRARIES
from orlop.cel.types import Kind, Type

_VARIABLES: Final = "kubernetes.variables"
_STRINGS: Final = t.list_of(t.STRING)
_LABELS: Final = t.map_of(t.STRING, t.STRING)
_MADE: Final = re.compile(r"(Object(?:\s*\.\s*[A-Za-z_]\w*)*)\s*\{", re.ASCII)


class Wrong(Exception):
    """An expression that cannot be used. `internal`: not by a fault of its text."""

    def __init__(self, why: str, internal: bool = False) -> None:
        super().__init__(why)
        self.internal = internal


class _AnyField(Mapping[str, Type]):
    """Fields of an object whose schema is not known: each there is, of the type `others` but for some."""

    def __init__(self, others: Type, known: Mapping[str, Type] | None = None) -> None:
        self._others, self._known = others, known or {}

    def __getitem__(self, name: str) -> Type:
        return self._known.get(name, self._others)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


_ANY_FIELD: Final = _AnyField(t.DYN)
_NO_TYPE: Final = t.object_type("")
"""What upstream says of fields that a patch does not have: no value is of that type."""
OBJECT: Final = t.object_type("Object", _ANY_FIELD)
PATCH: Final = t.object_type("JSONPatch", _AnyField(_NO_TYPE, {
    "op": t.STRING, "path": t.STRING, "from": t.STRING, "value": t.DYN}))


def _texts(*names: str) -> dict[str, Type]:
    return dict.fromkeys(names, t.STRING)


def _request() -> Type:
    kind = t.object_type("kubernetes.GroupVersionKind", _texts("group", "version", "kind"))
    resource = t.object_type("kubernetes.GroupVersionResource", _texts("group", "version", "resource"))
    user = t.object_type("kubernetes.UserInfo", {
        **_texts("username", "uid"), "groups": _STRINGS, "extra": t.map_of(t.STRING, _STRINGS)})
    return t.object_type("kubernetes.AdmissionRequest", {
        **_texts("subResource", "requestSubResource", "name", "namespace", "operation"), "kind": kind,
        "resource": resource, "requestKind": kind, "requestResource": resource, "userInfo": user, "dryRun": t.BOOL,
        "options": t.DYN})


def _namespace() -> Type:
    condition = t.object_type("kubernetes.NamespaceCondition", {
        **_texts("status", "type", "message", "reason"), "lastTransitionTime": t.TIMESTAMP})
    metadata = t.object_type("kubernetes.NamespaceMetadata", {
        **_texts("name", "generateName", "namespace", "UID", "resourceVersion"), "labels": _LABELS,
        "annotations": _LABELS, "creationTimestamp": t.TIMESTAMP, "deletionGracePeriodSeconds": t.INT,
        "deletionTimestamp": t.TIMESTAMP, "generation": t.INT, "finalizers": _STRINGS})
    status = t.object_type("kubernetes.NamespaceStatus", {"conditions": t.list_of(condition), "phase": t.STRING})
    spec = t.object_type("kubernetes.NamespaceSpec", {"finalizers": _STRINGS})
    return t.object_type("kubernetes.Namespace", {"metadata": metadata, "spec": spec, "status": status})


@lru_cache(maxsize=8)
def _environment(params: bool, authorizer: bool, patches: bool) -> Environment:
    variables: dict[str, Type] = {"object": t.DYN, "oldObject": t.DYN, "namespaceObject": _namespace(),
                                  "request": _request()}
    if params:
        variables["params"] = t.DYN
    if authorizer:
        variables |= {"authorizer": AUTHORIZER_TYPE, "authorizer.requestResource": RESOURCE_CHECK_TYPE}
    if patches:
        variables |= {"Object": t.type_of(OBJECT), "JSONPatch": t.type_of(PATCH)}
    return Environment(variables, (*LIBRARIES, JSON_PATCH) if patches else LIBRARIES)


def compile_expression(text: str, wanted: Sequence[Type], *, params: bool, authorizer: bool, patches: bool,
                       variables: Mapping[str, Type] | None) -> Type:
    """The type of an expression, one of those `wanted` (of any type when there are none). `variables`: what it may find
    under that name, None for nothing. Raises Wrong."""
    environment = _environment(params, authorizer, patches)
    more: dict[str, Type] = {} if variables is None else {"variables": t.object_type(_VARIABLES, variables)}
    for match in _MADE.finditer(text) if patches else ():
        name = re.sub(r"\s", "", match[1])
        more[name] = t.type_of(t.object_type(name, _ANY_FIELD))
    if more:
        environment = environment.extended(more)
    try:
        checked = environment.check(text)
    except CompileError as error:
        raise Wrong(f"compilation failed: {error}") from None
    found = checked.types[checked.root.id]
    if wanted and found not in wanted:
        shown = [_shown(one) for one in wanted]
        which = shown[0] if len(shown) == 1 else f"one of [{' '.join(shown)}]"
        raise Wrong(f"must evaluate to {which} but got {_shown(found)}")
    try:
        environment.program(checked)
    except ProgramError as error:
        raise Wrong(f"program instantiation failed: {error.message}", internal=True) from None
    return found


def stored_type(found: Type) -> Type:
    """The type of a variable whose expression is of this type: what is neither plain, a list nor a map is anything."""
    if found.kind is Kind.LIST:
        return t.list_of(stored_type(found.parameters[0]))
    if found.kind is Kind.MAP:
        return t.map_of(stored_type(found.parameters[0]), stored_type(found.parameters[1]))
    plain = (t.ANY, t.BOOL, t.BYTES, t.DOUBLE, t.DURATION, t.INT, t.NULL, t.STRING, t.TIMESTAMP, t.UINT)
    return found if found in plain else t.DYN


def _shown(found: Type) -> str:
    """As cel-go's types print themselves."""
    name = f"wrapper({found.name})" if found.nullable else found.name
    return f"{name}({', '.join(map(_shown, found.parameters))})" if found.parameters else name
