"""What is particular to pods for Windows, and what such pods may not have.

Called by the rules of specs and security contexts. Texts: kubernetes `pkg/apis/core/validation/validation.go`
(validateWindowsSecurityContextOptions, validateWindowsHostProcessPod, validateOS, validateLinux, validateWindows).
"""

from __future__ import annotations

import re
from typing import Final

from orlop.api import names
from orlop.api.field import Path, forbidden, invalid, not_supported, required
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, said

_KIB: Final = 64
_DOMAIN_LENGTH: Final = 256
_USER_LENGTH: Final = 104
_has_control = re.compile(r"[\x00-\x1f\x7f]").search
_is_netbios = re.compile(r'[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}').fullmatch
_LABEL: Final = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_is_dns = re.compile(rf"{_LABEL}(?:\.{_LABEL})*").fullmatch
_has_odd_character = re.compile(r'["/\\:;|=,+*?<>@\[\]]').search
_is_dots = re.compile(r"[. ]+").fullmatch
_FOREIGN: Final = "cannot be set for a windows pod"
_OF_POD: Final = (
    ("securityContext", "appArmorProfile"), ("securityContext", "seLinuxOptions"), ("", "hostUsers"),
    ("", "hostPID"), ("", "hostIPC"), ("securityContext", "seccompProfile"), ("securityContext", "fsGroup"),
    ("securityContext", "fsGroupChangePolicy"), ("securityContext", "sysctls"), ("", "shareProcessNamespace"),
    ("securityContext", "runAsUser"), ("securityContext", "runAsGroup"), ("securityContext", "supplementalGroups"),
    ("securityContext", "supplementalGroupsPolicy"), ("securityContext", "seLinuxChangePolicy"))
_OF_CONTAINER: Final = (
    "appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities", "readOnlyRootFilesystem", "privileged",
    "allowPrivilegeEscalation", "procMount", "runAsUser", "runAsGroup")


def options(path: Path, given: Tree) -> Errors:
    found: Errors = []
    if "gmsaCredentialSpecName" in given:
        name = given["gmsaCredentialSpecName"]
        found += said(path.child("gmsaCredentialSpecName"), name, names.dns1123_subdomain(name))
    if "gmsaCredentialSpec" in given:
        spec, place = given["gmsaCredentialSpec"], path.child("gmsaCredentialSpec")
        if not spec:
            found.append(invalid(place, spec, "gmsaCredentialSpec cannot be an empty string"))
        elif names.length(spec) > _KIB * 1024:
            found.append(invalid(place, spec, f"gmsaCredentialSpec size must be under {_KIB} KiB"))
    if "runAsUserName" in given:
        name = given["runAsUserName"]
        found += [invalid(path.child("runAsUserName"), name, text) for text in _user_name(name)]
    return found


def _user_name(name: str) -> list[str]:
    if not name:
        return ["runAsUserName cannot be an empty string"]
    if _has_control(name):
        return ["runAsUserName cannot contain control characters"]
    parts = name.split("\\")
    if len(parts) > 2:
        return ["runAsUserName cannot contain more than one backslash"]
    user, domain = parts[-1], parts[0] if len(parts) == 2 else None
    found = []
    if domain is not None and names.length(domain) >= _DOMAIN_LENGTH:
        found.append(f"runAsUserName's Domain length must be under {_DOMAIN_LENGTH} characters")
    if domain is not None and not _is_netbios(domain) and not _is_dns(domain):
        found.append("runAsUserName's Domain doesn't match the NetBios nor the DNS format")
    if not user:
        found.append("runAsUserName's User cannot be empty")
    elif names.length(user) > _USER_LENGTH:
        found.append(f"runAsUserName's User length must not be longer than {_USER_LENGTH} characters")
    if _is_dots(user):
        found.append("runAsUserName's User cannot contain only periods or spaces")
    if _has_odd_character(user):
        found.append("runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]")
    return found


def host_process(path: Path, spec: Tree, containers: list[tuple[Path, Tree]]) -> Errors:
    """Containers that are processes of the host: all or none, and only with the host's network."""
    whole = ((spec.get("securityContext") or {}).get("windowsOptions") or {}).get("hostProcess")
    found: Errors = []
    count = 0
    for place, container in containers:
        own = ((container.get("securityContext") or {}).get("windowsOptions") or {}).get("hostProcess")
        if whole is not None and own is not None and whole != own:
            text = f"pod hostProcess value must be identical if both are specified, was {str(whole).lower()}"
            found.append(invalid(place.child("securityContext", "windowsOptions", "hostProcess"), own, text))
        count += bool(whole if own is None else own)
    if not count:
        return found
    if count != len(containers):
        text = "If pod contains any hostProcess containers then all containers must be HostProcess containers"
        found.append(invalid(path, "", text))
    if not spec.get("hostNetwork"):
        found.append(invalid(path.child("hostNetwork"), False,
                             "hostNetwork must be true if pod contains any hostProcess containers"))
    return found


def system(path: Path, spec: Tree, containers: list[tuple[Path, Tree]]) -> Errors:
    """`spec.os`, and what goes with it."""
    name = spec["os"].get("name") or ""
    if not name:
        return [required(path.child("os", "name"))]
    if name == "linux":
        return _for_linux(path, spec, containers)
    if name == "windows":
        return _for_windows(path, spec, containers)
    return [not_supported(path.child("os"), name, ("linux", "windows"))]


def _for_linux(path: Path, spec: Tree, containers: list[tuple[Path, Tree]]) -> Errors:
    text = "windows options cannot be set for a linux pod"
    holders = [(path, spec), *containers]
    return [forbidden(place.child("securityContext", "windowsOptions"), text) for place, holder in holders
            if "windowsOptions" in (holder.get("securityContext") or {})]


def _for_windows(path: Path, spec: Tree, containers: list[tuple[Path, Tree]]) -> Errors:
    found: Errors = []
    for holder, name in _OF_POD:
        tree: Tree = (spec.get(holder) or {}) if holder else spec
        value = tree.get(name)
        if value is not None and value is not False and value != []:
            found.append(forbidden((path.child(holder) if holder else path).child(name), _FOREIGN))
        elif value is False and name in ("hostUsers", "shareProcessNamespace"):
            found.append(forbidden(path.child(name), _FOREIGN))
    for place, container in containers:
        context: Tree = container.get("securityContext") or {}
        found += [forbidden(place.child("securityContext", name), _FOREIGN) for name in _OF_CONTAINER
                  if name in context]
    return found
