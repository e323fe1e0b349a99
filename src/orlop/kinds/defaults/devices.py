"""Defaults of claims to devices, and of the devices' taints.

Applied by the compiled walk (`schema.compile_defaults`). Behaviour: kubernetes `pkg/apis/resource/v1/defaults.go`.
What belongs to gates that are off (nodeAllocatableResourceMappings) is left out: the strategy drops it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from orlop.api.tree import Tree
from orlop.registry import times
from orlop.world.clock import SystemClock

_DEVICES: Final = "io.k8s.api.resource.v1."
_clock: Final = SystemClock()
"""Defaults know no server and so none of its clocks; upstream's ask the system as well."""


def _request(request: Tree) -> None:
    if not request.get("allocationMode"):
        request["allocationMode"] = "ExactCount"
    if request["allocationMode"] == "ExactCount" and not request.get("count"):
        request["count"] = 1


def _toleration(toleration: Tree) -> None:
    if not toleration.get("operator"):
        toleration["operator"] = "Equal"


def _taint(taint: Tree) -> None:
    if taint.get("timeAdded") is None:
        taint["timeAdded"] = times.text(_clock.now())


DEFAULTERS: Final[Mapping[str, Callable[[Tree], None]]] = {
    _DEVICES + "DeviceSubRequest": _request,
    _DEVICES + "DeviceTaint": _taint,
    _DEVICES + "DeviceToleration": _toleration,
    _DEVICES + "ExactDeviceRequest": _request,
}
