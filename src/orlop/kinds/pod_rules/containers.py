"""Containers: the rules that all share, and those of regular, init and ephemeral ones.

Called by `spec`; asks the smaller rules of this package. Texts and their order: kubernetes
`pkg/apis/core/validation/validation.go` (validateContainers, validateInitContainers, validateEphemeralContainers,
validateContainerCommon).
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from orlop.api.field import Path, duplicate, forbidden, invalid, not_found, required
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, chosen, dns_label
from orlop.kinds.known_good import KnownGood
from orlop.kinds.pod_rules import env, mounts, resources, restarts, security
from orlop.kinds.pod_rules.ports import host_conflicts, ports
from orlop.kinds.pod_rules.probes import lifecycle, probe
from orlop.kinds.pod_rules.terms import Surroundings
from orlop.kinds.pod_rules.visits import is_sidecar

PULL_POLICIES: Final = ("Always", "IfNotPresent", "Never")
_MESSAGE_POLICIES: Final = ("File", "FallbackToLogsOnError")
_PROBES: Final = ("livenessProbe", "readinessProbe", "startupProbe")
_ONLY_SIDECARS: Final = "may not be set for init containers without restartPolicy=Always"
_NOT_EPHEMERAL: Final = "cannot be set for an Ephemeral Container"
_ORDER: Final = ("ports", "resources", "resizePolicy", "restartPolicy", "restartPolicyRules", *_PROBES, "lifecycle")
"""What an ephemeral container may not have, in the order of the struct."""
_KNOWN_CONTAINERS: Final = 2048
"""How many containers of one kind are remembered as right."""
_regular_known, _early_known = KnownGood(_KNOWN_CONTAINERS), KnownGood(_KNOWN_CONTAINERS)


def _key(container: Tree, around: Surroundings) -> tuple[Any, bytes] | None:
    """What tells a container apart, mounts excepted, which depend on the pod's volumes."""
    if around.key is None or "volumeDevices" in container:
        return None
    return around.key, orjson.dumps({name: value for name, value in container.items() if name != "volumeMounts"})


def regular(path: Path, containers: list[Tree] | None, around: Surroundings) -> Errors:
    """`path` is the list's."""
    if not containers:
        return [required(path)]
    found: Errors = []
    seen: set[str] = set()
    for position, container in enumerate(containers):
        key = _key(container, around)
        name = container.get("name") or ""
        if key in _regular_known and name not in seen:
            seen.add(name)
            found += _mounts(path.index(position), container, around)
            continue
        place = path.index(position)
        wrong = _common(place, container, around)
        if name in seen:
            wrong.append(duplicate(place.child("name"), name))
        seen.add(name)
        wrong += _hooks(place, container, around.grace)
        if "restartPolicy" in container or "restartPolicyRules" in container:
            wrong += restarts.own_policy(place, container)
        if wrong:
            found += wrong
        elif key is not None:
            _regular_known.add(key)
    return found + host_conflicts(path, containers)


def early(path: Path, containers: list[Tree], others: list[Tree], around: Surroundings) -> Errors:
    """Init containers; `others` are the regular ones."""
    found: Errors = []
    seen = {container.get("name") or "" for container in others}
    for position, container in enumerate(containers):
        key, name = _key(container, around), container.get("name") or ""
        place = path.index(position)
        if key in _early_known and name not in seen:
            found += _mounts(place, container, around)
        elif wrong := _one_early(path, position, container, name in seen, around):
            found += wrong
        elif key is not None:
            _early_known.add(key)
        if name:
            seen.add(name)
    return found


def _one_early(path: Path, position: int, container: Tree, is_second: bool, around: Surroundings) -> Errors:
    place = path.index(position)
    found = _common(place, container, around) + restarts.early_policy(place, container)
    if is_second:
        found.append(duplicate(place.child("name"), container.get("name") or ""))
    # They run one by one; upstream looks at each as if it were the first.
    found += host_conflicts(path, [container])
    if is_sidecar(container):
        return found + _hooks(place, container, around.grace)
    found += [forbidden(place.child(member), _ONLY_SIDECARS) for member in ("lifecycle", *_PROBES)
              if member in container]
    return found if around.allow.init_restarts else found + restarts.early_resize(place, container)


def _mounts(path: Path, container: Tree, around: Surroundings) -> Errors:
    """`path` is the container's."""
    if not container.get("volumeMounts"):
        return []
    return mounts.mounts(path.child("volumeMounts"), container, around.volumes)


def ephemeral(path: Path, containers: list[Tree], others: list[Tree], around: Surroundings) -> Errors:
    """`others` are all that are not ephemeral."""
    found: Errors = []
    known = frozenset(container.get("name") or "" for container in others)
    seen = set(known)
    for position, container in enumerate(containers):
        place, name = path.index(position), container.get("name") or ""
        found += _common(place, container, around)
        found += untrimmed_image(place, container)
        if name in seen:
            found.append(duplicate(place.child("name"), name))
        seen.add(name)
        target = container.get("targetContainerName")
        if target and target not in known:
            found.append(not_found(place.child("targetContainerName"), target))
        found += _not_allowed(place, container)
    return found


def _not_allowed(path: Path, container: Tree) -> Errors:
    found: Errors = [forbidden(path.child(member), _NOT_EPHEMERAL) for member in _ORDER
                     if member in container and (member != "resources" or container[member])]
    for position, mount in enumerate(container.get("volumeMounts") or ()):
        found += [forbidden(path.child("volumeMounts").index(position).child(member), _NOT_EPHEMERAL)
                  for member in ("subPath", "subPathExpr") if mount.get(member)]
    return found


def untrimmed_image(path: Path, container: Tree) -> Errors:
    """Templates may have spaces around the image's name, for old times' sake."""
    image = container.get("image") or ""
    if image == image.strip():
        return []
    return [invalid(path.child("image"), image, "must not have leading or trailing whitespace")]


def _common(path: Path, container: Tree, around: Surroundings) -> Errors:
    get = container.get
    name = get("name")
    found: Errors = dns_label(path.child("name"), name) if name else [required(path.child("name"))]
    if not get("image"):
        found.append(required(path.child("image")))
    if get("terminationMessagePolicy") != "File":
        found += chosen(path.child("terminationMessagePolicy"), get("terminationMessagePolicy"), _MESSAGE_POLICIES)
    if listed := get("ports"):
        found += ports(path.child("ports"), listed)
    if listed := get("env"):
        found += env.variables(path.child("env"), listed)
    if listed := get("envFrom"):
        found += env.from_sources(path.child("envFrom"), listed)
    found += _mounts(path, container, around)
    if get("volumeDevices"):
        found += mounts.devices(path.child("volumeDevices"), container, around.volumes)
    if get("imagePullPolicy") not in PULL_POLICIES:
        found += chosen(path.child("imagePullPolicy"), get("imagePullPolicy"), PULL_POLICIES)
    if given := get("resources"):
        found += resources.requirements(path.child("resources"), given, around.claims, around.allow)
    if listed := get("resizePolicy"):
        found += restarts.resize_policies(path.child("resizePolicy"), listed, around.restart_policy)
    if given := get("securityContext"):
        found += security.of_container(path.child("securityContext"), given, host_users=around.host_users)
    return found


def _hooks(path: Path, container: Tree, grace: int | None) -> Errors:
    found: Errors = []
    if "lifecycle" in container:
        found += lifecycle(path.child("lifecycle"), container["lifecycle"], grace)
    for kind in _PROBES:
        if kind in container:
            found += probe(path.child(kind), kind, container[kind], grace)
    return found
