"""Statuses of containers within a pod's status.

Called by `status_rules`. Texts: kubernetes `pkg/apis/core/validation/validation.go` (ValidateContainerStateTransition
and those beside it, validateContainerStatusUsers, validateContainerStatusAllocatedResourcesStatus); when containers
may restart: `pkg/api/v1/pod/util.go` ContainerShouldRestart.
"""

from __future__ import annotations

from typing import Final

from orlop.api import names
from orlop.api.field import Path, duplicate, forbidden, invalid, not_supported, required, too_long
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, said
from orlop.kinds.pod_rules.visits import containers_of

_PARTS: Final = (("containerStatuses", "containers"), ("initContainerStatuses", "initContainers"),
                 ("ephemeralContainerStatuses", ""))
"""Member of the status, and of the spec where its containers are declared."""
_NO_RESTART: Final = "may not be transitioned to non-terminated state"
_HEALTHS: Final = ("Healthy", "Unhealthy", "Unknown")
_MESSAGE_LENGTH: Final = 1024
_REFERENCE_LENGTH: Final = 256


def restarted(path: Path, status: Tree, former: Tree, spec: Tree) -> Errors:
    """Containers that came back although nothing restarts them."""
    found: Errors = []
    everything = any(rule.get("action") == "RestartAllContainers" for container in containers_of(spec)
                     for rule in container.get("restartPolicyRules") or ())
    for member, kind in _PARTS:
        before = former.get(member)
        if not before or (kind and everything):
            continue
        after = {s.get("name"): s for s in reversed(status.get(member) or ())}
        declared = {c.get("name"): c for c in spec.get(kind) or ()} if kind else {}
        for position, old in enumerate(before):
            ended, new = (old.get("state") or {}).get("terminated"), after.get(old.get("name"))
            if ended is None or new is None or "terminated" in (new.get("state") or ()):
                continue
            container = declared.get(old.get("name"))
            if container is None or not _restarts(container, spec, ended.get("exitCode") or 0):
                found.append(forbidden(path.child(member).index(position).child("state"), _NO_RESTART))
    return found


def _restarts(container: Tree, spec: Tree, code: int) -> bool:
    for rule in container.get("restartPolicyRules") or ():
        codes = rule.get("exitCodes") or {}
        inside = code in (codes.get("values") or ())
        if inside if codes.get("operator") == "In" else not inside:
            return bool(rule.get("action") == "Restart")
    policy = container.get("restartPolicy") or spec.get("restartPolicy")
    return policy == "Always" or (policy == "OnFailure" and code != 0)


def users(path: Path, status: Tree, spec: Tree) -> Errors:
    windows = (spec.get("os") or {}).get("name") == "windows"
    found: Errors = []
    for member, _ in _PARTS:
        for position, container in enumerate(status.get(member) or ()):
            user = (container.get("user") or {}).get("linux")
            if user is None:
                continue
            place = path.child(member).index(position).child("user", "linux")
            if windows:
                found.append(forbidden(place, "cannot be set for a windows pod"))
                continue
            for name in ("uid", "gid"):
                found += said(place.child(name), user.get(name) or 0, names.unix_id(user.get(name) or 0))
            for number, group in enumerate(user.get("supplementalGroups") or ()):
                found += said(place.child("supplementalGroups").index(number), group, names.unix_id(group))
    return found


def allocated(path: Path, status: Tree, spec: Tree) -> Errors:
    found: Errors = []
    for member, kind in _PARTS:
        declared = {c.get("name"): c for c in spec.get(kind) or ()} if kind else {}
        for position, container in enumerate(status.get(member) or ()):
            listed = container.get("allocatedResourcesStatus")
            place = path.child(member).index(position).child("allocatedResourcesStatus")
            if listed and not kind:
                found.append(forbidden(place, "must not be specified in container status"))
                continue
            for number, given in enumerate(listed or ()):
                found += _resource(place.index(number), given, declared.get(container.get("name")))
    return found


def _resource(path: Path, given: Tree, container: Tree | None) -> Errors:
    name = given.get("name") or ""
    found: Errors = []
    if container is not None:
        resources = container.get("resources") or {}
        if name.startswith("claim:"):
            known = {f"claim:{c.get('name') or ''}" + (f"/{c['request']}" if c.get("request") else "")
                     for c in resources.get("claims") or ()}
            text = ("must match one of the container's resource claims in a format 'claim:<claimName>/<request>' or "
                    "'claim:<claimName>' if request is empty")
        else:
            known = set(resources.get("requests") or ())
            text = "must match one of the container's resource requests"
        if name not in known:
            found.append(invalid(path.child("name"), name, text))
    seen: set[str] = set()
    for number, health in enumerate(given.get("resources") or ()):
        place = path.child("resources").index(number)
        if health.get("health") not in _HEALTHS:
            found.append(not_supported(place.child("health"), health.get("health") or "", _HEALTHS))
        found += _message(place.child("message"), health.get("message"))
        identity = health.get("resourceID") or ""
        if identity in seen:
            found.append(duplicate(place.child("resourceID"), identity))
        seen.add(identity)
    return found


def _message(path: Path, text: str | None) -> Errors:
    if text is None:
        return []
    if not text:
        return [required(path, "must be non-empty if specified")]
    return [too_long(path, _MESSAGE_LENGTH)] if names.length(text) > _MESSAGE_LENGTH else []


def volume_digests(path: Path, status: Tree) -> Errors:
    found: Errors = []
    for member, _ in _PARTS:
        for position, container in enumerate(status.get(member) or ()):
            for number, mount in enumerate(container.get("volumeMounts") or ()):
                image = (mount.get("volumeStatus") or {}).get("image")
                if image is None:
                    continue
                place = path.child(member).index(position).child("volumeMounts").index(number)
                found += _reference(place.child("volumeStatus", "imageVolumeStatus", "imageRef"),
                                    image.get("imageRef") or "")
    return found


def _reference(path: Path, text: str) -> Errors:
    if not text:
        return [required(path, "imageRef must not be empty")]
    return [too_long(path, _REFERENCE_LENGTH)] if names.length(text) > _REFERENCE_LENGTH else []
