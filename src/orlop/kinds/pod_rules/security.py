"""Security contexts of pods and containers.

Called by the rules of specs and containers. Texts: kubernetes `pkg/apis/core/validation/validation.go`
(validatePodSpecSecurityContext, ValidateSecurityContext).
"""

from __future__ import annotations

from typing import Final

from orlop.api import names
from orlop.api.field import Path, invalid, not_supported
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, one_of, said
from orlop.kinds.pod_rules import profiles, windows
from orlop.kinds.pod_rules.forms import SECURITY_CONTEXT
from orlop.kinds.pod_rules.sysctls import sysctls
from orlop.kinds.pod_rules.terms import Allowances

_PROC_MOUNTS: Final = ("Default", "Unmasked")
_IDS: Final = ("fsGroup", "runAsUser", "runAsGroup")
_ADMIN: Final = "CAP_SYS_ADMIN"


def of_pod(path: Path, spec: Tree, context: Tree, allow: Allowances) -> Errors:
    """`path` is that of the context."""
    found: Errors = []
    for name in _IDS:
        if name in context:
            found += said(path.child(name), context[name], names.unix_id(context[name]))
    for position, group in enumerate(context.get("supplementalGroups") or ()):
        found += said(path.child("supplementalGroups").index(position), group, names.unix_id(group))
    if spec.get("shareProcessNamespace") and spec.get("hostPID"):
        found.append(invalid(path.child("shareProcessNamespace"), True,
                             "ShareProcessNamespace and HostPID cannot both be enabled"))
    if context.get("sysctls"):
        found += sysctls(path.child("sysctls"), spec, context["sysctls"], on_host=allow.host_sysctls)
    if "fsGroupChangePolicy" in context:
        found += one_of(path.child("fsGroupChangePolicy"), context["fsGroupChangePolicy"],
                        ("Always", "OnRootMismatch"))
    found += profiles.seccomp(path.child("seccompProfile"), context.get("seccompProfile"))
    if "windowsOptions" in context:
        found += windows.options(path.child("windowsOptions"), context["windowsOptions"])
    found += profiles.apparmor(path.child("appArmorProfile"), context.get("appArmorProfile"))
    if "supplementalGroupsPolicy" in context:
        found += one_of(path.child("supplementalGroupsPolicy"), context["supplementalGroupsPolicy"],
                        ("Merge", "Strict"))
    if "seLinuxChangePolicy" in context:
        policies = ("MountOption", "Recursive") if allow.selinux_policies else ("Recursive",)
        found += one_of(path.child("seLinuxChangePolicy"), context["seLinuxChangePolicy"], policies)
    return found


def of_container(path: Path, context: Tree, *, host_users: bool) -> Errors:
    found: Errors = []
    for name in ("runAsUser", "runAsGroup"):
        if name in context:
            found += said(path.child(name), context[name], names.unix_id(context[name]))
    if "procMount" in context:
        place, mount = path.child("procMount"), context["procMount"]
        if mount not in _PROC_MOUNTS:
            found.append(not_supported(place, mount, _PROC_MOUNTS))
        if host_users and mount == "Unmasked":
            found.append(invalid(place, mount, "`hostUsers` must be false to use `Unmasked`"))
    found += profiles.seccomp(path.child("seccompProfile"), context.get("seccompProfile"))
    if context.get("allowPrivilegeEscalation") is False:
        found += _escalation(path, context)
    if "windowsOptions" in context:
        found += windows.options(path.child("windowsOptions"), context["windowsOptions"])
    return found + profiles.apparmor(path.child("appArmorProfile"), context.get("appArmorProfile"))


def _escalation(path: Path, context: Tree) -> Errors:
    found: Errors = []
    if context.get("privileged"):
        found.append(invalid(path, SECURITY_CONTEXT.text(context),
                             "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"))
    added = (context.get("capabilities") or {}).get("add") or ()
    text = f"cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` {_ADMIN}"
    return found + [invalid(path, SECURITY_CONTEXT.text(context), text) for name in added if name == _ADMIN]
