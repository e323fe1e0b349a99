"""How tests of printers read a row: cells as a client sees them at a fixed time."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from orlop.kinds.printers import Relative, printer

NOW = 1_767_225_600.0  # 2026-01-01T00:00:00Z

Printed = Callable[..., list[Any]]


@pytest.fixture
def printed() -> Printed:
    """Cells of an object by its resource ("apps/v1/deployments"), one hour after its creation.

    Fails when printing changed the object.
    """

    def cells(resource: str, tree: dict[str, Any]) -> list[Any]:
        group, _, rest = resource.rpartition("/")[0].rpartition("/")
        tree = {**tree, "metadata": {"name": "x", "creationTimestamp": "2025-12-31T23:00:00Z",
                                     **tree.get("metadata", {})}}
        before = copy.deepcopy(tree)
        row = printer(group, rest, resource.rpartition("/")[2]).cells(tree)
        assert tree == before
        return [cell.fn(NOW) if isinstance(cell, Relative) else cell for cell in row]

    return cells
