"""The fields that rooms of built-in kinds reset."""

import pytest

from orlop.kinds import catalog
from orlop.kinds.reset_fields import MAIN, RESET_FIELDS, Path, reset_fields

METADATA, SPEC, STATUS = ("metadata",), ("spec",), ("status",)
CSR = ("certificates.k8s.io", "certificatesigningrequests", "v1")


@pytest.mark.parametrize(
    ("group", "plural", "version", "subresource", "expected"),
    [
        ("", "services", "v1", "", {STATUS}),
        ("", "services", "v1", "status", {SPEC}),
        ("", "namespaces", "v1", "finalize", {STATUS}),
        ("", "pods", "v1", "status", {SPEC, ("metadata", "deletionTimestamp"), ("metadata", "ownerReferences")}),
        ("apps", "deployments", "v1", "status", {SPEC, ("metadata", "labels")}),
        ("apps", "statefulsets", "v1", "status", {SPEC}),
        ("autoscaling", "horizontalpodautoscalers", "v1", "", {STATUS}),
        ("autoscaling", "horizontalpodautoscalers", "v2", "status", {SPEC}),
        (*CSR, "", {SPEC, STATUS}),
        (*CSR, "status", {SPEC, ("status", "conditions")}),
        (*CSR, "approval", {SPEC, ("status", "certificate")}),
        ("apiextensions.k8s.io", "customresourcedefinitions", "v1", "status", {SPEC}),
        ("apiregistration.k8s.io", "apiservices", "v1", "status", {METADATA, SPEC}),
        ("networking.k8s.io", "servicecidrs", "v1", "", {STATUS}),
        ("networking.k8s.io", "servicecidrs", "v1", "status", {METADATA, SPEC}),
        ("resource.k8s.io", "resourceclaims", "v1", "status", {METADATA, SPEC}),
    ],
)
def test_rooms_reset_what_their_strategies_say(
    group: str, plural: str, version: str, subresource: str, expected: set[Path]
) -> None:
    """A room resets exactly the fields of its strategy, each once."""
    found = reset_fields(group, plural, version, subresource)
    assert set(found) == expected
    assert len(found) == len(expected)


@pytest.mark.parametrize(
    ("group", "plural", "version", "subresource"),
    [
        ("", "configmaps", "v1", ""),
        ("", "pods", "v1", "ephemeralcontainers"),
        ("", "pods", "v1", "resize"),
        ("", "pods", "v1", "binding"),
        ("apps", "deployments", "v1", "scale"),
        ("apps", "deployments", "v1beta1", ""),
        ("autoscaling", "horizontalpodautoscalers", "v2beta2", ""),
        ("admissionregistration.k8s.io", "mutatingadmissionpolicies", "v1", ""),
        ("example.com", "widgets", "v1", "status"),
    ],
)
def test_what_is_not_listed_resets_nothing(group: str, plural: str, version: str, subresource: str) -> None:
    """Kinds without a status, rooms that show no fields, unserved versions and unknown kinds reset nothing."""
    assert reset_fields(group, plural, version, subresource) == ()


def test_listed_are_the_stored_kinds_with_a_status_room() -> None:
    """Every built-in kind with a status room is listed, and no other: a new one cannot be forgotten."""
    expected = {(each.group, each.plural) for each in catalog.RESOURCES if each.subresource("status")}
    assert set(RESET_FIELDS) == expected
    for group, plural in RESET_FIELDS:
        resource = catalog.resource(group, plural)
        assert resource is not None
        assert resource.stored


def test_listed_rooms_exist() -> None:
    """Each listed kind has its main room and its status room, and further rooms only if the catalog has them."""
    for (group, plural), rooms in RESET_FIELDS.items():
        resource = catalog.resource(group, plural)
        assert resource is not None
        assert {MAIN, "status"} <= set(rooms)
        assert set(rooms) - {MAIN} <= {sub.name for sub in resource.subresources}


def test_every_served_version_resets_alike() -> None:
    """Each listed room answers the same fields, at least one, in every served version of its kind."""
    for (group, plural), rooms in RESET_FIELDS.items():
        resource = catalog.resource(group, plural)
        assert resource is not None
        for subresource in rooms:
            answers = {reset_fields(group, plural, version, subresource) for version in resource.versions}
            assert len(answers) == 1
            assert answers != {()}
