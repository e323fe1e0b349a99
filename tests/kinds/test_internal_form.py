"""Specs as upstream's differences print them, and when two of them mean the same."""

from __future__ import annotations

from orlop.api.gvk import GroupVersionKind
from orlop.kinds import internal_form
from orlop.schema.kind import builtin

SPEC = builtin().kind(GroupVersionKind("", "v1", "Pod")).type.fields["spec"].type


def test_a_difference_has_gos_names_in_gos_order() -> None:
    """Members of the host's namespaces are in the security context, where the internal type has them."""
    old = {"containers": [{"name": "c"}]}
    text = internal_form.difference(SPEC, old, {**old, "hostNetwork": True, "dnsPolicy": "Default"})
    assert '- "DNSPolicy": "",\n+ "DNSPolicy": "Default",\n' in text
    assert '  "SecurityContext": {\n-  "HostNetwork": false,\n+  "HostNetwork": true,\n   "HostPID": false,\n' in text


def test_a_difference_of_volumes() -> None:
    """One member a source, under names that no rule could guess."""
    old = {"volumes": [{"name": "v", "rbd": {"monitors": ["m"], "image": "i"}}]}
    new = {"volumes": [{"name": "v", "rbd": {"monitors": ["m"], "image": "j"}}]}
    assert '-    "RBDImage": "i",\n+    "RBDImage": "j",\n' in internal_form.difference(SPEC, old, new)


def test_selectors_keep_their_own_names() -> None:
    """Types of apimachinery are internal and published at once."""
    term = {"labelSelector": {"matchLabels": {"a": "<b>"}}, "topologyKey": "k"}
    new = {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}
    text = internal_form.difference(SPEC, {}, new)
    assert '"LabelSelector": {\n+      "matchLabels": {\n+       "a": "\\u003cb\\u003e"\n' in text


def test_empty_means_absent_for_collections_only() -> None:
    """An empty struct behind a pointer is something."""
    assert internal_form.same(SPEC, {"volumes": [], "nodeSelector": {}, "hostNetwork": False}, {})
    assert not internal_form.same(SPEC, {"affinity": {}}, {})
    assert not internal_form.same(SPEC, {"containers": [{"name": "a"}]}, {"containers": [{"name": "b"}]})
