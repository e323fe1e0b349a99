"""What the server remarks about pods and templates although it takes them.

Called by the strategies of pods (on create) and of kinds with templates; `pod_remarks` must cost next to nothing for a
pod without any. Texts and their order: kubernetes `pkg/api/pod/warnings.go`, `pkg/api/node/util.go`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from orlop.api import names
from orlop.api.addresses import ip_warnings
from orlop.api.field import Path, quote
from orlop.api.quantity import parse
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC
from orlop.kinds.pod_rules import overlaps, port_warnings
from orlop.kinds.pod_rules.pod_annotations import matters
from orlop.kinds.pod_rules.profiles import APPARMOR_PREFIX, SECCOMP_POD, SECCOMP_PREFIX
from orlop.kinds.pod_rules.scheduling import PREFERRED, REQUIRED
from orlop.kinds.pod_rules.visits import placed_containers

LABELS: Final[Mapping[str, str]] = {
    "beta.kubernetes.io/arch": 'deprecated since v1.14; use "kubernetes.io/arch" instead',
    "beta.kubernetes.io/os": 'deprecated since v1.14; use "kubernetes.io/os" instead',
    "failure-domain.beta.kubernetes.io/region":
        'deprecated since v1.17; use "topology.kubernetes.io/region" instead',
    "failure-domain.beta.kubernetes.io/zone": 'deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
    "beta.kubernetes.io/instance-type": 'deprecated since v1.17; use "node.kubernetes.io/instance-type" instead',
    "app.kubernetes.io/created-by": "deprecated since v1.9",
    "scheduler.alpha.kubernetes.io/preferAvoidPods": "deprecated since v1.22; use Taints and Tolerations instead",
    "node-role.kubernetes.io/master": 'use "node-role.kubernetes.io/control-plane" instead',
}
"""Labels of nodes that selectors should no longer name."""
_ANNOTATIONS: Final[Mapping[str, str]] = {
    "scheduler.alpha.kubernetes.io/critical-pod":
        'non-functional in v1.16+; use the "priorityClassName" field instead',
    "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
    "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
}
_VOLUMES: Final[Mapping[str, str]] = {
    "photonPersistentDisk": "photonPersistentDisk: deprecated in v1.11, non-functional in v1.16+",
    "gitRepo": "gitRepo: deprecated in v1.11, and disabled by default in v1.33+",
    "scaleIO": "scaleIO: deprecated in v1.16, non-functional in v1.22+",
    "flocker": "flocker: deprecated in v1.22, non-functional in v1.25+",
    "storageos": "storageOS: deprecated in v1.22, non-functional in v1.25+",
    "quobyte": "quobyte: deprecated in v1.22, non-functional in v1.25+",
    "glusterfs": "glusterfs: deprecated in v1.25, non-functional in v1.26+",
    "cephfs": "cephfs: deprecated in v1.28, non-functional in v1.31+",
    "rbd": "rbd: deprecated in v1.28, non-functional in v1.31+",
}
_NO_SECCOMP: Final = 'non-functional in v1.27+; use the "seccompProfile" field instead'
APPARMOR: Final = 'deprecated since v1.30; use the "appArmorProfile" field instead'
_NO_POD: Final = "a null labelSelector results in matching no pod"
_NEGATIVE: Final = "must be >= 0; negative values are invalid and will be treated as 1"
_BYTES: Final = ("memory", "ephemeral-storage")
_KNOWN_QUANTITIES: Final = 1024
"""How many quantities are remembered as whole or not; the least recently used goes first."""
_NOTES: Final = Path("metadata.annotations")


@lru_cache(_KNOWN_QUANTITIES)
def _is_fractional(text: str) -> bool:
    return parse(text).milli_value() % 1000 != 0


def pod_remarks(metadata: Tree, spec: Tree) -> list[str]:
    return _remarks(_NOTES, SPEC, metadata, spec, template=False)


def template_remarks(path: Path, template: Tree | None) -> list[str]:
    """`path` is the template's."""
    if not template:
        return []
    metadata, spec = template.get("metadata") or {}, template.get("spec") or {}
    return _remarks(path.child("metadata", "annotations"), path.child("spec"), metadata, spec, template=True)


def _remarks(notes_path: Path, path: Path, metadata: Tree, spec: Tree, *, template: bool) -> list[str]:
    """`path` is the spec's."""
    get = spec.get
    notes: Mapping[str, str] = metadata.get("annotations") or {}
    found: list[str] = []
    if get("nodeSelector") or "affinity" in spec or "topologySpreadConstraints" in spec:
        found += _labels(path, spec)
    if notes:
        found += [f"{notes_path.key(key)}: {text}" for key, text in _ANNOTATIONS.items() if key in notes]
    if get("volumes"):
        found += _volumes(path, spec["volumes"])
        found += overlaps.virtual_paths(spec["volumes"])
    if "hostAliases" in spec or "imagePullSecrets" in spec:
        found += _repeats(path, spec)
    if "overhead" in spec:
        found += _fractions(path, spec, ("overhead",), _BYTES)
    if notes:
        found += _profiles(notes_path, path, notes, spec, template)
    found += _containers(path, spec)
    found += port_warnings.ports(path, spec)
    if (get("terminationGracePeriodSeconds") or 0) < 0:
        found.append(f"{path.child('terminationGracePeriodSeconds')}: {_NEGATIVE}")
    if "affinity" in spec:
        found += _pod_affinity(path.child("affinity"), spec["affinity"])
    if "dnsConfig" in spec or "hostAliases" in spec:
        found += _addresses(path, spec)
    return found


def _labels(path: Path, spec: Tree) -> list[str]:
    found = [f"{path.child('nodeSelector').key(key)}: {LABELS[key]}" for key in spec.get("nodeSelector") or ()
             if key in LABELS]
    if "affinity" not in spec and "topologySpreadConstraints" not in spec:
        return found
    nodes, place = (spec.get("affinity") or {}).get("nodeAffinity") or {}, path.child("affinity", "nodeAffinity")
    for position, term in enumerate((nodes.get(REQUIRED) or {}).get("nodeSelectorTerms") or ()):
        found += term_remarks(place.child(REQUIRED, "nodeSelectorTerms").index(position), term, values=False)
    for position, weighted in enumerate(nodes.get(PREFERRED) or ()):
        at = place.child(PREFERRED).index(position).child("preference")
        found += term_remarks(at, weighted.get("preference") or {}, values=True)
    for position, constraint in enumerate(spec.get("topologySpreadConstraints") or ()):
        at, key = path.child("topologySpreadConstraints").index(position), constraint.get("topologyKey")
        if key in LABELS:
            found.append(f"{at.child('topologyKey')}: {key} is {LABELS[key]}")
        if constraint.get("labelSelector") is None:
            found.append(f"{at.child('labelSelector')}: {_NO_POD}")
    return found


def term_remarks(path: Path, term: Tree, *, values: bool) -> list[str]:
    found: list[str] = []
    for position, wanted in enumerate(term.get("matchExpressions") or ()):
        place, key = path.child("matchExpressions").index(position), wanted.get("key")
        if key in LABELS:
            found.append(f"{place.child('key')}: {key} is {LABELS[key]}")
        if values:
            found += [f"{place.child('values').index(number)}: {value} is invalid, {text}"
                      for number, value in enumerate(wanted.get("values") or ())
                      for text in names.label_value(value)]
    return found


def _volumes(path: Path, listed: list[Tree]) -> list[str]:
    found: list[str] = []
    for position, volume in enumerate(listed):
        for kind in volume:
            if kind in _VOLUMES:
                found.append(f"{path.child('volumes').index(position)}.{_VOLUMES[kind]}")
            elif kind == "ephemeral":
                claim = ((volume[kind].get("volumeClaimTemplate") or {}).get("spec") or {}).get("resources") or {}
                place = path.child("volumes").index(position).child("ephemeral", "volumeClaimTemplate", "spec")
                found += _fractions(place.child("resources"), claim, ("requests", "limits"), ("storage",))
    return found


def _is_whole(resources: Tree) -> bool:
    """Whether all bytes are whole ones."""
    for kind in ("limits", "requests"):
        amounts = resources.get(kind)
        if amounts:
            for name in _BYTES:
                text = amounts.get(name)
                if text is not None and _is_fractional(text):
                    return False
    return True


def _fractions(path: Path, resources: Tree, kinds: tuple[str, ...], resource_names: tuple[str, ...]) -> list[str]:
    found = []
    for kind in kinds:
        amounts = resources.get(kind)
        if not amounts:
            continue
        for name in resource_names:
            if name in amounts and _is_fractional(amounts[name]):
                found.append(f"{path.child(kind).key(name)}: fractional byte value {quote(amounts[name])} is invalid, "
                             "must be an integer")
    return found


def _repeats(path: Path, spec: Tree) -> list[str]:
    """Aliases and pull secrets named twice, or not at all."""
    found: list[str] = []
    for member, name, label in (("hostAliases", "ip", "ip"), ("imagePullSecrets", "name", "name")):
        listed, seen = spec.get(member) or (), set()
        for position, item in enumerate(listed):
            text = item.get(name) or ""
            if text in seen:
                found.append(f"{path.child(member).index(position).child(name)}: duplicate {label} {quote(text)}")
            seen.add(text)
    for position, secret in enumerate(spec.get("imagePullSecrets") or ()):
        if not secret.get("name"):
            found.append(f'{path.child("imagePullSecrets").index(position).child("name")}: invalid empty name ""')
    return found


def _profiles(place: Path, path: Path, notes: Mapping[str, str], spec: Tree, template: bool) -> list[str]:
    """Annotations that were fields' forerunners, without the field. `place` is the annotations', `path` the spec's."""
    context: Tree = spec.get("securityContext") or {}
    found: list[str] = []
    if SECCOMP_POD in notes and "seccompProfile" not in context:
        found.append(f"{place.key(SECCOMP_POD)}: {_NO_SECCOMP}")
    if not matters(notes):
        return found
    for _, container in placed_containers(path, spec):
        name, own = container.get("name") or "", container.get("securityContext") or {}
        if SECCOMP_PREFIX + name in notes and "seccompProfile" not in own:
            found.append(f"{place.key(SECCOMP_PREFIX + name)}: {_NO_SECCOMP}")
        if template and APPARMOR_PREFIX + name in notes and "appArmorProfile" not in {**context, **own}:
            found.append(f"{place.key(APPARMOR_PREFIX + name)}: {APPARMOR}")
    return found


def _containers(path: Path, spec: Tree) -> list[str]:
    found: list[str] = []
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for position, container in enumerate(spec.get(kind) or ()):
            resources, variables = container.get("resources"), container.get("env")
            if resources and not _is_whole(resources):
                place = path.child(kind).index(position).child("resources")
                for name in _BYTES:
                    found += _fractions(place, resources, ("limits", "requests"), (name,))
            if variables and len(variables) > 1 and len({v.get("name") for v in variables}) < len(variables):
                found += _hidden(path.child(kind).index(position).child("env"), variables)
    return found


def _hidden(path: Path, variables: list[Tree]) -> list[str]:
    """A variable defined again, unless it builds upon the former value."""
    found: list[str] = []
    seen: set[str] = set()
    for position, variable in enumerate(variables):
        name, value = variable.get("name") or "", variable.get("value") or ""
        former = f"$({name})"
        if name in seen and ("valueFrom" in variable or value == former or former not in value):
            found.append(f"{path.index(position)}: hides previous definition of {quote(name)}, which may be dropped "
                         "when using apply")
        seen.add(name)
    return found


def _pod_affinity(path: Path, affinity: Tree) -> list[str]:
    found: list[str] = []
    for kind in ("podAffinity", "podAntiAffinity"):
        terms = affinity.get(kind) or {}
        found += [f"{path.child(kind, REQUIRED).index(position).child('labelSelector')}: {_NO_POD}"
                  for position, term in enumerate(terms.get(REQUIRED) or ()) if term.get("labelSelector") is None]
        found += [f"{path.child(kind, PREFERRED).index(position).child('podAffinityTerm', 'labelSelector')}: {_NO_POD}"
                  for position, weighted in enumerate(terms.get(PREFERRED) or ())
                  if (weighted.get("podAffinityTerm") or {}).get("labelSelector") is None]
    return found


def _addresses(path: Path, spec: Tree) -> list[str]:
    found: list[str] = []
    for position, server in enumerate((spec.get("dnsConfig") or {}).get("nameservers") or ()):
        found += ip_warnings(path.child("dnsConfig", "nameservers").index(position), server)
    for position, alias in enumerate(spec.get("hostAliases") or ()):
        found += ip_warnings(path.child("hostAliases").index(position).child("ip"), alias.get("ip") or "")
    return found
