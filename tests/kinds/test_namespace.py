"""Namespaces: phases, finalizers and the label of their name."""

from __future__ import annotations

from kind_bench import Kind


def test_a_new_namespace_is_active_and_held() -> None:
    """Whatever the client says, a namespace begins Active, with the finalizer and its name as label."""
    made = Kind("namespaces").create(metadata={"name": "n", "labels": {"a": "b"}}, status={"phase": "Terminating"})
    assert made["spec"] == {"finalizers": ["kubernetes"]}
    assert made["status"] == {"phase": "Active"}
    assert made["metadata"]["labels"] == {"a": "b", "kubernetes.io/metadata.name": "n"}


def test_names_are_labels() -> None:
    """A dot is fine in most names, not in this one."""
    assert Kind("namespaces").refused(metadata={"name": "a.b"})[0].startswith("metadata.name: Invalid value: \"a.b\"")


def test_only_the_finalize_room_changes_finalizers() -> None:
    """A PUT to the object keeps spec.finalizers and status; one to `finalize` keeps the status only."""
    kind = Kind("namespaces")
    old = kind.create(metadata={"name": "n"})
    emptied = {"spec": {"finalizers": []}, "status": {"phase": "Terminating"}}
    assert kind.update(old, emptied)["spec"]["finalizers"] == ["kubernetes"]
    freed = kind.update(old, emptied, "finalize")
    assert freed["spec"].get("finalizers") in (None, []) and freed["status"]["phase"] == "Active"


def test_a_finalizer_is_known_or_has_a_domain() -> None:
    """Upstream's words for a bare finalizer."""
    kind = Kind("namespaces")
    old = kind.create(metadata={"name": "n"})
    assert kind.refused_update(old, {"spec": {"finalizers": ["bare"]}}, "finalize") == [
        'spec.finalizers[0]: Invalid value: "bare": name is neither a standard finalizer name nor is it fully '
        "qualified"]


def test_the_label_cannot_be_taken_off() -> None:
    """Every write puts the name label back."""
    kind = Kind("namespaces")
    old = kind.create(metadata={"name": "n"})
    assert kind.update(old, {"metadata": {"labels": {}}})["metadata"]["labels"] == {"kubernetes.io/metadata.name": "n"}


def test_phase_follows_deletion() -> None:
    """Terminating is for namespaces that are being deleted, Active for the others."""
    kind = Kind("namespaces")
    old = kind.create(metadata={"name": "n"})
    assert kind.refused_update(old, {"status": {"phase": "Terminating"}}, "status") == [
        'status.Phase: Invalid value: "Terminating": may only be \'Active\' if `deletionTimestamp` is empty']
    old["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z"
    assert kind.refused_update(old, {"status": {"phase": "Active"}}, "status") == [
        'status.Phase: Invalid value: "Active": may only be \'Terminating\' if `deletionTimestamp` is not empty']


def test_a_namespace_with_finalizers_is_held() -> None:
    """What the store asks before it lets an object go."""
    strategy = Kind("namespaces").strategy()
    assert strategy.holds({"spec": {"finalizers": ["kubernetes"]}})
    assert not strategy.holds({"spec": {}})
