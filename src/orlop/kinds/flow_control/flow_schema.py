"""FlowSchemas: which requests go to which priority level.

Made by `makers`. Behaviour: kubernetes `pkg/registry/flowcontrol/flowschema`, `pkg/apis/flowcontrol/validation`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from orlop.api import names
from orlop.api.context import Context
from orlop.api.field import Path, forbidden, invalid, not_supported, required
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, Errors, dns_label, dns_subdomain
from orlop.kinds.declaration import Resource
from orlop.kinds.flow_control.base import FlowControlStatusStrategy, FlowControlStrategy, conditions
from orlop.kinds.flow_control.mandatory import EXEMPT, SCHEMAS, fixed_spec
from orlop.kinds.rooms import RestOptions, Rooms
from orlop.kinds.typed import typed_stores

MAX_PRECEDENCE: Final = 10000
ANY: Final = "*"
_METHODS: Final = ("ByNamespace", "ByUser")
_KINDS: Final = {"ServiceAccount": "serviceAccount", "User": "user", "Group": "group"}
_KIND_NAMES: Final = ("Group", "ServiceAccount", "User")
_VERBS: Final = ("create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch")
_NAMESPACE_FORM: Final = "each member of this list must be '*' or a DNS-1123 label; "


def flow_schema_spec(name: str, spec: Tree) -> Errors:
    """`name` is the schema's own."""
    place, precedence = SPEC.child("matchingPrecedence"), spec.get("matchingPrecedence") or 0
    found: Errors = []
    if precedence <= 0:
        found.append(invalid(place, precedence, "must be a positive value"))
    if precedence > MAX_PRECEDENCE:
        found.append(invalid(place, precedence, f"must not be greater than {MAX_PRECEDENCE}"))
    if precedence == 1 and name != EXEMPT:
        found.append(invalid(place, precedence, "only the schema named 'exempt' may have matchingPrecedence 1"))
    method = spec.get("distinguisherMethod")
    if method is not None and method.get("type") not in _METHODS:
        shown = json_value({"Type": method.get("type") or ""})
        found.append(not_supported(SPEC.child("distinguisherMethod.type"), shown, _METHODS))
    level = (spec.get("priorityLevelConfiguration") or {}).get("name")
    place = SPEC.child("priorityLevelConfiguration.name")
    found += dns_subdomain(place, level) if level else [required(place, "must reference a priority level")]
    for index, rule in enumerate(spec.get("rules") or ()):
        found += _rule(SPEC.child("rules").index(index), rule)
    return found


def _rule(path: Path, rule: Tree) -> Errors:
    found: Errors = []
    if not rule.get("subjects"):
        found.append(required(path.child("subjects"), "subjects must contain at least one value"))
    for index, subject in enumerate(rule.get("subjects") or ()):
        found += _subject(path.child("subjects").index(index), subject)
    if not rule.get("resourceRules") and not rule.get("nonResourceRules"):
        found.append(required(path, "at least one of resourceRules and nonResourceRules has to be non-empty"))
    for index, inner in enumerate(rule.get("resourceRules") or ()):
        found += _resource_rule(path.child("resourceRules").index(index), inner)
    for index, inner in enumerate(rule.get("nonResourceRules") or ()):
        found += _path_rule(path.child("nonResourceRules").index(index), inner)
    return found


def _subject(path: Path, subject: Tree) -> Errors:
    kind = subject.get("kind") or ""
    if kind not in _KINDS:
        return [not_supported(path.child("kind"), json_value(kind), _KIND_NAMES)]
    member = _KINDS[kind]
    named = subject.get(member)
    if named is None:
        found = [required(path.child(member), f"{member} is required when subject kind is '{kind}'")]
    else:
        found = _NAMED[kind](path.child(member), named)
    for other, foreign in _KINDS.items():
        if other != kind and subject.get(foreign) is not None:
            text = f"{foreign} is forbidden when subject kind is not '{other}'"
            found.append(forbidden(path.child(foreign), text))
    return found


def _name(path: Path, subject: Tree) -> Errors:
    return [] if subject.get("name") else [required(path.child("name"))]


def _account(path: Path, subject: Tree) -> Errors:
    found = _name(path, subject)
    name, namespace = subject.get("name") or "", subject.get("namespace") or ""
    if name and name != ANY:
        found += dns_subdomain(path.child("name"), name)
    place = path.child("namespace")
    if namespace:
        return found + dns_label(place, namespace)
    return [*found, required(place, "must specify namespace for service account")]


_NAMED: Final[Mapping[str, Callable[[Path, Tree], Errors]]] = {
    "ServiceAccount": _account, "User": _name, "Group": _name}


def _verbs(path: Path, verbs: list[str]) -> Errors:
    if not verbs:
        return [required(path, "verbs must contain at least one value")]
    if ANY in verbs:
        return _alone(path, verbs, "verbs")
    return [] if set(verbs).issubset(_VERBS) else [not_supported(path, json_value(verbs), _VERBS)]


def _alone(path: Path, listed: list[str], what: str) -> Errors:
    """Beside the wildcard nothing else."""
    if len(listed) < 2 or ANY not in listed:
        return []
    return [invalid(path, json_value(listed), f"if '*' is present, must not specify other {what}")]


def _path_rule(path: Path, rule: Tree) -> Errors:
    found = _verbs(path.child("verbs"), rule.get("verbs") or [])
    place, paths = path.child("nonResourceURLs"), rule.get("nonResourceURLs") or []
    if not paths:
        found.append(required(place, "nonResourceURLs must contain at least one value"))
    elif ANY in paths:
        found += _alone(place, paths, "non-resource URLs")
    else:
        for index, text in enumerate(paths):
            if complaint := _url_path(text):
                found.append(invalid(place.index(index), text, complaint))
    return found


def _url_path(text: str) -> str:
    """The first thing that is wrong with the path of a URL."""
    if not text:
        return "must not be empty"
    if text == "/":
        return ""
    if not text.startswith("/"):
        return "must start with slash"
    if " " in text:
        return "must not contain white-space"
    if "//" in text:
        return "must not contain double slash"
    wildcards = text.count(ANY)
    if wildcards > 1 or (wildcards == 1 and not text.endswith("/*")):
        return "wildcard can only do suffix matching"
    return ""


def _resource_rule(path: Path, rule: Tree) -> Errors:
    found = _verbs(path.child("verbs"), rule.get("verbs") or [])
    for member, one, many in (("apiGroups", "api group", "api groups"), ("resources", "resource", "resources")):
        listed = rule.get(member) or []
        if not listed:
            found.append(required(path.child(member), f"resource rules must supply at least one {one}"))
        found += _alone(path.child(member), listed, many)
    place, spaces = path.child("namespaces"), rule.get("namespaces") or []
    if not spaces and not rule.get("clusterScope"):
        found.append(required(place, "resource rules that are not cluster scoped must supply at least one namespace"))
    elif ANY in spaces:
        found += _alone(place, spaces, "namespaces")
    else:
        for index, name in enumerate(spaces):
            found += [invalid(place.index(index), name, _NAMESPACE_FORM + text) for text in names.dns1123_label(name)]
    return found


class FlowSchemaStrategy(FlowControlStrategy):
    def validate(self, ctx: Context, obj: Tree) -> Errors:
        name, spec = obj["metadata"].get("name") or "", obj.get("spec") or {}
        found = flow_schema_spec(name, spec)
        fixed: Any = fixed_spec(SCHEMAS, name)
        if fixed is not None and not self.structs.same(spec, fixed, "spec"):
            found.append(invalid(SPEC, self.structs.text(spec, "spec"),
                                 f"spec of '{name}' must equal the fixed value"))
        return found + conditions(obj)


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return typed_stores(resource, options, FlowSchemaStrategy, FlowControlStatusStrategy)
