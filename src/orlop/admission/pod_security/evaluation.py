"""Which checks make a level at a version, and what they say of a pod together. Pure.

Used by `plugin`. A check of "restricted" may take the place of one of "baseline"; findings come in the order of the
checks' names, those of "baseline" first. Behaviour: pod-security-admission `policy/registry.go`, `policy/checks.go`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from orlop.admission.pod_security import baseline, restricted
from orlop.admission.pod_security.policy import BASELINE, PRIVILEGED, LevelVersion, Minor
from orlop.admission.pod_security.restricted import but_own_users, but_windows
from orlop.admission.pod_security.wording import Check, Finding
from orlop.api.tree import Tree

NEWEST: Final[Minor] = 35
"""The last version in which a check changed: later ones mean the same."""


class _Since(NamedTuple):
    """One check through the versions: (from which on, how), and the baseline check whose place it takes."""

    steps: tuple[tuple[Minor, Check], ...]
    instead_of: str = ""

    def at(self, version: Minor) -> Check | None:
        return next((check for since, check in reversed(self.steps) if since <= version), None)


def _always(check: Check) -> _Since:
    return _Since(((0, check),))


_BASELINE: Final[Mapping[str, _Since]] = {
    "appArmorProfile": _always(baseline.app_armor),
    "capabilities_baseline": _always(baseline.capabilities),
    "hostNamespaces": _always(baseline.host_namespaces),
    "hostPathVolumes": _always(baseline.host_paths),
    "hostPorts": _always(baseline.host_ports),
    "hostProbesAndHostLifecycle": _Since(((34, baseline.hosts),)),
    "privileged": _always(baseline.privileged),
    "procMount": _Since(((0, baseline.proc_mount), (35, baseline.proc_mount_35))),
    "seLinuxOptions": _Since(((0, baseline.se_linux), (31, baseline.se_linux_31))),
    "seccompProfile_baseline": _Since(((0, baseline.seccomp_annotations), (19, baseline.seccomp))),
    "sysctls": _Since(((0, baseline.sysctls), (27, baseline.sysctls_27), (29, baseline.sysctls_29),
                       (32, baseline.sysctls_32))),
    "windowsHostProcess": _always(baseline.host_process),
}
_RESTRICTED: Final[Mapping[str, _Since]] = {
    "allowPrivilegeEscalation": _Since(((8, restricted.escalation), (25, but_windows(restricted.escalation)))),
    "capabilities_restricted": _Since(((22, restricted.capabilities), (25, but_windows(restricted.capabilities))),
                                      "capabilities_baseline"),
    "procMount_restricted": _Since(((35, baseline.proc_mount),), "procMount"),
    "restrictedVolumes": _Since(((0, restricted.volumes),), "hostPathVolumes"),
    "runAsNonRoot": _Since(((0, restricted.non_root), (35, but_own_users(restricted.non_root)))),
    "runAsUser": _Since(((23, restricted.user), (35, but_own_users(restricted.user)))),
    "seccompProfile_restricted": _Since(((19, restricted.seccomp), (25, but_windows(restricted.seccomp))),
                                        "seccompProfile_baseline"),
}


@lru_cache(maxsize=4 * NEWEST)
def _checks(level: str, version: Minor) -> Sequence[Check]:
    stricter = {} if level == BASELINE else {name: check for name, since in sorted(_RESTRICTED.items())
                                             if (check := since.at(version)) is not None}
    replaced = {_RESTRICTED[name].instead_of for name in stricter}
    common = [since.at(version) for name, since in sorted(_BASELINE.items()) if name not in replaced]
    return [check for check in (*common, *stricter.values()) if check is not None]


def evaluate(wanted: LevelVersion, metadata: Tree, spec: Tree, newest: Minor = NEWEST) -> list[Finding]:
    """What is wrong with a pod. `newest`: what "latest" means at most."""
    if wanted.level == PRIVILEGED:
        return []
    checks = _checks(wanted.level, min(wanted.version, newest, NEWEST))
    return [found for found in (check(metadata, spec) for check in checks) if found is not None]


def detailed(found: Sequence[Finding]) -> str:
    return ", ".join(f"{one.reason} ({one.detail})" if one.detail else one.reason for one in found)


def brief(found: Sequence[Finding]) -> str:
    return ", ".join(one.reason for one in found)
