"""Seccomp and AppArmor profiles: as fields, as the annotations that came before, and both at once.

Called by the rules of security contexts and of annotations, and by the pod strategy, which turns annotations into
fields. Texts: kubernetes `pkg/apis/core/validation/validation.go`; `pkg/api/pod/util.go` ApparmorFieldForAnnotation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from orlop.api import names
from orlop.api.field import FieldError, Path, forbidden, invalid, not_supported, quote, required, too_long
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors
from orlop.kinds.pod_rules.forms import SECCOMP_PROFILE
from orlop.kinds.pod_rules.paths import descending

LOCALHOST, RUNTIME, UNCONFINED = "Localhost", "RuntimeDefault", "Unconfined"
_TYPES: Final = (LOCALHOST, RUNTIME, UNCONFINED)
APPARMOR_PREFIX: Final = "container.apparmor.security.beta.kubernetes.io/"
SECCOMP_POD: Final = "seccomp.security.alpha.kubernetes.io/pod"
SECCOMP_PREFIX: Final = "container.seccomp.security.alpha.kubernetes.io/"
_LOCAL: Final = "localhost/"
_APPARMOR_RUNTIME: Final = "runtime/default"
_SECCOMP_RUNTIMES: Final = ("runtime/default", "docker/default")
_UNCONFINED_TEXT: Final = "unconfined"
_LONGEST_APPARMOR: Final = 4095
"""The longest path, less one."""


def seccomp(path: Path, profile: Tree | None) -> Errors:
    if profile is None:
        return []
    kind, local = profile.get("type") or "", profile.get("localhostProfile")
    found: Errors = []
    if not kind:
        found.append(required(path.child("type"), "type is required when seccompProfile is set"))
    elif kind not in _TYPES:
        found.append(not_supported(path.child("type"), kind, _TYPES))
    place = path.child("localhostProfile")
    if kind != LOCALHOST:
        if local is not None:
            found.append(invalid(place, SECCOMP_PROFILE.text(profile),
                                 "can only be set when seccomp type is Localhost"))
    elif local is None:
        found.append(required(place, "must be set when seccomp type is Localhost"))
    else:
        found += descending(place, local)
    return found


def apparmor(path: Path, profile: Tree | None) -> Errors:
    if profile is None:
        return []
    kind, local = profile.get("type") or "", profile.get("localhostProfile")
    place = path.child("localhostProfile")
    if kind == LOCALHOST:
        return _local_apparmor(place, local)
    if not kind:
        return [required(path.child("type"), "type is required when appArmorProfile is set")]
    if kind not in _TYPES:
        return [not_supported(path.child("type"), kind, _TYPES)]
    return [] if local is None else [invalid(place, local, "can only be set when AppArmor type is Localhost")]


def _local_apparmor(path: Path, local: str | None) -> Errors:
    if not local:
        return [required(path, "must be set when AppArmor type is Localhost")]
    found: Errors = []
    if local.strip() != local:
        found.append(invalid(path, local, "must not be padded with whitespace"))
    if names.length(local) > _LONGEST_APPARMOR:
        found.append(too_long(path, _LONGEST_APPARMOR))
    return found


def apparmor_field(annotation: str) -> Tree | None:
    """The field that an annotation means."""
    if annotation == _UNCONFINED_TEXT:
        return {"type": UNCONFINED}
    if annotation == _APPARMOR_RUNTIME:
        return {"type": RUNTIME}
    if annotation.startswith(_LOCAL):
        return {"type": LOCALHOST, "localhostProfile": annotation.removeprefix(_LOCAL)}
    return None


def annotated(path: Path, annotations: Mapping[str, str], containers: frozenset[str]) -> Errors:
    """The annotations by themselves."""
    found: Errors = []
    if SECCOMP_POD in annotations:
        found += _seccomp_text(path.child(SECCOMP_POD), annotations[SECCOMP_POD])
    for key, text in annotations.items():
        if key.startswith(SECCOMP_PREFIX):
            found += _seccomp_text(path.child(key), text)
    for key, text in annotations.items():
        if key.startswith(APPARMOR_PREFIX):
            name = key.removeprefix(APPARMOR_PREFIX)
            if name not in containers:
                found.append(invalid(path.key(key), name, "container not found"))
            if text not in ("", _APPARMOR_RUNTIME, _UNCONFINED_TEXT) and not text.startswith(_LOCAL):
                found.append(invalid(path.key(key), text, f"invalid AppArmor profile name: {quote(text)}"))
    return found


def _seccomp_text(path: Path, text: str) -> Errors:
    if text in _SECCOMP_RUNTIMES or text == _UNCONFINED_TEXT:
        return []
    if text.startswith(_LOCAL):
        return descending(path, text.removeprefix(_LOCAL))
    return [invalid(path, text, "must be a valid seccomp profile")]


def _mismatch(path: Path, profile: Tree, text: str, what: str, runtimes: tuple[str, ...]) -> FieldError | None:
    kind = profile.get("type")
    if kind == UNCONFINED:
        right = text == _UNCONFINED_TEXT
    elif kind == RUNTIME:
        right = text in runtimes
    elif kind == LOCALHOST:
        right = text.startswith(_LOCAL)
        if right and text.removeprefix(_LOCAL) != profile.get("localhostProfile"):
            return forbidden(path.child("localhostProfile"), f"{what} profile in annotation and field must match")
    else:
        return None
    return None if right else forbidden(path.child("type"), f"{what} type in annotation and field must match")


def agreeing_seccomp(path: Path, annotations: Mapping[str, str], spec: Tree,
                     containers: list[tuple[Path, Tree]]) -> Errors:
    """Where annotation and field are both set they must say the same. `path` is the spec's."""
    found: list[FieldError | None] = []
    context: Tree = spec.get("securityContext") or {}
    if "seccompProfile" in context and SECCOMP_POD in annotations:
        place = path.child("securityContext", "seccompProfile")
        found.append(_mismatch(place, context["seccompProfile"], annotations[SECCOMP_POD], "seccomp",
                               _SECCOMP_RUNTIMES))
    for place, container in containers:
        text = annotations.get(SECCOMP_PREFIX + (container.get("name") or ""))
        profile = (container.get("securityContext") or {}).get("seccompProfile")
        if text is not None and profile is not None:
            at = place.child("securityContext", "seccompProfile")
            found.append(_mismatch(at, profile, text, "seccomp", _SECCOMP_RUNTIMES))
    return [error for error in found if error is not None]


def agreeing_apparmor(annotations: Mapping[str, str], spec: Tree, containers: list[tuple[Path, Tree]]) -> Errors:
    if (spec.get("os") or {}).get("name") == "windows":
        return []
    found: list[FieldError | None] = []
    whole = (spec.get("securityContext") or {}).get("appArmorProfile")
    for place, container in containers:
        text = annotations.get(APPARMOR_PREFIX + (container.get("name") or ""))
        own = (container.get("securityContext") or {}).get("appArmorProfile")
        profile = own if own is not None else whole
        if text is not None and profile is not None:
            at = place.child("securityContext", "appArmorProfile")
            found.append(_mismatch(at, profile, text, "apparmor", (_APPARMOR_RUNTIME,)))
    return [error for error in found if error is not None]
