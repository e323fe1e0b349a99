"""Regular expressions: RE2 with Go's words."""

import json
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from library_facts import DATA

from orlop.cel.library_regex import REMEMBERED, PatternError, compile_pattern


def test_matches_and_errors_are_gos():
    """Patterns find what Go's regexp finds, or are refused in its words."""
    told = json.loads((DATA / "regex_facts.json").read_text())
    for fact in told["facts"]:
        try:
            have = {"matches": compile_pattern(fact["pattern"]).find_all(told["subject"])}
        except PatternError as error:
            have = {"error": str(error)}
        assert {"pattern": fact["pattern"], **have} == fact


@given(st.text("abé\n", max_size=12), st.sampled_from(["a", "a+", "é|b", "[^a]", "(?m)^a", "b$"]))
def test_simple_patterns_find_what_python_finds(text, pattern):
    """Where both engines mean the same they find the same."""
    if pattern == "b$":  # Python's `$` also matches before a last line break
        text = text.rstrip("\n")
    assert compile_pattern(pattern).find_all(text) == re.findall(pattern, text)
    assert compile_pattern(pattern).matches(text) is (re.search(pattern, text) is not None)


@given(st.text(max_size=20))
def test_any_text_compiles_or_is_refused(pattern):
    """No pattern escapes with another error."""
    try:
        compile_pattern(pattern).find_all("text é\n")
    except PatternError as error:
        assert str(error).startswith("error parsing regexp: ")


@pytest.mark.parametrize("limit", [0, 1, 2, 5])
def test_a_limit_bounds_the_matches(limit):
    """No more matches than asked for."""
    assert compile_pattern("a").find_all("aaa", limit) == ["a"] * min(limit, 3)


def test_patterns_that_explode_elsewhere_do_not():
    """Nested repetition is linear: this would outlast the test run in a backtracking engine."""
    assert not compile_pattern("^(a+)+$").matches("a" * 50_000 + "b")


def test_compiled_patterns_are_kept_up_to_a_limit():
    """A pattern is compiled once, and the cache is bounded."""
    assert compile_pattern("kept") is compile_pattern("kept")
    assert compile_pattern.cache_info().maxsize == REMEMBERED


def test_the_engine_is_not_imported_before_the_first_pattern():
    """Importing the libraries does not load the engine."""
    code = "import sys, orlop.cel.library_kubernetes as k; print('re2' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_groups_nest_as_deep_as_in_go():
    """A thousand groups inside each other are too many; escaped and classed parentheses do not count."""
    compile_pattern("(" * 999 + "a" + ")" * 999)
    compile_pattern(r"\(" * 1000 + "[(]" * 1000)
    with pytest.raises(PatternError, match="expression nests too deeply: `"):
        compile_pattern("(" * 1000 + "a" + ")" * 1000)
