"""IPAddresses and ServiceCIDRs: what may be in them, and what may change."""

from __future__ import annotations

from typing import Any

import pytest
from kind_bench import Kind

Tree = dict[str, Any]
GROUP = "networking.k8s.io"
PARENT = {"resource": "services", "namespace": "a", "name": "b"}


def addresses() -> Kind:
    return Kind("ipaddresses", GROUP)


def ranges() -> Kind:
    return Kind("servicecidrs", GROUP)


@pytest.mark.parametrize(("tree", "wrong"), [
    ({"metadata": {"name": "10.0.0.1"}, "spec": {"parentRef": PARENT}}, []),
    ({"metadata": {"name": "fd00::1"}, "spec": {"parentRef": {"group": "g.io", "resource": "r", "name": "n"}}}, []),
    ({"metadata": {"name": "fd00::0001"}, "spec": {"parentRef": PARENT}},
     ['metadata.name: Invalid value: "fd00::0001": must be in canonical form ("fd00::1")']),
    ({"metadata": {"name": "10.0.0.01"}, "spec": {"parentRef": PARENT}},
     ['metadata.name: Invalid value: "10.0.0.01": must not have leading 0s']),
    ({"metadata": {"name": "a"}, "spec": {"parentRef": PARENT}},
     ['metadata.name: Invalid value: "a": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)']),
    ({"metadata": {"name": "10.0.0.1"}}, ["spec.parentRef: Required value"]),
    ({"metadata": {"name": "10.0.0.1"}, "spec": {"parentRef": {}}},
     ["spec.parentRef.resource: Required value", "spec.parentRef.name: Required value"]),
    ({"metadata": {"name": "10.0.0.1"}, "spec": {"parentRef": {"resource": "a/b", "name": "..", "namespace": "%"}}},
     ['spec.parentRef.resource: Invalid value: "a/b": may not contain \'/\'',
      'spec.parentRef.name: Invalid value: "..": may not be \'..\'',
      'spec.parentRef.namespace: Invalid value: "%": may not contain \'%\'']),
])
def test_addresses(tree: Tree, wrong: list[str]) -> None:
    """The name is the address; somebody has it."""
    assert addresses().refused(tree) == wrong


def test_whose_an_address_is_does_not_change() -> None:
    """The refusal shows the reference by its internal names."""
    kind = addresses()
    old = kind.create({"metadata": {"name": "10.0.0.1"}, "spec": {"parentRef": PARENT}})
    assert kind.refused_update(old, {"spec": {"parentRef": {**PARENT, "name": "c"}}}) == [
        'spec.parentRef: Invalid value: {"Group":"","Resource":"services","Namespace":"a","Name":"c"}: field is '
        "immutable"]
    assert kind.refused_update(old, {"metadata": {"labels": {"a": "b"}}}) == []


NO_CIDR = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
TWO_OF_A_KIND = ("may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64")


@pytest.mark.parametrize(("cidrs", "wrong"), [
    (["10.0.0.0/24"], []),
    (["10.0.0.0/24", "fd00::/64"], []),
    (None, ["spec.cidrs: Required value: at least one CIDR required"]),
    (["10.0.0.0/24", "10.0.1.0/24"],
     [f'spec.cidrs: Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: {TWO_OF_A_KIND}']),
    (["10.0.0.0/24", "fd00::/64", "10.0.1.0/24"],
     ['spec.cidrs: Invalid value: {"CIDRs":["10.0.0.0/24","fd00::/64","10.0.1.0/24"]}: may only hold up to 2 values']),
    (["10.0.0.7/24"],
     ['spec.cidrs[0]: Invalid value: "10.0.0.7/24": must not have bits set beyond the prefix length']),
    (["fd00:0::/64"], ['spec.cidrs[0]: Invalid value: "fd00:0::/64": must be in canonical form ("fd00::/64")']),
    (["x", "y"], [f'spec.cidrs[0]: Invalid value: "x": {NO_CIDR}', f'spec.cidrs[1]: Invalid value: "y": {NO_CIDR}']),
])
def test_ranges(cidrs: list[str] | None, wrong: list[str]) -> None:
    """One or two, of different families."""
    assert ranges().refused({"spec": {"cidrs": cidrs}}) == wrong


@pytest.mark.parametrize(("cidrs", "wrong"), [
    (["10.0.0.0/24"], []),
    (["10.0.0.0/24", "fd00::/64"], []),
    (["10.0.1.0/24"], ['spec.cidrs[0]: Invalid value: "10.0.1.0/24": field is immutable']),
    (["fd00::/64", "10.0.0.0/24"], ['spec.cidrs[0]: Invalid value: "fd00::/64": field is immutable']),
    ([], ["spec.cidrs: Invalid value: null: field is immutable"]),
])
def test_a_range_may_only_get_a_second(cidrs: list[str], wrong: list[str]) -> None:
    """To become dual stack; nothing else changes."""
    kind = ranges()
    old = kind.create({"spec": {"cidrs": ["10.0.0.0/24"]}})
    assert kind.refused_update(old, {"spec": {"cidrs": cidrs}}) == wrong


def test_the_status_is_its_own_business() -> None:
    """A write to the status leaves the ranges."""
    kind = ranges()
    old = kind.create({"spec": {"cidrs": ["10.0.0.0/24"]}})
    ready = {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z", "reason": "",
             "message": ""}
    made = kind.update(old, {"spec": {"cidrs": ["10.7.0.0/24"]}, "status": {"conditions": [ready]}}, "status")
    assert made["spec"]["cidrs"] == ["10.0.0.0/24"] and made["status"]["conditions"] == [ready]
