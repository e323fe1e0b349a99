"""Field selectors: matching, escapes, translation of field names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.api import fields
from orlop.api.fields import Requirement, Selector

NAMES = st.sampled_from(["metadata.name", "metadata.namespace", "spec.nodeName", "type"])
VALUES = st.text(max_size=6)
REQUIREMENTS = st.builds(Requirement, NAMES, st.sampled_from(["=", "!="]), VALUES)


@given(st.lists(REQUIREMENTS, max_size=4), st.dictionaries(NAMES, VALUES, max_size=4))
def test_matches_means_all_requirements(wanted: list[Requirement], given_fields: dict[str, str]) -> None:
    """A selector matches what fulfils each requirement; an absent field is an empty one."""
    expected = all((given_fields.get(r.field, "") == r.value) == (r.op == "=") for r in wanted)
    assert Selector(wanted).matches(given_fields) is expected


@given(st.lists(REQUIREMENTS, max_size=4))
def test_text_and_back(wanted: list[Requirement]) -> None:
    """Parsing what a selector prints gives the same requirements, in sorted order, whatever the values
    are."""
    parsed = fields.parse(str(Selector(wanted)))
    assert sorted(parsed.requirements) == sorted(wanted)
    assert fields.parse(str(parsed)).requirements == parsed.requirements


@given(st.text(max_size=10))
def test_escape_and_back(value: str) -> None:
    """Unescaping undoes escaping."""
    assert fields.unescape(fields.escape(value)) == value


def test_map_translates_and_drops() -> None:
    """`map` renames fields; what becomes empty falls away; refusals pass through."""
    def convert(field: str, value: str) -> tuple[str, str]:
        if field == "gone":
            return "", ""
        if field == "bad":
            raise fields.SelectorError("field label not supported: bad")
        return field.upper(), value

    assert str(fields.parse("b!=1,a=2,gone=x").map(convert)) == "A=2,B!=1"
    assert fields.parse("gone=x").map(convert).empty
    with pytest.raises(fields.SelectorError, match="field label not supported: bad"):
        fields.parse("bad=1").map(convert)


def test_exact_and_without() -> None:
    """`exact` finds the first equality; `without` leaves a field's requirements out."""
    selector = fields.parse("metadata.name!=x,metadata.name=a,type=b")
    assert selector.exact("metadata.name") == "a"
    assert selector.exact("spec.x") is None
    assert str(selector.without("metadata.name")) == "type=b"


def test_equal_selectors() -> None:
    """Selectors are values: equal by requirements, hashable, immutable, kept by the cache."""
    assert fields.parse("a=b") is fields.parse("a=b")
    assert {fields.parse("a==b"): 1}[fields.one_equal("a", "b")] == 1
    with pytest.raises(AttributeError):
        fields.parse("a=b").empty = True
