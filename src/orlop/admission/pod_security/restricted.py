"""The checks that the level "restricted" adds. Pure.

Listed in `evaluation` with the versions they are for. Behaviour: the `check_*.go` of pod-security-admission `policy`.
"""

from __future__ import annotations

from typing import Final

from orlop.admission.pod_security.baseline import PROFILES
from orlop.admission.pod_security.wording import (
    Check,
    Finding,
    contexts,
    has_own_users,
    is_windows,
    named,
    plural,
    setters,
)
from orlop.admission.pod_security.wording import quoted as q
from orlop.api.tree import Tree

_VOLUMES: Final = ("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim",
                   "projected", "secret")
_BAD_VOLUMES: Final = (
    "hostPath", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "nfs", "iscsi", "glusterfs", "rbd",
    "flexVolume", "cinder", "cephfs", "flocker", "fc", "azureFile", "vsphereVolume", "quobyte", "azureDisk",
    "photonPersistentDisk", "portworxVolume", "scaleIO", "storageos")


def but_windows(check: Check) -> Check:
    """Windows has nothing of the kind: its pods are let through."""

    def checked(metadata: Tree, spec: Tree) -> Finding | None:
        return None if is_windows(spec) else check(metadata, spec)

    return checked


def but_own_users(check: Check) -> Check:
    """Pods in a user namespace are let through."""

    def checked(metadata: Tree, spec: Tree) -> Finding | None:
        return None if has_own_users(spec) else check(metadata, spec)

    return checked


def escalation(metadata: Tree, spec: Tree) -> Finding | None:
    bad = [name for name, context in contexts(spec) if context.get("allowPrivilegeEscalation") is not False]
    if not bad:
        return None
    return Finding("allowPrivilegeEscalation != false",
                   f"{named(bad)} must set securityContext.allowPrivilegeEscalation=false")


def capabilities(metadata: Tree, spec: Tree) -> Finding | None:
    keeping, adding, added = [], [], set[str]()
    for name, context in contexts(spec):
        own = context.get("capabilities") or {}
        if "ALL" not in (own.get("drop") or ()):
            keeping.append(name)
        more = set(own.get("add") or ()) - {"NET_BIND_SERVICE"}
        if more:
            adding.append(name)
            added |= more
    details = [f'{named(keeping)} must set securityContext.capabilities.drop=["ALL"]'] if keeping else []
    if adding:
        details.append(f"{named(adding)} must not include {q(sorted(added))} in securityContext.capabilities.add")
    return Finding("unrestricted capabilities", "; ".join(details)) if details else None


def volumes(metadata: Tree, spec: Tree) -> Finding | None:
    bad, kinds = [], set[str]()
    for volume in spec.get("volumes") or ():
        if all(volume.get(kind) is None for kind in _VOLUMES):
            bad.append(volume.get("name") or "")
            kinds.add(next((kind for kind in _BAD_VOLUMES if volume.get(kind) is not None), "unknown"))
    if not bad:
        return None
    what = plural(kinds, "restricted volume type", "restricted volume types")
    return Finding("restricted volume types", f"{plural(bad, 'volume', 'volumes')} {q(bad)} "
                                              f"{plural(bad, 'uses', 'use')} {what} {q(sorted(kinds))}")


def non_root(metadata: Tree, spec: Tree) -> Finding | None:
    whole = (spec.get("securityContext") or {}).get("runAsNonRoot")
    said = [(name, context.get("runAsNonRoot")) for name, context in contexts(spec)]
    bad = [name for name, value in said if value is False]
    if whole is False or bad:
        return Finding("runAsNonRoot != true",
                       f"{setters(whole is False, bad)} must not set securityContext.runAsNonRoot=false")
    silent = [name for name, value in said if value is None and not whole]
    if not silent:
        return None
    return Finding("runAsNonRoot != true", f"pod or {named(silent)} must set securityContext.runAsNonRoot=true")


def user(metadata: Tree, spec: Tree) -> Finding | None:
    pod = (spec.get("securityContext") or {}).get("runAsUser") == 0
    bad = [name for name, context in contexts(spec) if context.get("runAsUser") == 0]
    return Finding("runAsUser=0", f"{setters(pod, bad)} must not set runAsUser=0") if pod or bad else None


def seccomp(metadata: Tree, spec: Tree) -> Finding | None:
    whole = (spec.get("securityContext") or {}).get("seccompProfile")
    good = whole is not None and whole.get("type") in PROFILES
    pod = whole is not None and not good
    values = {whole.get("type") or ""} if whole is not None and pod else set[str]()
    bad, silent = [], []
    for name, context in contexts(spec):
        profile = context.get("seccompProfile")
        if profile is None:
            silent.append(name)
        elif profile.get("type") not in PROFILES:
            bad.append(name)
            values.add(profile.get("type") or "")
    if pod or bad:
        return Finding("seccompProfile", f"{setters(pod, bad)} must not set securityContext.seccompProfile.type to "
                                         f"{q(sorted(values))}")
    if good or not silent:
        return None
    return Finding("seccompProfile", f"pod or {named(silent)} must set securityContext.seccompProfile.type to "
                                     '"RuntimeDefault" or "Localhost"')
