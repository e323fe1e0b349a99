"""Probes and lifecycle hooks of containers.

Called by the rules of containers. Texts: kubernetes `pkg/apis/core/validation/validation.go` (validateProbe,
validateHandler, validateLifecycle).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orlop.api import names
from orlop.api.field import Path, forbidden, invalid, not_supported, required
from orlop.api.tree import Tree
from orlop.kinds.checks import NOT_NEGATIVE, Errors, port_number, port_number_or_name, said

_NUMBERS: Final = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
_SCHEMES: Final = ("HTTP", "HTTPS")


def probe(path: Path, kind: str, given: Tree, grace: int | None) -> Errors:
    """`kind` is the member's name: liveness and startup probes succeed at once or not at all."""
    found = _handler(path, given, grace)
    for name in _NUMBERS:
        number = given.get(name) or 0
        if number < 0:
            found.append(invalid(path.child(name), number, NOT_NEGATIVE))
    period = given.get("terminationGracePeriodSeconds")
    place = path.child("terminationGracePeriodSeconds")
    if period is not None and period <= 0:
        found.append(invalid(place, period, "must be greater than 0"))
    if kind == "readinessProbe":
        if period is not None:
            found.append(invalid(place, period, "must not be set for readinessProbes"))
    elif given.get("successThreshold") != 1:
        found.append(invalid(path.child("successThreshold"), given.get("successThreshold") or 0, "must be 1"))
    return found


def lifecycle(path: Path, given: Tree, grace: int | None) -> Errors:
    found: Errors = []
    for name in ("postStart", "preStop"):
        if name in given:
            found += _handler(path.child(name), given[name], grace)
    return found


def _exec(path: Path, action: Tree, grace: int | None) -> Errors:
    return [] if action.get("command") else [required(path.child("command"))]


def _http_get(path: Path, action: Tree, grace: int | None) -> Errors:
    found: Errors = [] if action.get("path") else [required(path.child("path"))]
    found += port_number_or_name(path.child("port"), action.get("port", 0))
    if action.get("scheme") not in _SCHEMES:
        found.append(not_supported(path.child("scheme"), action.get("scheme") or "", _SCHEMES))
    for header in action.get("httpHeaders") or ():
        name = header.get("name") or ""
        found += said(path.child("httpHeaders"), name, names.http_header_name(name))
    return found


def _tcp(path: Path, action: Tree, grace: int | None) -> Errors:
    return port_number_or_name(path.child("port"), action.get("port", 0))


def _grpc(path: Path, action: Tree, grace: int | None) -> Errors:
    return port_number(path.child("port"), action.get("port") or 0)


def _sleep(path: Path, action: Tree, grace: int | None) -> Errors:
    seconds = action.get("seconds") or 0
    if grace is None or 0 <= seconds <= grace:
        return []
    return [invalid(path, seconds, f"must be non-negative and less than terminationGracePeriodSeconds ({grace})")]


_HANDLERS: Final[tuple[tuple[str, Callable[[Path, Tree, int | None], Errors]], ...]] = (
    ("exec", _exec), ("httpGet", _http_get), ("tcpSocket", _tcp), ("grpc", _grpc), ("sleep", _sleep))


def _handler(path: Path, given: Tree, grace: int | None) -> Errors:
    found: Errors = []
    some = False
    for name, rule in _HANDLERS:
        if name not in given:
            continue
        if some:
            found.append(forbidden(path.child(name), "may not specify more than 1 handler type"))
        else:
            found += rule(path.child(name), given[name], grace)
            some = True
    return found if some else [*found, required(path, "must specify a handler type")]
