"""The columns of every built-in resource's Table, from packaged data.

`printers.printer` pairs them with the function that makes the cells; the table endpoint shows them as
columnDefinitions. Names, types and priorities are those a kube-apiserver of the data's version serves, the
descriptions those of the API types' documentation. The data's key "" holds the columns of every other
resource.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import orjson

from orlop.api.tree import Tree
from orlop.data import load

DATA = "tables-1.36.json"


class Column(NamedTuple):
    """One column. A `priority` above zero marks columns shown in wide output only."""

    name: str
    type: str
    format: str
    description: str
    priority: int

    def definition(self) -> Tree:
        """The column as a TableColumnDefinition."""
        return self._asdict()


@cache
def all_columns() -> dict[str, tuple[Column, ...]]:
    """Columns by "group/version/plural" ("v1/plural" for the core group)."""
    data = orjson.loads(load(DATA))
    return {key: tuple(Column(**column) for column in columns) for key, columns in data.items()}


def columns_of(key: str) -> tuple[Column, ...]:
    """The columns of a resource, Name and Created At when it has none of its own."""
    known = all_columns()
    return known.get(key) or known[""]
