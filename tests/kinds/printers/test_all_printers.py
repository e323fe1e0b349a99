"""What holds for every printer: as many cells as columns, no demands on the object, columns as clients know
them."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.kinds.printers import Relative, printer
from orlop.kinds.printers.columns import all_columns

RESOURCES = sorted(key for key in all_columns() if key)
ONE_CELL_MORE = {"networking.k8s.io/v1/ipaddresses"}  # upstream sends an age without a column


def parts(resource: str) -> tuple[str, str, str]:
    group_version, _, plural = resource.rpartition("/")
    group, _, version = group_version.rpartition("/")
    return group, version, plural


@pytest.mark.parametrize("resource", RESOURCES)
@pytest.mark.parametrize("tree", [
    {"metadata": {"name": "x"}}, {}, {"metadata": {"creationTimestamp": None}, "spec": {}, "status": {}},
    {"metadata": None, "spec": None, "status": None},
])
def test_minimal_objects(resource: str, tree: dict[str, Any]) -> None:
    """An object with next to nothing in it still fills its row; a Table bookmark carries such objects."""
    shown = printer(*parts(resource))
    assert len(shown.cells(tree)) == len(shown.columns) + (resource in ONE_CELL_MORE)
    for cell in shown.cells(tree):
        assert isinstance(cell, str | int | bool | Relative)


@pytest.mark.parametrize("resource", RESOURCES)
def test_row_in_declared_order(resource: str) -> None:
    """The name stands in the column that is formatted as a name; Age columns follow the clock."""
    shown = printer(*parts(resource))
    row = shown.cells({"metadata": {"name": "it", "creationTimestamp": "2026-01-01T00:00:00Z"}})
    names = [column.name for column in shown.columns]
    assert row[names.index("Name")] == "it"
    if "Age" in names:
        age = row[names.index("Age")]
        assert isinstance(age, Relative) and age.fn(1_767_225_661.0) == "61s"


@pytest.mark.parametrize("resource",
                         ["v1/limitranges", "rbac.authorization.k8s.io/v1/roles", "example.com/v1/any"])
def test_kinds_without_printer(resource: str) -> None:
    """They show name and time of creation, the time as it is stored."""
    shown = printer(*parts(resource))
    assert [(c.name, c.type, c.format) for c in shown.columns] == [("Name", "string", "name"),
                                                                   ("Created At", "date", "")]
    assert shown.cells({"metadata": {"name": "a", "creationTimestamp": "2026-01-01T00:00:00Z"}}) == [
        "a", "2026-01-01T00:00:00Z"]
    assert shown.cells({"metadata": {"name": "a"}}) == ["a", "0001-01-01T00:00:00Z"]


def test_column_definitions() -> None:
    """A column is shown with all five members, descriptions included."""
    definition = printer("", "v1", "pods").columns[5].definition()
    assert definition.pop("description").startswith("podIP address allocated to the pod")
    assert definition == {"name": "IP", "type": "string", "format": "", "priority": 1}


@pytest.mark.parametrize(("created", "text"), [
    ("2025-12-31T23:59:55Z", "5s"), ("2026-01-01T00:00:01Z", "0s"), ("2026-01-01T00:10:00Z", "<invalid>"),
])
def test_age(created: str, text: str) -> None:
    """An age counts from the time of creation to the request's time."""
    age = printer("", "v1", "configmaps").cells({"metadata": {"creationTimestamp": created}})[-1]
    assert isinstance(age, Relative) and age.fn(1_767_225_600.0) == text


def test_age_without_creation() -> None:
    """Without a time of creation the age is unknown, not recent."""
    assert printer("", "v1", "configmaps").cells({"metadata": {"creationTimestamp": None}}) == ["", 0,
                                                                                                "<unknown>"]


def test_order_of_flow_schemas() -> None:
    """Flow schemas are listed by precedence, then name; other kinds keep the order of the list."""
    order = printer("flowcontrol.apiserver.k8s.io", "v1", "flowschemas").order
    schemas = [{"metadata": {"name": n}, "spec": {"matchingPrecedence": p}} for n,
               p in [("b", 9), ("c", 1), ("a", 9)]]
    assert order is not None
    assert [schema["metadata"]["name"] for schema in sorted(schemas, key=order)] == ["c", "a", "b"]
    assert printer("", "v1", "pods").order is None
