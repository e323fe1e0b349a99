"""Every kind has rooms, and every default has a type."""

from __future__ import annotations

from kind_bench import Kind, copied

from orlop.kinds import catalog
from orlop.kinds.defaults import DEFAULTERS
from orlop.kinds.makers import MAKERS
from orlop.schema.kind import builtin

WEBHOOK = {"name": "a.b.c", "admissionReviewVersions": ["v1"], "sideEffects": "None",
           "clientConfig": {"url": "https://x"}}


def test_makers_are_of_resources() -> None:
    """A row that no resource asks for would be a typing error."""
    known = {resource.group_resource for resource in catalog.RESOURCES}
    assert set(MAKERS) <= known


def test_defaults_are_of_types() -> None:
    """A name that the type table does not know would never be called."""
    table = builtin().table
    assert [name for name in DEFAULTERS if table.named(name) is None] == []


def test_defaults_settle() -> None:
    """Defaulting twice is defaulting once."""
    for plural, group, tree in (
            ("services", "", {"spec": {"type": "LoadBalancer", "sessionAffinity": "ClientIP", "ports": [{"port": 1}]}}),
            ("limitranges", "", {"spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}}),
            ("secrets", "", {"stringData": {"a": "b"}}),
            ("networkpolicies", "networking.k8s.io", {"spec": {"egress": [{}]}}),
            ("csidrivers", "storage.k8s.io", {"spec": {}})):
        kind = Kind(plural, group)
        once = kind.decoded(tree)
        assert kind.decoded(copied(once)) == once


def test_generations_count_content() -> None:
    """Of the kinds that count: a label moves nothing, a change of the spec does, a client's number is ignored."""
    for plural, group, before, after in (
            ("networkpolicies", "networking.k8s.io", {"spec": {"podSelector": {}}},
             {"spec": {"podSelector": {}, "egress": [{}]}}),
            ("poddisruptionbudgets", "policy", {"spec": {"minAvailable": 1}}, {"spec": {"minAvailable": 2}}),
            ("validatingwebhookconfigurations", "admissionregistration.k8s.io", {}, {"webhooks": [WEBHOOK]})):
        kind = Kind(plural, group)
        old = kind.create({**before, "metadata": {"generation": 7}})
        assert old["metadata"]["generation"] == 1
        assert kind.update(old, {"metadata": {"labels": {"a": "b"}}})["metadata"]["generation"] == 1
        assert kind.update(old, after)["metadata"]["generation"] == 2


def test_finalizers_need_a_domain_on_updates_too() -> None:
    """Said as often as upstream says it: once for the change, once for the whole."""
    kind = Kind("configmaps")
    wrong = ('metadata.finalizers[0]: Invalid value: "bare": name is neither a standard finalizer name nor is it '
             "fully qualified")
    assert kind.refused_update(kind.create(), {"metadata": {"finalizers": ["bare"]}}) == [wrong, wrong]
