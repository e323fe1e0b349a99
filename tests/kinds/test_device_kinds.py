"""Dynamic resource allocation: classes, claims, templates, slices; each rule as a real server answers to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import device_cases as cases
import pytest
from device_cases import CLAIMED, PLAIN, UID, allocation, claim, device, exactly, offer, opaque, reported, result, user
from kind_bench import Kind

from orlop.api.context import User
from orlop.api.errors import APIError
from orlop.auth.interface import Attributes, Decision

GROUP = "resource.k8s.io"
ANSWERS: dict[str, Any] = json.loads((Path(__file__).parents[1] / "data/kinds/devices.json").read_text())
Tree = dict[str, Any]


class Authorizer:
    """Allows what was said."""

    def __init__(self, *allowed: str) -> None:
        self._allowed = allowed
        self.asked: list[tuple[str, str, str]] = []

    def authorize(self, attributes: Attributes) -> Decision:
        self.asked.append((attributes.verb, attributes.subresource, attributes.name))
        return Decision(attributes.subresource in self._allowed)


class Namespaces:
    """Stands in for the store of namespaces: one, with these labels."""

    prefix = "/registry/namespaces/"

    def __init__(self, labels: dict[str, str] | None) -> None:
        self.cache, self._labels = self, labels

    def peek(self, key: str) -> Any:
        return None if self._labels is None else self

    def tree(self) -> Tree:
        return {"metadata": {"labels": self._labels}}


def kind(plural: str, labels: dict[str, str] | None = None, **settings: Any) -> Kind:
    made = Kind(plural, GROUP, **settings)
    made.options.stores["", "namespaces"] = Namespaces({} if labels is None else labels)  # type: ignore[assignment]
    return made


def said(refusals: list[str], expected: list[list[str]]) -> None:
    assert refusals == [f"{field}: {message}" for field, _, message in expected]


@pytest.mark.parametrize("name", cases.CLASSES)
def test_classes(name: str) -> None:
    """Every rule of a class."""
    said(kind("deviceclasses").refused(spec=cases.CLASSES[name]), ANSWERS["deviceclasses"][name])


@pytest.mark.parametrize("name", cases.CLAIMS)
def test_claims(name: str) -> None:
    """Every rule of a claim; a template has the same ones one floor lower, but for the place of admin access."""
    said(kind("resourceclaims").refused(spec=cases.CLAIMS[name]), ANSWERS["resourceclaims"][name])
    lower = [[field if field.endswith("adminAccess") else field.replace("spec.", "spec.spec.", 1), reason, message]
             for field, reason, message in ANSWERS["resourceclaims"][name]]
    said(kind("resourceclaimtemplates").refused(spec={"spec": cases.CLAIMS[name]}), lower)


@pytest.mark.parametrize("name", cases.SLICES)
def test_slices(name: str) -> None:
    """Every rule of a slice and its devices."""
    said(kind("resourceslices").refused(spec=cases.SLICES[name]), ANSWERS["resourceslices"][name])


@pytest.mark.parametrize("name", cases.STATUSES)
def test_statuses(name: str) -> None:
    """Every rule of what became of a claim."""
    claims = kind("resourceclaims")
    stored = claims.create(spec=CLAIMED)
    said(claims.refused_update(stored, {"status": cases.STATUSES[name]}, "status"), ANSWERS["statuses"][name])


def test_class_updates() -> None:
    """Generations move with meaning; what is stored may stay too big; generated names only have to end well."""
    classes = kind("deviceclasses")
    stored = classes.create(spec={"config": [opaque()]})
    assert stored["metadata"]["generation"] == 1
    assert classes.update(stored, {"spec": {"config": [opaque()], "selectors": []}})["metadata"]["generation"] == 1
    assert classes.update(stored, {"spec": {}})["metadata"]["generation"] == 2
    stored["spec"]["config"][0]["opaque"]["parameters"] = cases.BIG
    assert classes.refused_update(stored, {"metadata": {"labels": {"a": "b"}}}) == []
    assert classes.refused_update(stored, {"spec": {"config": [opaque(parameters=cases.BIG, driver="e")]}}) == [
        "spec.config[0].opaque.parameters: Too long: may not be more than 10240 bytes"]
    assert classes.strategy().check_name("Bad_", True) == ()
    assert classes.refused({"metadata": {"name": "x" * 254}}) == ["metadata.name: Invalid value: \"" + "x" * 254
                                                                  + '": must be no more than 253 bytes']


def test_defaults() -> None:
    """Modes, counts, operators; taints get the time at which they were added."""
    made = kind("resourceclaims").create(spec=claim(exactly(tolerations=[{"key": "a"}]), {
        "name": "q", "firstAvailable": [cases.alternative(allocationMode="All")]}))
    requests = made["spec"]["devices"]["requests"]
    assert requests[0]["exactly"] == {"deviceClassName": "c", "allocationMode": "ExactCount", "count": 1,
                                      "tolerations": [{"key": "a", "operator": "Equal"}]}
    assert requests[1]["firstAvailable"] == [{"name": "s", "deviceClassName": "c", "allocationMode": "All"}]
    taint = {"key": "a", "effect": "None", "timeAdded": "2024-01-01T00:00:00Z"}
    slices = kind("resourceslices")
    assert slices.create(spec=offer(device(taints=[taint])))["spec"]["devices"][0]["taints"] == [taint]
    assert slices.create(spec=offer(device(taints=[{"key": "a", "effect": "None"}])))[
        "spec"]["devices"][0]["taints"][0]["timeAdded"].endswith("Z")


def test_specs_are_fixed() -> None:
    """Claims and templates stay what they are; equal to upstream is equal enough."""
    claims, templates = kind("resourceclaims"), kind("resourceclaimtemplates")
    stored = claims.create(spec=claim(PLAIN, config=[opaque()]), status={"reservedFor": [user()]})
    assert "reservedFor" not in stored["status"]
    assert claims.refused_update(stored, {"spec": claim(PLAIN, config=[opaque()], constraints=[])}) == []
    assert claims.refused_update(stored, {"spec": claim(PLAIN)}) == [
        'spec: Invalid value: {"Devices":{"Requests":[{"Name":"r","Exactly":{"DeviceClassName":"c","Selectors":null,'
        '"AllocationMode":"ExactCount","Count":1,"AdminAccess":null,"Tolerations":null,"Capacity":null},'
        '"FirstAvailable":null}],"Constraints":null,"Config":null}}: field is immutable']
    sized = claims.create(spec=claim(exactly(capacity={"requests": {"memory": "1Gi"}})))
    assert claims.refused_update(sized, {"spec": claim(exactly(capacity={"requests": {"memory": "1073741824"}}))}) == []
    assert claims.refused_update(sized, {"spec": claim(exactly(capacity={"requests": {"memory": "1073741825"}}))})
    template = templates.create(spec={"metadata": {"labels": {"a": "b"}}, "spec": claim(PLAIN)})
    assert templates.refused_update(template, {"metadata": {"labels": {"x": "y"}}}) == []
    (refusal,) = templates.refused_update(template, {"spec": {"metadata": {"labels": {"a": "c"}}, "spec": {}}})
    assert refusal == ('spec: Invalid value: {"labels":{"a":"c"},"Spec":{"Devices":{"Requests":null,"Constraints":null,'
                       '"Config":null}}}: field is immutable')


def test_template_metadata() -> None:
    """Only labels and annotations go on to the claims."""
    metadata = {"name": "x", "uid": "u", "labels": {"a b": "c"}, "finalizers": ["a"]}
    refusals = kind("resourceclaimtemplates").refused(spec={"metadata": metadata, "spec": claim(PLAIN)})
    assert refusals[0].startswith('spec.metadata.labels: Invalid value: "a b"') and refusals[1:] == [
        f"spec.metadata.{name}: Forbidden: cannot be set" for name in ("name", "uID", "finalizers")]


def test_admin_access() -> None:
    """A matter of the namespace's label; without the namespace an error of the server's."""
    wanted = claim(exactly(adminAccess=True))
    assert kind("resourceclaims", {"resource.kubernetes.io/admin-access": "true"}).refused(spec=wanted) == []
    lost = kind("resourceclaims")
    lost.options.stores["", "namespaces"] = Namespaces(None)  # type: ignore[assignment]
    assert lost.refused(spec=wanted) == [
        "spec.devices.requests[0].adminAccess: Internal error: could not retrieve namespace to verify admin access: "
        'namespaces "ns" not found']


def test_slice_updates() -> None:
    """Driver, pool and node stay; taints are not looked at again; members of gates that are off are dropped."""
    slices = kind("resourceslices")
    stored = slices.create(spec=offer(device(attributes={"a": {"int": 1, "ints": [1]}},
                                             nodeAllocatableResourceMappings={"cpu": {}})))
    assert stored["spec"]["devices"] == [{"name": "a", "attributes": {"a": {"int": 1}}}]
    assert slices.refused_update(stored, {"spec": offer(driver="e", pool={"name": "q", "resourceSliceCount": 1},
                                                        nodeName=None, allNodes=True)}) == [
        'spec.pool.name: Invalid value: "q": field is immutable', 'spec.driver: Invalid value: "e": field is immutable',
        "spec.nodeName: Invalid value: null: field is immutable"]
    stored["spec"]["devices"] = [device(taints=[{"key": "a", "effect": "", "timeAdded": "2024-01-01T00:00:00Z"}])]
    assert slices.refused_update(stored, {}) == []
    assert slices.update(slices.create(spec=offer()), {"spec": offer(device())})["metadata"]["generation"] == 2


def test_slice_warnings() -> None:
    """Drivers in capitals are remarked on."""
    slices = kind("resourceslices")
    stored = slices.create(spec=offer(driver="D.Example.Com"))
    warning = 'spec.driver: driver names should be lowercase; "D.Example.Com" contains uppercase characters'
    assert slices.warnings == [warning]
    slices.update(stored, {"metadata": {"labels": {"a": "b"}}})
    assert slices.warnings == [warning]


def test_allocations() -> None:
    """Made once, or taken back with all that was said of the devices; nobody comes in once the claim goes."""
    claims = kind("resourceclaims")
    stored = claims.create(spec=CLAIMED)
    given = claims.update(stored, {"status": {"allocation": allocation(result(), result(shareID=UID)),
                                              "reservedFor": [user()], "devices": [reported()]},
                                   "metadata": {"labels": {"x": "y"}}, "spec": {}}, "status")
    assert given["spec"] == stored["spec"] and "labels" not in given["metadata"]
    (refusal,) = claims.refused_update(given, {"status": {"allocation": allocation()}}, "status")
    assert refusal.startswith('status.allocation: Invalid value: {"Devices":{"Results":') and refusal.endswith(
        '"Config":null},"NodeSelector":null,"AllocationTimestamp":null}: field is immutable')
    partly = claims.update(given, {"status": {**given["status"], "reservedFor": []}}, "status")
    assert [each["device"] for each in partly["status"]["devices"]] == ["dev"]
    freed = claims.update(given, {"status": {"devices": [reported()]}}, "status")
    assert "devices" not in freed["status"]
    assert claims.refused_update(given, {"status": {"reservedFor": [user()]}}, "status") == [
        "status.reservedFor: Forbidden: may not be specified when `allocated` is not set"]
    given["metadata"]["deletionTimestamp"] = "2024-01-01T00:00:00Z"
    assert claims.refused_update(given, {"status": {**given["status"], "reservedFor": [user("2")]}}, "status") == [
        "status.reservedFor: Forbidden: new entries may not be added while `deallocationRequested` or "
        "`deletionTimestamp` are set"]


def test_rights_to_the_status() -> None:
    """To bind and to report are rights of their own; on its node a driver needs less."""
    refusing = Authorizer()
    claims = kind("resourceclaims", authorizer=refusing)
    stored = claims.create(spec=CLAIMED)
    node = {"nodeSelectorTerms": [{"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["n"]}]}]}
    given = {"allocation": allocation(result(), nodeSelector=node)}
    assert claims.refused_update(stored, {"status": given}, "status") == [
        "status.allocation: Forbidden: changing status.allocation or status.reservedFor requires "
        'resource="resourceclaims/binding", verb="create" permission: resourceclaims.resource.k8s.io is forbidden: '
        'User "tester" cannot create resource "resourceclaims/binding" in API group "resource.k8s.io" at the cluster '
        "scope"]
    driver = User("system:serviceaccount:a:b", (), "", (("authentication.kubernetes.io/node-name", ("n",)),))
    allowing = Authorizer("driver")
    claims = kind("resourceclaims", authorizer=allowing, user=driver)
    before = {**stored, "status": given}
    assert claims.refused_update(before, {"status": {**given, "devices": [reported()]}}, "status") == []
    assert allowing.asked == [("associated-node:create", "driver", "d.example.com"),
                              ("arbitrary-node:create", "driver", "d.example.com")][:len(allowing.asked)]
    refusing = Authorizer("binding")
    claims = kind("resourceclaims", authorizer=refusing)
    (refusal,) = claims.refused_update(before, {"status": {**given, "devices": [reported()]}}, "status")
    assert refusal.startswith('status.devices: Forbidden: changing status.devices requires resource="resourceclaims/'
                              'driver", verb="[arbitrary-node:create]" permission: resourceclaims.resource.k8s.io '
                              '"d.example.com" is forbidden')


def test_unchanged_specs_are_never_refused() -> None:
    """What could be created can be written back as it is."""
    for plural, specs in (("deviceclasses", cases.CLASSES), ("resourceclaims", cases.CLAIMS),
                          ("resourceslices", cases.SLICES)):
        bench = kind(plural)
        for name, spec in specs.items():
            try:
                stored = bench.create(spec=spec)
            except APIError:
                continue
            assert bench.refused_update(stored, {}) == [], name
