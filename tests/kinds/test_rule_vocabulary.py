"""What kinds write their rules with: addresses, names of resources, and how Go shows values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.api.field import Path
from orlop.kinds import ip, resource_names
from orlop.kinds.go_diff import diff
from orlop.kinds.go_form import Form


@pytest.mark.parametrize(("text", "family"), [
    ("1.2.3.4", "IPv4"), ("fd00::1", "IPv6"), ("::ffff:1.2.3.4", "IPv4"), ("01.2.3.4", "IPv4"), ("x", "unknown"),
    ("", "unknown"), ("1.2.3", "unknown"), ("fd00::1%eth0", "unknown"),
])
def test_families(text: str, family: str) -> None:
    """Stored addresses are read as liberally as ever."""
    assert ip.family(text) == family


@pytest.mark.parametrize(("text", "wrong"), [
    ("10.0.0.1", 0), ("0.0.0.0", 1), ("127.1.2.3", 1), ("::1", 1), ("169.254.0.1", 1), ("fe80::1", 1),
    ("224.0.0.5", 1), ("224.0.1.5", 0), ("ff02::1", 1),
])
def test_special_addresses(text: str, wrong: int) -> None:
    """What only this machine or this link understands is refused."""
    assert len(ip.ordinary(Path("a"), text)) == wrong


@pytest.mark.parametrize(("name", "container", "quota"), [
    ("cpu", True, True), ("pods", False, True), ("hugepages-2Mi", True, True), ("storage", False, False),
    ("example.com/gpu", True, True), ("kubernetes.io/x", True, True), ("requests.storage", False, True),
    ("odd", False, False),
])
def test_names_of_resources(name: str, container: bool, quota: bool) -> None:
    """Some are for containers, others for quotas."""
    path = Path("p")
    assert (not resource_names.container_name(path, name), not resource_names.quota_name(path, name)) == (
        container, quota)


def test_counted_things_are_whole() -> None:
    """Half a GPU does not exist; half a CPU does."""
    path = Path("p")
    assert resource_names.amount(path, "cpu", "500m") == []
    assert len(resource_names.amount(path, "example.com/gpu", "500m")) == 1


def test_forms_print_all_members() -> None:
    """In Go's order and under Go's names, absent ones as zero."""
    form = Form({"Name": ("name", ""), "Inner": ("inner", None)}, {"Inner": Form({"Count": ("count", 0)})})
    assert str(form.text({"inner": {}})) == '{"Name":"","Inner":{"Count":0}}'
    assert form.tree([{"name": "a"}, None]) == [{"Name": "a", "Inner": None}, None]


LEAVES = st.none() | st.booleans() | st.text(max_size=3)


@given(st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner)))
def test_no_change_no_diff(tree: object) -> None:
    """Equal trees have no hunks."""
    assert diff(tree, tree) == ""


def test_a_diff_has_three_lines_around() -> None:
    """And line numbers in front."""
    old = {str(i): i for i in range(10)}
    assert diff(old, {**old, "5": "<"}) == (
        '@@ -4,7 +4,7 @@\n  "2": 2,\n  "3": 3,\n  "4": 4,\n- "5": 5,\n+ "5": "\\u003c",\n  "6": 6,\n  "7": 7,\n'
        '  "8": 8,\n')
