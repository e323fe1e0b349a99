"""Selectors of devices, against answers of a kube-apiserver 1.36.3 to device classes with one selector each, asked by
`dryRun=All` (`tests/data/kinds/device_selectors.jsonl`)."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest

from orlop.api.field import Path as Place
from orlop.kinds.devices.selectors import MAX_EXPRESSION, check_selector

_DATA = Path(__file__).parents[1] / "data" / "kinds" / "device_selectors.jsonl"
_ROWS = [orjson.loads(line) for line in _DATA.read_bytes().splitlines()]


@pytest.mark.parametrize("row", _ROWS, ids=[row["expression"] for row in _ROWS])
def test_expressions_are_judged_as_upstream_judges_them(row: dict[str, object]) -> None:
    """The same causes: syntax, types, the kind of the result, and the cost for the largest device."""
    found = check_selector(str(row["expression"]), Place("spec"))
    assert [one.cause()["message"] for one in found] == row["causes"]


def test_an_expression_that_is_too_long_is_not_looked_into() -> None:
    """Its length is all that is told."""
    found = check_selector("(" * (MAX_EXPRESSION + 1), Place("spec"))
    assert [str(one) for one in found] == ["spec: Too long: may not be more than 10240 bytes"]
