"""Kernel parameters that a pod sets for itself.

Called by the rules of security contexts. Texts: kubernetes `pkg/apis/core/validation/validation.go` (validateSysctls);
which parameters belong to which namespace: `component-helpers/node/util/sysctl`.
"""

from __future__ import annotations

import re
from typing import Final

from orlop.api.field import Path, duplicate, invalid, required
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors

_STEP: Final = "[a-z0-9]([-_a-z0-9]*[a-z0-9])?"
_FORM: Final = rf"^({_STEP}[\./])*{_STEP}$"
_is_name = re.compile(_FORM.replace("(", "(?:")).fullmatch
_LONGEST: Final = 253
_IPC: Final = ("kernel.sem",)
_IPC_PREFIXES: Final = ("kernel.shm", "kernel.msg", "fs.mqueue.")
_NET_PREFIX: Final = "net."


def _dotted(name: str) -> str:
    """Both separators mean the same; which one a name uses, its first says."""
    first = re.search(r"[./]", name)
    if first is None or first[0] == ".":
        return name
    return name.translate(str.maketrans("./", "/."))


def _problem_on_host(spec: Tree, name: str) -> str:
    dotted = _dotted(name)
    if spec.get("hostNetwork") and dotted.startswith(_NET_PREFIX):
        return "may not be specified when 'hostNetwork' is true"
    if spec.get("hostIPC") and (dotted in _IPC or dotted.startswith(_IPC_PREFIXES)):
        return "may not be specified when 'hostIPC' is true"
    return ""


def has_host_sysctl(spec: Tree) -> bool:
    """Whether a spec sets parameters of a namespace that it shares with the host."""
    listed = (spec.get("securityContext") or {}).get("sysctls") or ()
    return any(_problem_on_host(spec, sysctl.get("name") or "") for sysctl in listed)


def sysctls(path: Path, spec: Tree, listed: list[Tree], *, on_host: bool) -> Errors:
    """`on_host`: parameters shared with the host may stay."""
    found: Errors = []
    seen: set[str] = set()
    for position, sysctl in enumerate(listed):
        place, name = path.index(position).child("name"), sysctl.get("name") or ""
        if not name:
            found.append(required(place))
        elif len(name) > _LONGEST or not _is_name(name):
            found.append(invalid(place, name, f"must have at most {_LONGEST} characters and match regex {_FORM}"))
        elif name in seen:
            found.append(duplicate(place, name))
        if not on_host and (problem := _problem_on_host(spec, name)):
            found.append(invalid(place, name, problem))
        seen.add(name)
    return found
