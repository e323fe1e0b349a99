"""What selectors of devices may speak of: the variable `device`, and `cel.bind`.

`selectors` imports this at the first expression, for the language takes a while to load. Behaviour: kubernetes
`staging/src/k8s.io/dynamic-resource-allocation/cel/compile.go`, with the features that are on by default in 1.36.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from orlop.api.field import FieldError, Path, forbidden, internal, invalid
from orlop.cel import types as t
from orlop.cel.cost_estimate import estimate
from orlop.cel.cost_range import Estimate
from orlop.cel.environment import Environment
from orlop.cel.functions import Library
from orlop.cel.issues import CompileError, ProgramError
from orlop.cel.library_kubernetes import LIBRARIES
from orlop.cel.library_quantity import QUANTITY_TYPE
from orlop.cel.macros import BIND
from orlop.cel.program import room_to_recurse
from orlop.cel.types import Declared, DeclaredField, Kind, Type

MAX_COST: Final = 1_000_000
"""What an expression may cost at most, for any device."""
_MAX_MEMBERS: Final = 32
"""Attributes and capacities of a device."""

_VARIABLE: Final = "device"
_ATTRIBUTE: Final = Declared(t.ANY, 64, 1, name="any")
_QUANTITY: Final = Declared(QUANTITY_TYPE, 0, 8, name="quantity")
_DOMAIN: Final = Declared(t.STRING, 63, 2, name="string")
_NAME: Final = Declared(t.STRING, 32, 2, name="string")


def _map(key: Declared, element: Declared) -> Declared:
    return Declared(t.map_of(key.type, element.type), _MAX_MEMBERS, 2, element=element, key=key, name="map")


_FIELDS: Final = {
    "driver": Declared(t.STRING, 63, 2, name="string"),
    "allowMultipleAllocations": Declared(t.BOOL, 1, 4, name="bool"),
    "attributes": _map(_DOMAIN, _map(_NAME, _ATTRIBUTE)),
    "capacity": _map(_DOMAIN, _map(_NAME, _QUANTITY)),
}
_DEVICE: Final = Declared(
    t.object_type("kubernetes.DRADevice", {name: field.type for name, field in _FIELDS.items()}), 0, 2,
    fields={name: DeclaredField(field, name, required=True) for name, field in _FIELDS.items()})


@lru_cache(maxsize=1)
def _environment() -> Environment:
    return Environment({_VARIABLE: _DEVICE.type}, (*LIBRARIES, Library("bindings", macros=(BIND,))))


def check(text: str, path: Path) -> list[FieldError]:
    """What is wrong with an expression."""
    environment = _environment()
    try:
        checked = environment.check(text)
    except CompileError as error:
        return [invalid(path, text, f"compilation failed: {error}")]
    if checked.output.kind not in (Kind.BOOL, Kind.ANY):
        return [invalid(path, text, f"must evaluate to bool or the unknown type, not {_shown(checked.output)}")]
    try:
        environment.program(checked)
    except ProgramError as error:
        return [internal(path, f"program instantiation failed: {error.message}")]
    with room_to_recurse():
        cost = estimate(checked, _sizes).high
    return [forbidden(path, "too complex, exceeds cost limit")] if cost > MAX_COST else []


def _sizes(path: Sequence[str], type_: Type) -> Estimate | None:
    """The sizes of what a device has. An attribute that is selected by name is as large as any."""
    if not path or path[0] != _VARIABLE:
        return None
    current: Declared | None = _DEVICE
    for step in path[1:]:
        if current is None:
            return None
        field = (current.fields or {}).get(step)
        if step in ("@items", "@values"):
            current = current.element
        elif step == "@keys":
            current = current.key
        elif field is not None:
            current = field.declared
        else:
            current = _ATTRIBUTE if current.element is _ATTRIBUTE else None
    return Estimate(0, current.max_elements) if current is not None else None


def _shown(found: Type) -> str:
    """As cel-go's types print themselves."""
    name = f"wrapper({found.name})" if found.nullable else found.name
    return f"{name}({', '.join(map(_shown, found.parameters))})" if found.parameters else name
