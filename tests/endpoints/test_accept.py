"""Accept headers of discovery and OpenAPI requests."""

import pytest

from orlop.endpoints import accept
from orlop.endpoints.accept import Choice

AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("application/yaml", "application/yaml"),
        ("application/json;q=0.1, application/yaml", "application/yaml"),
        ("*/*, application/yaml;q=0.2", "application/yaml"),
        ("text/html, application/vnd.kubernetes.protobuf", "application/vnd.kubernetes.protobuf"),
        ("application/json;as=Table;g=meta.k8s.io;v=v1, application/yaml", "application/yaml"),
        ("application/json;stream=watch", "application/json"),
        ("application/yaml;stream=watch", None),
        ("application/json;sv=v1", None),
        ("text/html", None),
        (AGGREGATED, None),
        ("nonsense", None),
    ],
)
def test_negotiation_without_transforms(header: str, expected: str | None) -> None:
    """Clauses go by quality and by how exact they are; parameters that ask for the impossible disqualify a
    clause."""
    choice = accept.negotiate(header)
    assert (choice.media_type if choice else None) == expected


def test_the_aggregated_list_wins_wherever_it_is_named() -> None:
    """Whoever names the aggregated list gets it, also behind a plain clause, but not its removed beta."""
    expected = Choice("application/json", aggregated=True)
    assert accept.negotiate(f"application/json, {AGGREGATED}", aggregated=True) == expected
    assert accept.negotiate(AGGREGATED.replace("v2", "v2beta1"), aggregated=True) is None
    assert accept.negotiate("application/json", aggregated=True) == Choice("application/json")


def test_routes_know_media_types_by_name_only() -> None:
    """The router's test takes */* and exact names, no ranges."""
    assert accept.produces("")
    assert accept.produces("text/html, */*;q=0.1")
    assert accept.produces("application/json;q=0")
    assert not accept.produces("application/*")
    assert not accept.produces("application/yaml", ("application/json",))


def test_malformed_clauses_are_left_out() -> None:
    """Clauses that are no media types are skipped, bad qualities are zero."""
    clauses = accept.parse("a/b/c, x, application/json;q=bad;level=1, *")
    assert [(c.type, c.subtype, c.quality) for c in clauses] == [
        ("*", "*", 1.0),
        ("application", "json", 0.0),
    ]
    assert clauses[1].parameters == {"level": "1"}
