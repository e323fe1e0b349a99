"""Readers of texts never fail with anything but their own error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.cel import library_semver as semver
from orlop.cel.environment import Environment
from orlop.cel.library_kubernetes import LIBRARIES
from orlop.cel.library_list_extensions import RANGE_LIMIT
from orlop.cel.library_url_parser import URLError, parse, parse_request
from orlop.cel.types import INT
from orlop.cel.values import BudgetExceeded, CelError


@given(st.text("htp:/@[]?#%25ab.é;&= 1", max_size=24))
def test_urls_are_read_or_refused(text):
    """A URL that was read and written reads the same again."""
    try:
        parse_request(text)
        url = parse(text)
    except URLError as error:
        assert str(error).startswith("parse ")
        return
    url.parameters(), url.host_and_port()
    assert str(parse(str(url))) == str(url)


@given(st.text("v0123.-+a_", max_size=12), st.booleans())
def test_versions_are_read_or_refused(text, loosely):
    """A version that was read is written as itself, once loose spelling is gone."""
    try:
        version = semver.parse_loosely(text) if loosely else semver.parse(text)
    except CelError as error:
        assert error.message
        return
    assert str(semver.parse(str(version))) == str(version)
    assert loosely or str(version) == text


def test_ranges_too_long_to_pay_for_are_not_made():
    """lists.range stops before it takes memory the budget could not pay."""
    program = Environment({"n": INT}, LIBRARIES).compile("lists.range(n).size()")
    assert program.evaluate({"n": 1000}) == 1000
    with pytest.raises(BudgetExceeded):
        program.evaluate({"n": RANGE_LIMIT + 1})
