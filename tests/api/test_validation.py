"""Metadata validation beyond the texts: order, fast paths, bounds, updates as apiserver checks them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.api import names, validation
from orlop.api.field import Path
from orlop.api.validation import validate_change, validate_object_meta, validate_object_meta_update

GOOD: dict[str, Any] = {
    "name": "web-1", "namespace": "default", "uid": "u", "resourceVersion": "5", "generation": 1,
    "creationTimestamp": "2026-01-01T00:00:00Z", "labels": {"app": "web"},
    "annotations": {"Note": "any text"},
    "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "web", "uid": "r"}],
    "finalizers": ["example.com/hold"],
    "managedFields": [{"manager": "m", "operation": "Update", "fieldsType": "FieldsV1"}],
}


def check(metadata: dict[str, Any]) -> list[str]:
    return [str(e) for e in validate_object_meta(metadata, True, names.name_is_dns_subdomain)]


def test_good_metadata_passes_each_time() -> None:
    """Sound metadata has no errors, unknown or known by heart, and each caller gets a list of its own."""
    first = validate_object_meta_update(GOOD, GOOD, True)
    second = validate_object_meta_update(GOOD, GOOD, True)
    assert first == second == []
    assert first is not second


def test_order_of_fields() -> None:
    """Errors come in upstream's order: names, namespace, generation, labels, annotations, owners, finalizers,
    managed fields."""
    bad = {"generateName": "G_", "name": "N_", "namespace": "M_", "generation": -1, "labels": {"": ""},
           "annotations": {"-": ""}, "ownerReferences": [{"apiVersion": "v1", "kind": "K", "name": "n"}],
           "finalizers": ["-"], "managedFields": [{"manager": "m"}]}
    found = [text.split(":")[0].removeprefix("metadata.") for text in check(bad)]
    assert list(dict.fromkeys(found)) == [
        "generateName", "name", "namespace", "generation", "labels", "annotations", "ownerReferences.uid",
        "finalizers", "managedFields[0].operation"]


def test_generate_name_left_out() -> None:
    """Kinds that look at the finished name only do not complain of the prefix."""
    bad = {"generateName": "G_", "name": "a"}
    assert validate_object_meta(bad, False, names.name_is_dns_subdomain)
    assert not validate_object_meta(bad, False, names.name_is_dns_subdomain, generated=False)


def test_cluster_scoped() -> None:
    """Without namespaces none may be named."""
    found = validate_object_meta({"name": "a", "namespace": "b"}, False, names.name_is_dns_subdomain)
    assert [str(e) for e in found] == ["metadata.namespace: Forbidden: not allowed on this type"]


@pytest.mark.parametrize("value", ["x" * (256 * 1024 - 1), "é" * (128 * 1024 - 1) + "x"])
def test_annotation_size_counts_bytes(value: str) -> None:
    """Keys and values may have 256 KiB together, in bytes, not one more."""
    assert check({"name": "a", "namespace": "b", "annotations": {"k": value}}) == []
    assert check({"name": "a", "namespace": "b", "annotations": {"kk": value}}) == [
        "metadata.annotations: Too long: may not be more than 262144 bytes"]


def test_many_small_annotations() -> None:
    """The size rule holds however many annotations share it."""
    annotations = {f"k{n}": "v" * 100 for n in range(3000)}
    assert check({"name": "a", "namespace": "b", "annotations": annotations})


@given(st.dictionaries(st.text("aA-/.", max_size=4), st.text("vV-", max_size=3), max_size=3))
def test_memory_changes_nothing(labels: dict[str, str]) -> None:
    """Whether a label passes does not depend on what was seen before."""
    metadata = {"name": "a", "namespace": "b", "labels": labels}
    wanted = [text for key, value in labels.items()
              for text in names.label_key(key) + names.label_value(value)]
    assert len(check(metadata)) == len(wanted)
    assert len(check(metadata)) == len(wanted)


def test_memory_is_bounded() -> None:
    """However many labels pass by, no more than the limit are remembered."""
    for number in range(validation.REMEMBERED + 10):
        check({"name": "a", "namespace": "b", "labels": {"app": f"v{number}"}})
    assert len(validation._label_values) <= validation.REMEMBERED


def test_update_says_everything_twice() -> None:
    """apiserver looks at the new metadata by itself and then at the change: what is wrong comes once from
    each."""
    bad = {**GOOD, "labels": {"k": "a/b"}}
    found = [e.field for e in validate_object_meta_update(bad, GOOD, True)]
    assert found == ["metadata.labels", "metadata.labels"]
    changed = [str(e) for e in validate_object_meta_update({**GOOD, "uid": "v"}, GOOD, True)]
    assert changed == ['metadata.uid: Invalid value: "v": field is immutable']


def test_update_names_are_path_segments() -> None:
    """The common part of an update asks no more of a name than that a path can hold it."""
    odd = {**GOOD, "name": "system:Odd"}
    assert validate_object_meta_update(odd, odd, True) == []


def test_null_is_absent() -> None:
    """Members that are null count as absent ones."""
    bare = {"name": "a", "namespace": "b", "resourceVersion": "1"}
    nulls = {**bare, "labels": None, "uid": None, "deletionTimestamp": None, "generation": None}
    assert validate_change(nulls, bare) == []
    assert validate_object_meta_update(nulls, bare, True) == []


def test_core_finalizers() -> None:
    """Built-in kinds want finalizers with a domain, their own three excepted."""
    metadata = {"finalizers": ["kubernetes", "orphan", "foregroundDeletion", "a/b", "a.b"]}
    assert [str(e) for e in validation.validate_core_finalizers(metadata, Path("m"))] == [
        'm.finalizers[4]: Invalid value: "a.b": '
        "name is neither a standard finalizer name nor is it fully qualified"]


@pytest.mark.parametrize("generated", ["gen-", "a-", "x" * 253 + "-"])
def test_generate_name_may_end_in_dash(generated: str) -> None:
    """A prefix may end in a dash, as a name may not."""
    assert names.name_is_dns_subdomain(generated, True) == []
    assert names.name_is_dns_subdomain(generated, False)
