"""The libraries against facts of the real thing: results, error words and compile errors."""

import pytest
from library_facts import chunks, differences


@pytest.mark.parametrize("facts", chunks("library_facts.json"))
def test_libraries_do_what_upstream_does(facts):
    """Every expression has upstream's type errors, estimate, cost, result or error."""
    assert differences(facts) == []
