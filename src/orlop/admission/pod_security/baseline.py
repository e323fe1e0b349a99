"""The checks of the level "baseline". Pure.

Listed in `evaluation` with the versions they are for. Behaviour: the `check_*.go` of pod-security-admission `policy`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from orlop.admission.pod_security.wording import (
    Check,
    Finding,
    containers,
    contexts,
    has_own_users,
    named,
    plural,
    setters,
)
from orlop.admission.pod_security.wording import quoted as q
from orlop.api.field import quote
from orlop.api.tree import Tree

_CAPABILITIES: Final = frozenset({
    "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
    "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
})
_APP_ARMOR: Final = "container.apparmor.security.beta.kubernetes.io/"
_SECCOMP_POD: Final = "seccomp.security.alpha.kubernetes.io/pod"
_SECCOMP_CONTAINER: Final = "container.seccomp.security.alpha.kubernetes.io/"
PROFILES: Final = ("RuntimeDefault", "Localhost")
"""Profiles (AppArmor's and seccomp's) that lift no restriction."""
_LABELS: Final = frozenset({"", "container_t", "container_init_t", "container_kvm_t"})
_SYSCTLS: Final = frozenset({
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range",
    "net.ipv4.ip_unprivileged_port_start",
})
_SYSCTLS_27: Final = _SYSCTLS | {"net.ipv4.ip_local_reserved_ports"}
_SYSCTLS_29: Final = _SYSCTLS_27 | {"net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout",
                                    "net.ipv4.tcp_keepalive_intvl", "net.ipv4.tcp_keepalive_probes"}
_SYSCTLS_32: Final = _SYSCTLS_29 | {"net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"}


def app_armor(metadata: Tree, spec: Tree) -> Finding | None:
    values: set[str] = set()

    def is_bad(context: Tree) -> bool:
        profile = context.get("appArmorProfile")
        if profile is None or profile.get("type") in PROFILES:
            return False
        values.add(profile.get("type") or "")
        return True

    pod = is_bad(spec.get("securityContext") or {})
    bad = [name for name, context in contexts(spec) if is_bad(context)]
    annotated = sorted(f"{key}={quote(value)}" for key, value in (metadata.get("annotations") or {}).items()
                       if key.startswith(_APP_ARMOR) and value not in ("", "runtime/default")
                       and not value.startswith("localhost/"))
    who = [setters(pod, bad)] if pod or bad else []
    if annotated:
        who.append(plural(annotated, "annotation", "annotations"))
    if not who:
        return None
    wrong = [*sorted(values), *annotated]
    return Finding(plural(wrong, "forbidden AppArmor profile", "forbidden AppArmor profiles"),
                   f"{' and '.join(who)} must not set AppArmor profile type to {q(wrong)}")


def capabilities(metadata: Tree, spec: Tree) -> Finding | None:
    bad, added = [], set[str]()
    for name, context in contexts(spec):
        more = set((context.get("capabilities") or {}).get("add") or ()) - _CAPABILITIES
        if more:
            bad.append(name)
            added |= more
    if not bad:
        return None
    return Finding("non-default capabilities",
                   f"{named(bad)} must not include {q(sorted(added))} in securityContext.capabilities.add")


def host_namespaces(metadata: Tree, spec: Tree) -> Finding | None:
    shared = [f"{member}=true" for member in ("hostNetwork", "hostPID", "hostIPC") if spec.get(member)]
    return Finding("host namespaces", ", ".join(shared)) if shared else None


def host_paths(metadata: Tree, spec: Tree) -> Finding | None:
    bad = [volume.get("name") or "" for volume in spec.get("volumes") or () if volume.get("hostPath") is not None]
    return Finding("hostPath volumes", f"{plural(bad, 'volume', 'volumes')} {q(bad)}") if bad else None


def host_ports(metadata: Tree, spec: Tree) -> Finding | None:
    bad, ports = [], set[str]()
    for container in containers(spec):
        own = {str(port["hostPort"]) for port in container.get("ports") or () if port.get("hostPort")}
        if own:
            bad.append(container.get("name") or "")
            ports |= own
    if not bad:
        return None
    return Finding("hostPort", f"{named(bad)} {plural(bad, 'uses', 'use')} {plural(ports, 'hostPort', 'hostPorts')} "
                               f"{', '.join(sorted(ports))}")


def hosts(metadata: Tree, spec: Tree) -> Finding | None:
    """Probes and handlers that ask another host than the pod."""
    bad, asked = set[str](), set[str]()
    for container in containers(spec):
        own = set(_hosts(container))
        if own:
            bad.add(container.get("name") or "")
            asked |= own
    if not bad:
        return None
    what = plural(asked, "probe or lifecycle host", "probe or lifecycle hosts")
    return Finding("probe or lifecycle host",
                   f"{named(sorted(bad))} {plural(bad, 'uses', 'use')} {what} {q(sorted(asked))}")


def _hosts(container: Tree) -> Iterator[str]:
    lifecycle = container.get("lifecycle") or {}
    handlers: tuple[Any, ...] = (container.get("livenessProbe"), container.get("readinessProbe"),
                                 container.get("startupProbe"), lifecycle.get("postStart"), lifecycle.get("preStop"))
    for handler in handlers:
        for member in ("httpGet", "tcpSocket"):
            host = ((handler or {}).get(member) or {}).get("host")
            if host:
                yield host


def privileged(metadata: Tree, spec: Tree) -> Finding | None:
    bad = [name for name, context in contexts(spec) if context.get("privileged")]
    return Finding("privileged", f"{named(bad)} must not set securityContext.privileged=true") if bad else None


def proc_mount(metadata: Tree, spec: Tree) -> Finding | None:
    bad, kinds = [], set[str]()
    for name, context in contexts(spec):
        kind = context.get("procMount")
        if kind is not None and kind != "Default":
            bad.append(name)
            kinds.add(kind)
    return Finding("procMount", f"{named(bad)} must not set securityContext.procMount to {q(sorted(kinds))}") \
        if bad else None


def proc_mount_35(metadata: Tree, spec: Tree) -> Finding | None:
    return None if has_own_users(spec) else proc_mount(metadata, spec)


def _se_linux(labels: frozenset[str]) -> Check:
    def se_linux(metadata: Tree, spec: Tree) -> Finding | None:
        kinds, others = set[str](), set[str]()

        def is_bad(context: Tree) -> bool:
            options = context.get("seLinuxOptions")
            if options is None:
                return False
            kind, other = options.get("type") or "", [member for member in ("user", "role") if options.get(member)]
            if kind not in labels:
                kinds.add(kind)
            others.update(other)
            return kind not in labels or bool(other)

        pod = is_bad(spec.get("securityContext") or {})
        bad = [name for name, context in contexts(spec) if is_bad(context)]
        if not pod and not bad:
            return None
        data = [f"{plural(kinds, 'type', 'types')} {q(sorted(kinds))}"] if kinds else []
        data += [f"{member} may not be set" for member in ("user", "role") if member in others]
        return Finding("seLinuxOptions", f"{setters(pod, bad)} set forbidden securityContext.seLinuxOptions: "
                                         f"{'; '.join(data)}")

    return se_linux


def seccomp_annotations(metadata: Tree, spec: Tree) -> Finding | None:
    annotations = metadata.get("annotations") or {}
    keys = [_SECCOMP_POD, *(_SECCOMP_CONTAINER + (one.get("name") or "") for one in containers(spec))]
    bad = {f"{key}={quote(annotations[key])}" for key in keys if key in annotations
           and annotations[key] not in ("runtime/default", "docker/default")
           and not annotations[key].startswith("localhost/")}
    if not bad:
        return None
    return Finding("seccompProfile", f"forbidden {plural(bad, 'annotation', 'annotations')} {', '.join(sorted(bad))}")


def seccomp(metadata: Tree, spec: Tree) -> Finding | None:
    values: set[str] = set()

    def is_bad(context: Tree) -> bool:
        profile = context.get("seccompProfile")
        if profile is None or profile.get("type") in PROFILES:
            return False
        values.add(profile.get("type") or "")
        return True

    pod = is_bad(spec.get("securityContext") or {})
    bad = [name for name, context in contexts(spec) if is_bad(context)]
    if not pod and not bad:
        return None
    return Finding("seccompProfile", f"{setters(pod, bad)} must not set securityContext.seccompProfile.type to "
                                     f"{q(sorted(values))}")


def _sysctls(allowed: frozenset[str]) -> Check:
    def sysctls(metadata: Tree, spec: Tree) -> Finding | None:
        wanted = (spec.get("securityContext") or {}).get("sysctls") or ()
        bad = [one.get("name") or "" for one in wanted if one.get("name") not in allowed]
        return Finding("forbidden sysctls", ", ".join(bad)) if bad else None

    return sysctls


def host_process(metadata: Tree, spec: Tree) -> Finding | None:
    def is_bad(context: Tree) -> bool:
        return bool((context.get("windowsOptions") or {}).get("hostProcess"))

    pod = is_bad(spec.get("securityContext") or {})
    bad = [name for name, context in contexts(spec) if is_bad(context)]
    if not pod and not bad:
        return None
    return Finding("hostProcess", f"{setters(pod, bad)} must not set securityContext.windowsOptions.hostProcess=true")


se_linux, se_linux_31 = _se_linux(_LABELS), _se_linux(_LABELS | {"container_engine_t"})
sysctls, sysctls_27, sysctls_29, sysctls_32 = (
    _sysctls(_SYSCTLS), _sysctls(_SYSCTLS_27), _sysctls(_SYSCTLS_29), _sysctls(_SYSCTLS_32))
