"""The Table of a custom kind: columns and cells from additionalPrinterColumns.

Made by `kind` when a client first asks for a Table of a version. Without columns of its own a kind shows name and age.
Behaviour: apiextensions-apiserver `pkg/registry/customresource/tableconvertor`, and for the scale subresource
`pkg/apiserver/helpers.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from orlop.api import times
from orlop.api.tree import Tree, Value
from orlop.kinds.custom.definition import Scaling
from orlop.kinds.custom.json_path import BadMatch, BadPath, JSONPath, text
from orlop.kinds.printers import Cell, Column, Printer, Relative
from orlop.kinds.printers.cells import UNKNOWN, elapsed, metadata_of, name_of
from orlop.kinds.printers.columns import columns_of

_INVALID: Final = "<invalid>"
_NO_VALUE: Final = "<no value>"
_CREATED: Final = ".metadata.creationTimestamp"

Read = Callable[[Tree], Cell]


def printer(columns: Sequence[Tree]) -> Printer:
    """How a version is shown. Columns after one whose path cannot be read are left out."""
    name, created = columns_of("")
    shown: list[Column] = [name]
    reads: list[Read] = []
    for column in columns or (_age(created.description),):
        try:
            path = JSONPath(column["jsonPath"])
        except BadPath:
            break
        shown.append(_column(column))
        reads.append(_reader(path, column["type"]))
    return Printer(tuple(shown), partial(_cells, tuple(reads)))


def scale_printer(scaling: Scaling) -> Printer:
    _, created = columns_of("")
    columns: list[Tree] = []
    if scaling.spec:
        columns.append({"name": "Desired", "type": "integer", "description": "Number of desired replicas",
                        "jsonPath": ".spec.replicas"})
    if scaling.status:
        columns.append({"name": "Available", "type": "integer", "description": "Number of actual replicas",
                        "jsonPath": ".status.replicas"})
    return printer([*columns, _age(created.description)])


def _age(description: str) -> Tree:
    return {"name": "Age", "type": "date", "description": description, "jsonPath": _CREATED}


def _column(column: Tree) -> Column:
    described = (column.get("description")
                 or f"Custom resource definition column (in JSONPath format): {column['jsonPath']}")
    return Column(column["name"], column["type"], column.get("format") or "", described, column.get("priority") or 0)


def _cells(reads: tuple[Read, ...], obj: Tree) -> list[Cell]:
    return [name_of(metadata_of(obj)), *(read(obj) for read in reads)]


def _reader(path: JSONPath, kind: str) -> Read:
    convert = _CELLS.get(kind, _nothing)

    def read(obj: Tree) -> Cell:
        try:
            found = path.find(obj)
        except BadMatch:
            return None
        return convert(found[0]) if found else None

    return read


def _nothing(value: Value) -> Cell:
    return None


def _integer(value: Value) -> Cell:
    if type(value) is float:
        return int(value)
    return value if type(value) is int else None


def _number(value: Value) -> Any:
    return float(value) if type(value) in (int, float) else None


def _boolean(value: Value) -> Cell:
    return value if type(value) is bool else None


def _string(value: Value) -> Cell:
    return _NO_VALUE if value is None else text(value)


def _date(value: Value) -> Cell:
    if type(value) is not str:
        return None
    if not value:
        return UNKNOWN
    try:
        instant = times.parse(value)
    except times.TimeError:
        return _INVALID
    if instant.is_zero:
        return UNKNOWN
    return Relative(partial(elapsed, instant.seconds + instant.nanoseconds / 1e9))


_CELLS: Final[dict[str, Callable[[Value], Cell]]] = {
    "integer": _integer, "number": _number, "boolean": _boolean, "string": _string, "date": _date,
}
