"""A whole pod spec, rule by rule in upstream's order.

Called by the strategies of pods and, through `template`, by all kinds with pod templates; the rules are in the other
modules of this package. Texts and their order: kubernetes `pkg/apis/core/validation/validation.go` (ValidatePodSpec).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from orlop.api import names
from orlop.api.field import Path, duplicate, forbidden, invalid, required
from orlop.api.tree import Tree
from orlop.api.validation import validate_labels
from orlop.kinds.checks import Errors, chosen, dns_label, qualified_name, said
from orlop.kinds.pod_rules import containers, env, naming, resources, scheduling, security, windows
from orlop.kinds.pod_rules.forms import POD_CLAIM
from orlop.kinds.pod_rules.pod_annotations import MIRROR
from orlop.kinds.pod_rules.ports import on_host_network
from orlop.kinds.pod_rules.terms import Allowances, Surroundings
from orlop.kinds.pod_rules.visits import placed_containers
from orlop.kinds.pod_rules.volumes import volumes

ROOT: Final = Path("[]")
"""How upstream's path without a name prints."""
_RESTARTS: Final = ("Always", "OnFailure", "Never")
_PREEMPTIONS: Final = ("PreemptLowerPriority", "Never")
_LONGEST_DEADLINE: Final = (1 << 31) - 1
_WITHOUT_USERS: Final = "when `hostUsers` is false"
_NO_ANNOTATIONS: Final[Mapping[str, str]] = {}
_USUAL: Final = frozenset({
    "containers", "dnsPolicy", "enableServiceLinks", "nodeName", "restartPolicy", "schedulerName", "securityContext",
    "serviceAccount", "serviceAccountName", "terminationGracePeriodSeconds", "tolerations", "volumes",
    "initContainers", "priority", "automountServiceAccountToken", "nodeSelector"})
"""Members for which `_rest` has no rule, or whose rules run before it."""


def rules(path: Path, spec: Tree, allow: Allowances, pod_name: str = "",
          annotations: Mapping[str, str] = _NO_ANNOTATIONS) -> Errors:
    """`pod_name` and `annotations` are those of a pod; templates have none."""
    get = spec.get
    found: Errors = []
    grace = get("terminationGracePeriodSeconds")
    if grace is None:
        found.append(required(path.child("terminationGracePeriodSeconds")))
    mounted: Mapping[str, Tree] = {}
    if get("volumes"):
        mounted, wrong = volumes(path.child("volumes"), spec["volumes"], pod_name, allow)
        found += wrong
    claims = get("resourceClaims") or ()
    if claims:
        found += _claims(path.child("resourceClaims"), claims, annotations)
    around = Surroundings(mounted, frozenset(c["name"] for c in claims if c.get("name")), grace,
                          get("restartPolicy") or "", get("hostUsers") is not False, allow)
    found += _containers(path, spec, around)
    if "resources" in spec:
        found += resources.of_pod(path, spec, around.claims, allow)
    regular = get("containers") or []
    if get("hostNetwork"):
        found += on_host_network(path, regular, is_pod=allow.is_pod)
    if get("restartPolicy") not in _RESTARTS:
        found += chosen(path.child("restartPolicy"), get("restartPolicy"), _RESTARTS)
    if get("dnsPolicy") not in naming.DNS_POLICIES:
        found += chosen(path.child("dnsPolicy"), get("dnsPolicy"), naming.DNS_POLICIES)
    if get("nodeSelector"):
        found += validate_labels(spec["nodeSelector"], path.child("nodeSelector"))
    context = get("securityContext")
    if context or get("shareProcessNamespace"):
        found += security.of_pod(path.child("securityContext"), spec, context or {}, allow)
    return found + _placement(path, spec, allow) + _names(path, spec, allow) + _system(path, spec)


def _containers(path: Path, spec: Tree, around: Surroundings) -> Errors:
    get = spec.get
    regular = get("containers") or []
    found = containers.regular(path.child("containers"), regular, around)
    before, late = get("initContainers"), get("ephemeralContainers")
    if before:
        found += containers.early(path.child("initContainers"), before, regular, around)
    if late:
        others = regular + (before or [])
        found += containers.ephemeral(path.child("ephemeralContainers"), late, others, around)
    return found


def _claims(path: Path, claims: list[Tree], annotations: Mapping[str, str]) -> Errors:
    if MIRROR in annotations:
        return [forbidden(ROOT, "static pods do not support resource claims")] * len(claims)
    found: Errors = []
    seen: set[str] = set()
    for position, claim in enumerate(claims):
        place, name = path.index(position), claim.get("name") or ""
        if not name:
            found.append(required(place.child("name")))
        elif name in seen:
            found.append(duplicate(place.child("name"), name))
        else:
            found += dns_label(place.child("name"), name)
            seen.add(name)
        found += _claim_source(place, claim)
    return found


def _claim_source(path: Path, claim: Tree) -> Errors:
    sources = [kind for kind in ("resourceClaimName", "resourceClaimTemplateName") if claim.get(kind) is not None]
    found: Errors = []
    if len(sources) == 2:
        text = "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified"
        found.append(invalid(path, POD_CLAIM.text(claim), text))
    elif not sources:
        text = "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"
        found.append(invalid(path, POD_CLAIM.text(claim), text))
    for kind in sources:
        found += said(path.child(kind), claim[kind], names.name_is_dns_subdomain(claim[kind], False))
    return found


def _placement(path: Path, spec: Tree, allow: Allowances) -> Errors:
    """From affinity to hostUsers."""
    if spec.keys() <= _USUAL and spec.get("dnsPolicy") != "None" and not _has_windows_options(spec):
        return []
    get = spec.get
    found: Errors = []
    if get("affinity"):
        found += scheduling.affinity(path.child("affinity"), spec["affinity"], allow)
    found += naming.dns(path.child("dnsConfig"), get("dnsPolicy") or "", get("dnsConfig"))
    for position, gate in enumerate(get("readinessGates") or ()):
        place = path.child("readinessGates").index(position).child("conditionType")
        found += qualified_name(place, gate.get("conditionType") or "")
    if get("schedulingGates"):
        found += scheduling.gates(path.child("schedulingGates"), spec["schedulingGates"])
    if get("topologySpreadConstraints"):
        place = path.child("topologySpreadConstraints")
        found += scheduling.spread(place, spec["topologySpreadConstraints"], allow)
    if _has_windows_options(spec):
        found += windows.host_process(path, spec, placed_containers(path, spec))
    if get("hostUsers") is False:
        found += _own_users(path, spec)
    if get("hostnameOverride") is not None:
        found += naming.host_name_override(path.child("hostnameOverride"), spec)
    return found


def _has_windows_options(spec: Tree) -> bool:
    if "windowsOptions" in (spec.get("securityContext") or ()):
        return True
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        for container in spec.get(kind) or ():
            if "windowsOptions" in (container.get("securityContext") or ()):
                return True
    return False


def _own_users(path: Path, spec: Tree) -> Errors:
    found = [forbidden(path.child(place), _WITHOUT_USERS)
             for name, place in (("hostNetwork", "hostNetwork"), ("hostPID", "HostPID"), ("hostIPC", "HostIPC"))
             if spec.get(name)]
    return found + [forbidden(place.child("volumeDevices"), _WITHOUT_USERS)
                    for place, container in placed_containers(path, spec) if container.get("volumeDevices")]


def _names(path: Path, spec: Tree, allow: Allowances) -> Errors:
    """From the service account to overhead."""
    get = spec.get
    found: Errors = []
    for name in ("serviceAccountName", "nodeName"):
        if text := get(name):
            found += said(path.child(name), text, names.name_is_dns_subdomain(text, False))
    deadline = get("activeDeadlineSeconds")
    if deadline is not None:
        found += said(path.child("activeDeadlineSeconds"), deadline, names.in_range(deadline, 1, _LONGEST_DEADLINE))
    for name in ("hostname", "subdomain"):
        if text := get(name):
            found += dns_label(path.child(name), text)
    if get("tolerations"):
        found += scheduling.tolerations(path.child("tolerations"), spec["tolerations"])
    if get("hostAliases"):
        found += naming.aliases(path.child("hostAliases"), spec["hostAliases"])
    if text := get("priorityClassName"):
        found += said(path.child("priorityClassName"), text, names.name_is_dns_subdomain(text, False))
    text = get("runtimeClassName")
    if text is not None:
        found += said(path.child("runtimeClassName"), text, names.name_is_dns_subdomain(text, False))
    if get("preemptionPolicy") is not None:
        found += chosen(path.child("preemptionPolicy"), spec["preemptionPolicy"], _PREEMPTIONS)
    if get("overhead") is not None:
        place = path.child("overhead")
        found += resources.requirements(place, {"limits": spec["overhead"]}, frozenset(), allow)
    return found


def _system(path: Path, spec: Tree) -> Errors:
    """The operating system, and what only a look at all containers tells."""
    found: Errors = []
    if spec.get("os") is not None:
        found += windows.system(path, spec, placed_containers(path, spec))
    for kind in ("initContainers", "containers", "ephemeralContainers"):
        for container in spec.get(kind) or ():
            for variable in container.get("env") or ():
                if "fileKeyRef" in (variable.get("valueFrom") or ()):
                    places = placed_containers(path, spec)
                    return found + env.file_volumes(path, places, spec.get("volumes") or [])
    return found
