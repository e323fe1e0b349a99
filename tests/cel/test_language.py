"""The language against facts of the real thing: types, values, costs and the words of every error."""

import pytest
from language_facts import VALUES, VARIABLES, differences, loaded

from orlop.cel.declared import declared_type, named
from orlop.cel.environment import Environment

BASE = Environment(VARIABLES)
DECLARED = loaded("declared_facts.json")


def parts(facts):
    """Facts in portions a failure can name."""
    return [pytest.param(facts[at : at + 50], id=str(at)) for at in range(0, len(facts), 50)]


@pytest.mark.parametrize("facts", parts(loaded("syntax_facts.json")["facts"]))
def test_syntax_errors_are_told_in_upstreams_words(facts):
    """Broken texts get upstream's messages, with its places and recoveries."""
    assert differences(BASE, facts, VALUES) == []


@pytest.mark.parametrize("facts", parts(DECLARED["facts"]))
def test_objects_of_a_schema_behave_as_upstreams(facts):
    """Rules over a declared object come out, fail and cost as in upstream's server."""
    declared = declared_type(DECLARED["schema"], True)
    assert declared is not None
    declared = named(declared, "selfType")
    environment = BASE.extended({"self": declared, "oldSelf": declared})
    values = {**VALUES, "self": DECLARED["self"], "oldSelf": DECLARED["self"]}
    assert differences(environment, facts, values) == []
