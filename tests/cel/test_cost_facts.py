"""Static estimates and run-time costs against facts of the real thing."""

import json
from functools import cache

import pytest
from library_facts import DATA, chunks, differences

from orlop.cel.cost_estimate import estimate
from orlop.cel.cost_sizes import declared_sizes
from orlop.cel.declared import declared_type, named
from orlop.cel.environment import Environment
from orlop.cel.library_kubernetes import LIBRARIES


@pytest.mark.parametrize("facts", chunks("cost_facts.json"))
def test_costs_are_upstreams(facts):
    """Every expression is estimated and charged as upstream does, and says what upstream says."""
    assert differences(facts) == []


@cache
def declared_environment():
    """An environment whose `self` is what the schema of the facts declares, and the sizes of that."""
    schema = json.loads((DATA / "declared_cost_facts.json").read_text())["schema"]
    declared = declared_type(schema)
    assert declared is not None
    declared = named(declared, "selfType")
    return Environment({"self": declared}, LIBRARIES), declared_sizes(declared)


@pytest.mark.parametrize("facts", chunks("declared_cost_facts.json"))
def test_rules_of_a_schema_cost_at_most_what_upstream_says(facts):
    """The bounds of a schema (maxItems, maxLength, ...) reach the estimate as they do upstream."""
    made, sizes = declared_environment()
    for fact in facts:
        assert (fact["rule"], str(estimate(made.check(fact["rule"]), sizes).high)) == (fact["rule"], fact["max"])
