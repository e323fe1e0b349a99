"""CustomResourceDefinitions between v1 and v1beta1."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from orlop.kinds.definition_conversion import from_beta, to_beta

Tree = dict[str, Any]
SCHEMA = {"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object"}}}}
OTHER = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
COLUMN = {"name": "Sails", "type": "integer", "jsonPath": ".spec.sails"}
NAMES = {"plural": "boats", "singular": "boat", "kind": "Boat", "listKind": "BoatList"}
SERVICE = {"namespace": "a", "name": "b", "port": 443}


def copied(tree: Any) -> Any:
    return orjson.loads(orjson.dumps(tree))


def definition(*versions: Tree, **spec: Any) -> Tree:
    spec = {"group": "example.org", "names": copied(NAMES), "scope": "Namespaced", "versions": list(versions),
            "conversion": {"strategy": "None"}, **spec}
    return {"metadata": {"name": "boats.example.org"}, "spec": spec, "status": {"storedVersions": ["v1"]}}


def version(name: str, **members: Any) -> Tree:
    return {"name": name, "served": True, "storage": name == "v1", **members}


def test_one_version_moves_up() -> None:
    """What it has stands once, in the spec; columns are spelled in the old way; the flag is always there."""
    spec = to_beta(definition(version("v1", schema=copied(SCHEMA), subresources={"status": {}},
                                      additionalPrinterColumns=[COLUMN])))["spec"]
    assert list(spec) == ["group", "version", "names", "scope", "validation", "subresources", "versions",
                          "additionalPrinterColumns", "conversion", "preserveUnknownFields"]
    assert spec["version"] == "v1" and spec["versions"] == [version("v1")] and spec["validation"] == SCHEMA
    assert spec["additionalPrinterColumns"] == [{"name": "Sails", "type": "integer", "JSONPath": ".spec.sails"}]
    assert spec["preserveUnknownFields"] is False


def test_what_differs_stays_with_its_version() -> None:
    """Each member is looked at by itself."""
    spec = to_beta(definition(version("v1", schema=copied(SCHEMA), subresources={"status": {}}),
                              version("v2", schema=copied(OTHER), subresources={"status": {}})))["spec"]
    assert "validation" not in spec and spec["subresources"] == {"status": {}}
    assert spec["versions"] == [version("v1", schema=SCHEMA), version("v2", schema=OTHER)]


def test_a_webhook_is_flat_in_v1beta1() -> None:
    """Its client and its review versions stand beside the strategy."""
    webhook = {"clientConfig": {"service": copied(SERVICE)}, "conversionReviewVersions": ["v1"]}
    before = definition(version("v1"), conversion={"strategy": "Webhook", "webhook": webhook})
    after = to_beta(copied(before))
    assert after["spec"]["conversion"] == {
        "strategy": "Webhook", "webhookClientConfig": {"service": SERVICE}, "conversionReviewVersions": ["v1"]}
    assert from_beta(after) == before


def test_old_objects_get_their_defaults() -> None:
    """One version by name, unknown fields kept."""
    old = {"metadata": {"name": "boats.example.org"}, "spec": {
        "group": "example.org", "version": "v1", "names": {"plural": "boats", "kind": "Boat"}, "validation": SCHEMA,
        "conversion": {"strategy": "Webhook", "webhookClientConfig": {"service": {"namespace": "a", "name": "b"}}}}}
    assert from_beta(copied(old)) == definition(
        version("v1", schema=SCHEMA), preserveUnknownFields=True,
        conversion={"strategy": "Webhook", "webhook": {"clientConfig": {"service": SERVICE},
                                                       "conversionReviewVersions": ["v1beta1"]}})


MEMBERS = st.fixed_dictionaries({}, optional={
    "schema": st.sampled_from((SCHEMA, OTHER)),
    "subresources": st.sampled_from(({"status": {}}, {"status": {}, "scale": {"specReplicasPath": ".spec.n"}})),
    "additionalPrinterColumns": st.just([COLUMN]),
    "selectableFields": st.just([{"jsonPath": ".spec.sails"}]),
    "deprecated": st.just(True),
})


@given(st.lists(MEMBERS, min_size=1, max_size=3), st.booleans())
def test_there_and_back_is_the_same(versions: list[Tree], preserve: bool) -> None:
    """Whatever the versions share."""
    extra = {"preserveUnknownFields": True} if preserve else {}
    before = definition(*(version(f"v{index}", **copied(members)) for index, members in enumerate(versions, 1)),
                        **extra)
    after = from_beta(to_beta(copied(before)))
    assert after == before and list(after["spec"]) == [name for name in (
        "group", "names", "scope", "versions", "conversion", "preserveUnknownFields") if name in before["spec"]]
