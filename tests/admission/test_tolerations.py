"""Merging tolerations: none is lost that another does not include."""

from __future__ import annotations

import pytest

from orlop.admission.tolerations import merge
from orlop.api.tree import Tree

KEY = {"key": "k", "operator": "Exists"}
VALUE = {"key": "k", "operator": "Equal", "value": "v"}
ALL = {"operator": "Exists"}
SHORT = {"key": "k", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}
LONG = {**SHORT, "tolerationSeconds": 9}
FOR_EVER = {"key": "k", "operator": "Exists", "effect": "NoExecute"}


@pytest.mark.parametrize(("first", "second", "want"), [
    ([], [], []),
    ([KEY], [KEY], [KEY]),
    ([VALUE], [KEY], [KEY]),
    ([KEY], [VALUE], [KEY]),
    ([{**VALUE, "value": "w"}], [VALUE], [{**VALUE, "value": "w"}, VALUE]),
    ([KEY, VALUE], [ALL], [ALL]),
    ([ALL], [KEY], [ALL]),
    ([SHORT], [LONG], [LONG]),
    ([FOR_EVER], [LONG], [FOR_EVER]),
    ([SHORT], [KEY], [KEY]),
    ([KEY], [{**KEY, "effect": "NoSchedule"}], [KEY]),
    ([{**KEY, "effect": "NoSchedule"}], [SHORT], [{**KEY, "effect": "NoSchedule"}, SHORT]),
    ([VALUE], [{"key": "k", "value": "v"}], [{"key": "k", "value": "v"}]),
    ([{"key": "a", "operator": "Gt", "value": "1"}], [{"key": "a", "operator": "Gt", "value": "2"}],
     [{"key": "a", "operator": "Gt", "value": "1"}, {"key": "a", "operator": "Gt", "value": "2"}]),
])
def test_merge(first: list[Tree], second: list[Tree], want: list[Tree]) -> None:
    """In order, the first of equal ones."""
    assert merge(first, second) == want
