"""Label selectors: what they match, how they print, that they are values."""

from __future__ import annotations

from string import ascii_letters, digits

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.api import labels
from orlop.api.labels import NOTHING, Requirement, Selector

KEYS = st.sampled_from(["a", "b", "app", "example.com/x", "in", "notin"])
VALUES = st.sampled_from(["", "a", "b", "5", "007", "in", "10"]) | st.text(
    ascii_letters + digits, min_size=1, max_size=5)


def one(key: str, op: str, values: set[str]) -> Requirement:
    return Requirement(key, op, frozenset(values))


REQUIREMENTS = (
    st.builds(one, KEYS, st.sampled_from(["=", "==", "!="]), st.builds(lambda v: {v}, VALUES))
    | st.builds(one, KEYS, st.sampled_from(["in", "notin"]), st.sets(VALUES, min_size=1, max_size=4))
    | st.builds(one, KEYS, st.sampled_from(["gt", "lt"]),
                st.builds(lambda n: {str(n)}, st.integers(0, 2**63 - 1)))
    | st.builds(one, KEYS, st.sampled_from(["exists", "!"]), st.just(set())))
LABELS = st.dictionaries(KEYS, VALUES, max_size=4)


def fulfils(wanted: Requirement, given_labels: dict[str, str]) -> bool:
    """The meaning of a requirement, spelled out."""
    present = wanted.key in given_labels
    value = given_labels.get(wanted.key, "")
    match wanted.op:
        case "exists":
            return present
        case "!":
            return not present
        case "=" | "==" | "in":
            return present and value in wanted.values
        case "!=" | "notin":
            return not present or value not in wanted.values
    if not present or not value.isdigit() or int(value) >= 2**63:
        return False
    bound = int(next(iter(wanted.values)))
    return int(value) > bound if wanted.op == "gt" else int(value) < bound


@given(st.lists(REQUIREMENTS, max_size=4), LABELS)
def test_matches_means_all_requirements(wanted: list[Requirement], given_labels: dict[str, str]) -> None:
    """A selector matches exactly the labels that fulfil each of its requirements."""
    expected = all(fulfils(requirement, given_labels) for requirement in wanted)
    assert Selector(wanted).matches(given_labels) is expected


@given(st.lists(REQUIREMENTS, max_size=4))
def test_text_and_back(wanted: list[Requirement]) -> None:
    """Parsing what a selector prints gives an equal selector that prints the same and hashes the same."""
    selector = Selector(wanted)
    again = labels.parse(str(selector))
    assert again == selector
    assert hash(again) == hash(selector)
    assert str(again) == str(selector)
    assert again.empty is (not wanted)


@given(st.text(alphabet="ab/=!(),<> \tin\0é", max_size=12))
def test_any_text_parses_or_is_refused(text: str) -> None:
    """No text, however odd, does anything but parse or raise SelectorError."""
    try:
        selector = labels.parse(text)
    except labels.SelectorError as error:
        assert str(error)
    else:
        assert labels.parse(str(selector)) == selector


def test_sorted_by_key() -> None:
    """Requirements come sorted by key, those of one key in the order written."""
    assert str(labels.parse("b=1,a!=2,b!=3,a")) == "a!=2,a,b=1,b!=3"


def test_selector_cannot_be_changed() -> None:
    """A selector that caches share is immutable."""
    with pytest.raises(AttributeError):
        labels.parse("a=b").requirements = ()


def test_exact() -> None:
    """`exact` tells the one value required of a key, of its first requirement only."""
    selector = labels.parse("a=x,b in (y),c in (y,z),d!=w")
    assert [selector.exact(key) for key in "abcde"] == ["x", "y", None, None, None]


def test_nothing_and_everything() -> None:
    """An absent LabelSelector selects nothing, an empty one everything, and the two are not equal."""
    assert labels.from_label_selector(None) is NOTHING
    everything = labels.from_label_selector({"matchLabels": {}})
    assert everything.empty
    assert everything.matches({"a": "b"})
    assert not NOTHING.empty
    assert not NOTHING.matches({})
    assert everything != NOTHING


@pytest.mark.parametrize(("tree", "text"), [
    (None, "<none>"), ({}, "<none>"), ({"matchLabels": {"b": "1", "a": "2"}}, "a=2,b=1"),
    ({"matchExpressions": [{"key": "a", "operator": "Near"}]}, "<error>"),
    ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["y", "x"]}]}, "a notin (x,y)"),
])
def test_format(tree: dict[str, object] | None, text: str) -> None:
    """Tables show LabelSelectors in one line."""
    assert labels.format(tree) == text


def test_from_set() -> None:
    """A plain map selects by equality of each pair."""
    selector = labels.from_set({"b": "1", "a": "2"})
    assert str(selector) == "a=2,b=1"
    assert selector.matches({"a": "2", "b": "1", "c": "3"})
    assert not selector.matches({"a": "2"})


def test_long_selectors_are_not_kept() -> None:
    """Texts beyond the limit are parsed, but not remembered."""
    text = "a in (" + ",".join(f"v{n}" for n in range(labels.LONGEST_KEPT // 2)) + ")"
    assert labels.parse(text) == labels.parse(text)
    assert labels.parse(text) is not labels.parse(text)
    assert labels.parse("a=b") is labels.parse("a=b")
