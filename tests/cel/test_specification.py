"""The published conformance tests of CEL, all of them: each is either answered as Kubernetes answers it, or counted
among those that Kubernetes' CEL cannot be asked."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import pytest
from library_facts import DATA, differences, json

TOLD = json.loads((DATA / "conformance.json").read_text())
FACTS: list[dict[str, Any]] = TOLD["facts"]
SKIPPED: dict[str, list[str]] = TOLD["skipped"]

REASONS = {
    "messages": (614, "built of protocol buffer messages or enums of the tests' own; rules have schemas"),
    "libraries": (219, "math, cel.bind, cel.block, base64: libraries that Kubernetes does not give its expressions"),
    "well-known messages": (83, "google.protobuf.Int32Value{...} and its like, which upstream's parser still takes"),
    "functions": (5, "declare functions of their own"),
    "undeclared": (4, "bind variables that they do not declare, which Kubernetes cannot compile"),
    "field of an optional in a literal": (1, "has({'a': optional.none()}.a.b): upstream counts one unit more"),
    "keys of several types": (1, "a literal with the keys 1, 2u and true: true is 1 to a dict"),
}
"""Why some are not asked, and how many. The last two are what we do differently."""

OTHERWISE = {
    "strict": (55, "Kubernetes checks types always, and literals must have members of one type"),
    "version": (34, "cel-go 0.26 with Kubernetes' versions of the libraries: format, quoted fields, mapped addresses"),
    "container": (6, "the name is looked up in a namespace, of which Kubernetes' expressions have none"),
    "cel-go": (5, "cel-go departs from the specification: repeated keys, keys of types that no map has"),
}
"""Why Kubernetes' answer, which is asked for, is not the specification's."""


def parts() -> list[Any]:
    """The facts by the files of the specification."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for fact in FACTS:
        found[fact["test"].split("/")[0]].append(fact)
    return [pytest.param(facts, id=name) for name, facts in found.items()]


@pytest.mark.parametrize("facts", parts())
def test_expressions_of_the_specification_are_answered(facts: list[dict[str, Any]]) -> None:
    """Result or error, compile errors, static estimate and run-time cost are those of Kubernetes' own CEL."""
    assert differences(facts) == []


def test_every_test_of_the_specification_is_asked_or_counted() -> None:
    """Nothing is left out silently: 2,456 tests, each asked or skipped for a stated reason."""
    expected = {reason: count for reason, (count, _) in REASONS.items()}
    assert {reason: len(names) for reason, names in SKIPPED.items()} == expected
    assert len(FACTS) + sum(map(len, SKIPPED.values())) == 2456


def test_departures_from_the_specification_are_kubernetes_own() -> None:
    """Where the answer is not the specification's, the reason is one of four."""
    counts = Counter(fact["otherwise"] for fact in FACTS if "otherwise" in fact)
    assert counts == {key: count for key, (count, _) in OTHERWISE.items()}
