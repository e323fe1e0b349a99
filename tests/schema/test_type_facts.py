"""The type table: what it knows of fields, and that merge and apply find their keys in it."""

from __future__ import annotations

from random_objects import KINDS, TYPES

from orlop.api.gvk import GroupVersionKind

POD = TYPES.kind(GroupVersionKind("", "v1", "Pod"))
SPEC = POD.fields["spec"].type


def test_merge_facts_of_lists_objects_and_maps() -> None:
    """Strategies and keys are those of the Go tags; unknown fields are None."""
    spec = POD.merge_schema.field("spec")
    assert spec is not None and spec.kind == "object" and spec.element is not None
    containers = spec.element.field("containers")
    assert containers is not None
    assert (containers.kind, containers.merge_key, containers.strategies) == ("list", "name", frozenset({"merge"}))
    assert containers.element is not None and containers.element.name == "Container"
    volumes = spec.element.field("volumes")
    assert volumes is not None and volumes.strategies == frozenset({"merge", "retainKeys"})
    selector = spec.element.field("nodeSelector")
    assert selector is not None and (selector.kind, selector.element) == ("map", None)
    assert spec.element.field("nope") is None


def test_merge_facts_follow_recursive_types() -> None:
    """A JSON schema within a JSON schema has the same facts."""
    crd = TYPES.kind(GroupVersionKind("apiextensions.k8s.io", "v1", "CustomResourceDefinition"))
    field = crd.merge_schema.field("spec")
    assert field is not None and field.element is not None
    assert field.element.field("versions") is not None


def test_list_and_map_types_for_apply() -> None:
    """Associative lists have their keys, atomic ones say so, an atomic type is atomic wherever it is used."""
    containers = SPEC.fields["containers"]
    assert (containers.list_type, containers.list_keys) == ("map", ("name",))
    ports = containers.type.element.fields["ports"]
    assert ports.list_keys == ("containerPort", "protocol")
    assert SPEC.fields["nodeSelector"].map_type == "atomic"
    owners = POD.fields["metadata"].type.fields["ownerReferences"]
    assert owners.type.element.map_type == "atomic"
    assert SPEC.fields["tolerations"].list_type == "atomic"


def test_required_enum_and_default_come_from_openapi() -> None:
    """Facts of the OpenAPI documents stand beside those of the Go types."""
    container = SPEC.fields["containers"].type.element
    assert SPEC.fields["containers"].required and not SPEC.fields["volumes"].required
    assert container.fields["imagePullPolicy"].extras["enum"] == ["Always", "IfNotPresent", "Never"]
    assert container.fields["ports"].type.element.fields["protocol"].extras["default"] == "TCP"


def test_types_are_found_by_openapi_name() -> None:
    """The name that defaulters use leads to the same type as the way through the fields."""
    assert TYPES.table.named("io.k8s.api.core.v1.Container") is SPEC.fields["containers"].type.element


def test_every_kind_compiles() -> None:
    """Each kind decodes an empty body, and schemas are made once."""
    for gvk in KINDS:
        TYPES.kind(gvk).decode({}, [])
        assert TYPES.kind(gvk) is TYPES.kind(gvk)
