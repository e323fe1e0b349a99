"""Parameters: the kind that a policy names, the objects that a binding refers to, and who may have them read.

Used by `policies`, `bindings` and `strategy`. Behaviour: kubernetes
`pkg/apis/admissionregistration/validation/validation.go` (validateParamKind, validateParamRef) and the `authz.go` of
`pkg/registry/admissionregistration`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from orlop.api import names
from orlop.api.context import User
from orlop.api.field import Path, forbidden, invalid, not_supported, required
from orlop.api.gvk import GroupVersionKind
from orlop.api.label_selector_validation import validate_label_selector
from orlop.api.tree import Tree
from orlop.auth.identities import MASTERS
from orlop.auth.interface import Attributes, Authorizer
from orlop.kinds.checks import Errors, said

_ACTIONS: Final = ("Deny", "Allow")
_EXCLUSIVE: Final = "name and selector are mutually exclusive"

Resolve = Callable[[GroupVersionKind], str | None]
"""The resource of a served kind, None when there is none."""


def param_kind(path: Path, kind: Tree) -> Errors:
    version, name = kind.get("apiVersion") or "", kind.get("kind") or ""
    found = _api_version(path.child("apiVersion"), version)
    place = path.child("kind")
    if not name:
        found.append(required(place))
    elif complaints := names.dns1035_label(name.lower()):
        found.append(invalid(place, name, "may have mixed case, but should otherwise match: " + ",".join(complaints)))
    return found


def _api_version(path: Path, text: str) -> Errors:
    if not text:
        return [required(path)]
    if text.count("/") > 1:
        return [invalid(path, text, f"unexpected GroupVersion string: {text}")]
    group, _, version = text.rpartition("/")
    found: Errors = []
    if group and (complaints := names.dns1123_subdomain(group)):
        found.append(invalid(path, group, ",".join(complaints)))
    if not version:
        found.append(invalid(path, text, "version must be specified"))
    elif complaints := names.dns1035_label(version):
        found.append(invalid(path, version, ",".join(complaints)))
    return found


def param_ref(path: Path, reference: Tree | None) -> Errors:
    if reference is None:
        return []
    name, selector = reference.get("name") or "", reference.get("selector")
    found: Errors = []
    if name:
        found += said(path.child("name"), name, names.path_segment_name(name))
        if selector is not None:
            found.append(forbidden(path.child("name"), _EXCLUSIVE))
    if selector is not None:
        found += validate_label_selector(selector, path.child("selector"))
        if name:
            found.append(forbidden(path.child("selector"), _EXCLUSIVE))
    elif not name:
        found.append(required(path, "one of name or selector must be specified"))
    action, place = reference.get("parameterNotFoundAction") or "", path.child("parameterNotFoundAction")
    if not action:
        found.append(required(place))
    elif action not in _ACTIONS:
        found.append(not_supported(place, action, _ACTIONS))
    return found


# --- rights --------------------------------------------------------------------------------------------------------


def printed(user: User) -> str:
    """A user as Go prints it."""
    extra = " ".join(f"{key}:[{' '.join(values)}]" for key, values in sorted(user.extra))
    return f"&{{{user.name} {user.uid} [{' '.join(user.groups)}] map[{extra}]}}"


class _Wanted(NamedTuple):
    """What parameters are read from, and why that is not known better."""

    group: str = "*"
    version: str = "*"
    resource: str = "*"
    unknown: str = ""


def _wanted(kind: Tree, resolve: Resolve) -> _Wanted:
    text, name = kind.get("apiVersion") or "", kind.get("kind") or ""
    if text.count("/") > 1:
        return _Wanted(unknown="parse")
    group, _, version = text.rpartition("/")
    resource = resolve(GroupVersionKind(group, version, name))
    return _Wanted(group, version, resource or "*", "" if resource else "resolve")


class ParameterRights:
    """Whoever makes a policy or a binding must be able to read its parameters. Without an authorizer everybody may."""

    def __init__(self, authorizer: Authorizer | None, resolve: Resolve) -> None:
        self._authorizer, self._resolve = authorizer, resolve

    def of_kind(self, user: User, kind: Tree) -> str:
        """Why a policy must not name this kind, "" when it may."""
        if self._authorizer is None or MASTERS in user.groups:
            return ""
        wanted = _wanted(kind, self._resolve)
        question = Attributes(user, "get", wanted.group, wanted.version, wanted.resource, namespace="*", name="*")
        if self._authorizer.authorize(question).allowed:
            return ""
        return (f'user {printed(user)} must have "get" permission on all objects of the referenced paramKind '
                f"(kind={kind.get('kind') or ''}, apiVersion={kind.get('apiVersion') or ''})")

    def of_reference(self, user: User, reference: Tree, name: str, policy: Tree | None) -> str:
        """Why a binding to the policy `name` must not refer to these parameters, "" when it may."""
        if self._authorizer is None or MASTERS in user.groups:
            return ""
        kind = ((policy or {}).get("spec") or {}).get("paramKind")
        wanted = _wanted(kind, self._resolve) if kind is not None else _Wanted()
        verb = "get" if reference.get("name") else "list"
        question = Attributes(user, verb, wanted.group, wanted.version, wanted.resource,
                              namespace=reference.get("namespace") or "", name=reference.get("name") or "")
        if self._authorizer.authorize(question).allowed:
            return ""
        lacks = f'user {printed(user)} does not have "{verb}" permission'
        if policy is None:
            return (f"unable to get policy {name} to determine minimum required permissions and {lacks} for all "
                    "groups, versions and resources")
        if wanted.unknown:
            assert kind is not None
            shown = f"&ParamKind{{APIVersion:{kind.get('apiVersion') or ''},Kind:{kind.get('kind') or ''},}}"
            return (f"unable to {wanted.unknown} paramKind {shown} to determine minimum required permissions and "
                    f"{lacks} for all groups, versions and resources")
        return f"{lacks} on the object referenced by paramRef"
