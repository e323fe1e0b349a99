"""What a driver is told, or tells: JSON that only the driver understands.

Called by the rules of classes, claims and their statuses. Behaviour: kubernetes
`pkg/apis/resource/validation/validation.go` (validateDeviceConfiguration, validateRawExtension).
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from orlop.api.field import Path, invalid, required, too_long
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors
from orlop.kinds.csi import driver_name

MAX_CONFIGURATIONS: Final = 32
MAX_PARAMETERS: Final = 10 * 1024
MAX_DATA: Final = 10 * 1024


def device_configuration(path: Path, configuration: Tree, stored: bool = False) -> Errors:
    """`stored`: unchanged, so that the limit of its size does not count."""
    opaque, place = configuration.get("opaque"), path.child("opaque")
    if opaque is None:
        return [required(place)]
    found = driver_name(place.child("driver"), opaque.get("driver") or "")
    return found + json_object(place.child("parameters"), opaque.get("parameters"), MAX_PARAMETERS, stored)


def json_object(path: Path, value: Any, most: int, stored: bool = False) -> Errors:
    """A JSON object of at most so many bytes."""
    if value is None:
        return [required(path)]
    if not stored and len(orjson.dumps(value)) > most:
        return [too_long(path, most)]
    if not isinstance(value, dict):
        return [invalid(path, "<value omitted>", "must be a valid JSON object")]
    return []
