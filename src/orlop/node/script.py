"""What annotations say about how a pod's containers are to behave.

Read by the agent (`start-delay`) and by the runtimes. `orlop.dev/NAME` is for all containers of the pod,
`orlop.dev/NAME.CONTAINER` for one of them. In process mode only `start-delay` counts: the rest is what the processes
do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from orlop.api.tree import Tree
from orlop.node.container import Role

PREFIX: Final = "orlop.dev/"
_UNREADY: Final = PREFIX + "unready"
_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")


class ScriptError(ValueError):
    """An annotation that cannot be understood; the text is for the pod's owner."""


@dataclass(frozen=True, slots=True)
class Script:
    """`run_for` None: until it is stopped. `log_every` 0: `log` is written once, when the container starts. `fail`: the
    reason for which it cannot be started. `ready_after`: seconds from its start until it is ready."""

    run_for: float | None = None
    exit_code: int = 0
    log: str = ""
    log_every: float = 0.0
    fail: str = ""
    ready_after: float = 0.0


def script_of(pod: Tree, container: str, role: Role) -> Script:
    """Init containers end at once unless told otherwise. Raises ScriptError."""
    found = pod["metadata"].get("annotations") or {}

    def said(name: str) -> str | None:
        own: str | None = found.get(f"{PREFIX}{name}.{container}")
        return own if own is not None else found.get(PREFIX + name)

    run_for = said("run-for")
    code = said("exit-code") or "0"
    if not code.isdecimal() or int(code) > 255:
        raise ScriptError(f"annotation {PREFIX}exit-code must be a number from 0 to 255, not {code!r}")
    ends = 0.0 if role is Role.INIT else None
    return Script(
        run_for=_seconds("run-for", run_for, ends), exit_code=int(code), log=said("log") or "",
        log_every=_seconds("log-every", said("log-every"), 0.0) or 0.0, fail=said("fail") or "",
        ready_after=_seconds("ready-after", said("ready-after"), 0.0) or 0.0)


def start_delay_of(pod: Tree, default: float) -> float:
    """Seconds that a pod waits before its first container starts."""
    found: str | None = (pod["metadata"].get("annotations") or {}).get(PREFIX + "start-delay")
    return _seconds("start-delay", found, default) or 0.0


def ready_after_of(pod: Tree, container: str, role: Role) -> float:
    """Seconds from a container's start until it is ready; 0 if that cannot be understood."""
    if not pod["metadata"].get("annotations"):
        return 0.0
    try:
        return script_of(pod, container, role).ready_after
    except ScriptError:
        return 0.0


def unready_of(pod: Tree) -> frozenset[str]:
    """Containers that are not ready as long as an annotation says so."""
    found = pod["metadata"].get("annotations") or {}
    if not any(name.startswith(_UNREADY) for name in found):
        return frozenset()
    spec = pod["spec"]
    names = [one["name"] for one in (*(spec.get("initContainers") or ()), *spec["containers"])]
    return frozenset(name for name in names
                     if found.get(f"{_UNREADY}.{name}", found.get(_UNREADY)) == "true")


def _seconds(name: str, text: str | None, default: float | None) -> float | None:
    if text is None:
        return default
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ScriptError(f"annotation {PREFIX}{name} must be a duration such as 1m30s, not {text!r}")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)
