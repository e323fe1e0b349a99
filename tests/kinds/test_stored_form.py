"""Bodies and what kube-apiserver keeps in etcd: each reads what the other wrote."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest

import orlop
import storage_layout
from orlop.api.gvk import GroupVersionKind
from orlop.codec import protobuf
from orlop.embedding import Reply
from orlop.kinds import catalog
from orlop.kinds.stored_form import StoredForm
from orlop.schema.kind import builtin
from orlop.server import run
from orlop.storage.errors import ReadFailed
from orlop.storage.interface import stamp, unstamp
from orlop.storage.memory import MemoryStorage
from storage_layout import ITEMS, Item

Tree = dict[str, Any]
FORM = StoredForm(catalog.RESOURCES, builtin())
BY_KEY = {item.key: item for item in ITEMS}
MAP_KEY = "/registry/configmaps/shop/settings"
COMPLETED = {
    "/registry/persistentvolumeclaims/layout/p": {"status": {"phase": "Pending"}},
    "/registry/jobs/layout/j": {"metadata": {"labels": {
        "batch.kubernetes.io/controller-uid": "b87538eb-bcaa-4353-afd9-043efb44a0f5",
        "batch.kubernetes.io/job-name": "j", "controller-uid": "b87538eb-bcaa-4353-afd9-043efb44a0f5",
        "job-name": "j"}}},
}
"""What every read of upstream's fills in that it did not store."""
OTHERWISE = ("/registry/apiextensions.k8s.io/", "/registry/example.org/", "/registry/ranges/")
"""Bodies that are not simply the value without its kind."""


def named(items: list[Item]) -> Any:
    return pytest.mark.parametrize("item", items, ids=[item.key for item in items])


def completed(item: Item) -> Tree:
    """The body that is expected of a plain value."""
    body: Tree = {name: value for name, value in item.tree.items() if name not in ("kind", "apiVersion")}
    for name, value in COMPLETED.get(item.key, {}).items():
        body[name] = {**body[name], **value}  # type: ignore[dict-item]
    return body


@named([item for item in ITEMS if not item.key.startswith(OTHERWISE)])
def test_a_body_is_the_value_without_its_kind(item: Item) -> None:
    """And metadata stands first in it."""
    body = FORM.from_storage(item.key, item.value).value
    assert orjson.loads(body) == completed(item)
    assert body.startswith(b'{"metadata":{"')


@named([item for item in ITEMS if item.key not in COMPLETED])
def test_what_is_read_is_written_back_to_the_byte(item: Item) -> None:
    """Also after a revision was stamped onto it and taken off again."""
    read = FORM.from_storage(item.key, item.value)
    assert FORM.to_storage(item.key, unstamp(stamp(read.value, 7))) == item.value
    assert not read.stale
    assert orjson.loads(stamp(read.value, 7))["metadata"]["resourceVersion"] == "7"


@named([item for item in ITEMS if item.key in COMPLETED])
def test_defaults_that_upstream_does_not_store_come_back(item: Item) -> None:
    """The value counts as out of date, and what is written instead reads the same."""
    read = FORM.from_storage(item.key, item.value)
    assert read.stale
    again = FORM.from_storage(item.key, FORM.to_storage(item.key, read.value))
    assert again.value == read.value and not again.stale


def _protobuf(item: Item) -> bytes | None:
    try:
        schema = builtin().kind(item.kind)
    except KeyError:
        return None
    if not schema.has_protobuf or item.kind.group in ("apiextensions.k8s.io", "apiregistration.k8s.io"):
        return None  # upstream stores these as JSON always
    return protobuf.wrap(item.kind.api_version, item.kind.kind, schema.to_protobuf(item.tree))


@named([item for item in ITEMS if _protobuf(item) is not None])
def test_protobuf_says_the_same(item: Item) -> None:
    """A cluster with the default media type is read; the next write is JSON."""
    read = FORM.from_storage(item.key, _protobuf(item) or b"")
    assert orjson.loads(read.value) == orjson.loads(FORM.from_storage(item.key, item.value).value)
    assert read.stale


def stored(**changes: Any) -> Tree:
    return {**BY_KEY[MAP_KEY].tree, **changes}


@pytest.mark.parametrize("value", [
    orjson.dumps(dict(reversed(stored().items()))),
    orjson.dumps(stored(), option=orjson.OPT_INDENT_2),
    orjson.dumps(stored()),
    orjson.dumps(stored(metadata={"resourceVersion": "4", **stored()["metadata"]})),
    orjson.dumps(stored(metadata={**stored()["metadata"], "resourceVersion": "4"})) + b"\n",
    orjson.dumps(stored(metadata={**stored()["metadata"], "selfLink": "/x"})) + b"\n",
    orjson.dumps(stored(bogus=1, binaryData=None)),
], ids=["order", "white space", "no line feed", "revision first", "revision last", "self link", "unknown members"])
def test_other_spellings_are_read(value: bytes) -> None:
    """As upstream would decode them; they are written anew at the next occasion."""
    read = FORM.from_storage(MAP_KEY, value)
    assert orjson.loads(read.value) == completed(BY_KEY[MAP_KEY])
    assert read.stale or b"bogus" in value


def test_times_that_older_servers_wrote_as_null_go() -> None:
    """Upstream leaves them out by now."""
    key = "/registry/deployments/shop/web"
    tree = orjson.loads(BY_KEY[key].value)
    tree["spec"]["template"]["metadata"] = {"creationTimestamp": None, **tree["spec"]["template"]["metadata"]}
    read = FORM.from_storage(key, orjson.dumps(tree) + b"\n")
    assert orjson.loads(read.value) == completed(BY_KEY[key]) and read.stale


def test_an_event_keeps_the_revision_of_what_it_is_about() -> None:
    """Only metadata's own goes."""
    key = "/registry/events/layout/ev"
    tree = orjson.loads(BY_KEY[key].value)
    tree["involvedObject"]["resourceVersion"] = "12"
    value = orjson.dumps(tree) + b"\n"
    read = FORM.from_storage(key, value)
    assert not read.stale and FORM.to_storage(key, read.value) == value
    tree["metadata"]["resourceVersion"] = "3"
    again = FORM.from_storage(key, orjson.dumps(tree) + b"\n")
    assert orjson.loads(again.value) == orjson.loads(read.value)


def test_other_versions_are_converted() -> None:
    """To the version of bodies, through the conversions that clients get."""
    key = "/registry/horizontalpodautoscalers/a/b"
    old = {"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscaler", "metadata": {"name": "b"}, "spec": {
        "scaleTargetRef": {"kind": "Deployment", "name": "d"}, "maxReplicas": 3, "targetCPUUtilizationPercentage": 7}}
    read = FORM.from_storage(key, orjson.dumps(old))
    metrics = orjson.loads(read.value)["spec"]["metrics"]
    assert metrics[0]["resource"]["target"] == {"type": "Utilization", "averageUtilization": 7} and read.stale
    event = {"apiVersion": "events.k8s.io/v1", "kind": "Event", "metadata": {"name": "e"}, "note": "hello",
             "regarding": {"kind": "Pod"}, "eventTime": None}
    assert orjson.loads(FORM.from_storage("/registry/events/a/e", orjson.dumps(event)).value)["message"] == "hello"


def test_the_mutating_policies_are_stored_as_beta() -> None:
    """For one release; bodies are v1."""
    key, body = "/registry/mutatingadmissionpolicies/p", b'{"metadata":{"name":"p"},"spec":{}}'
    value = FORM.to_storage(key, body)
    assert orjson.loads(value)["apiVersion"] == "admissionregistration.k8s.io/v1beta1"
    assert FORM.from_storage(key, value) == (body, False)
    v1 = value.replace(b"v1beta1", b"v1")
    assert FORM.from_storage(key, v1).stale


def test_protobuf_of_a_kind_stored_as_beta() -> None:
    """Its messages are those of v1."""
    key = "/registry/mutatingadmissionpolicybindings/b"
    kind = GroupVersionKind("admissionregistration.k8s.io", "v1", "MutatingAdmissionPolicyBinding")
    tree = {"metadata": {"name": "b"}, "spec": {"policyName": "p"}}
    value = protobuf.wrap("admissionregistration.k8s.io/v1beta1", kind.kind, builtin().kind(kind).to_protobuf(tree))
    assert orjson.loads(FORM.from_storage(key, value).value) == tree


def test_nearly_all_kinds_are_stored_in_the_version_they_are_served_in() -> None:
    """The exceptions are upstream's of 1.36; what the dump holds agrees with the catalog."""
    others = {str(r.storage_kind) for r in catalog.RESOURCES
              if r.stored and r.storage_version != r.group_versions[0]}
    assert others == {str(GroupVersionKind(*each)) for each in (
        ("admissionregistration.k8s.io", "v1beta1", "MutatingAdmissionPolicy"),
        ("admissionregistration.k8s.io", "v1beta1", "MutatingAdmissionPolicyBinding"),
        ("apiextensions.k8s.io", "v1beta1", "CustomResourceDefinition"),
        ("", "v1", "Event"))}
    for item in ITEMS:
        if item.resource is not None:
            assert item.kind == item.resource.storage_kind


@pytest.mark.parametrize(("key", "value"), [
    (MAP_KEY, b"{"),
    (MAP_KEY, b"[]"),
    (MAP_KEY, b'{"kind":"ConfigMap","apiVersion":"v1"}'),
    (MAP_KEY, b'{"kind":"Secret","apiVersion":"v1","metadata":{"name":"a"}}'),
    (MAP_KEY, b'{"kind":"ConfigMap","apiVersion":"v3","metadata":{"name":"a"}}'),
    (MAP_KEY, b'{"kind":"ConfigMap","apiVersion":"v1","data":7,"metadata":{"name":"a"}}'),
    (MAP_KEY, b"k8s\x00\xff\xff"),
    (MAP_KEY, b"k8s:enc:aescbc:v1:key:xyz"),
    ("/registry/example.org/boats/a", b"\x00\x01"),
    ("/registry/example.org/boats/a", b"k8s\x00"),
    ("/registry/example.org/boats/a", protobuf.wrap("example.org/v1", "Boat", b"")),
    ("/registry/leases/a/b", b'{"kind":"Lease","apiVersion":"coordination.k8s.io/v1alpha1","metadata":{}}'),
])
def test_what_cannot_be_read_names_its_key(key: str, value: bytes) -> None:
    """ReadFailed, never another error."""
    with pytest.raises(ReadFailed) as failure:
        FORM.from_storage(key, value)
    assert failure.value.cause.startswith(f"{key}: ")


def test_unknown_kinds_keep_their_own() -> None:
    """Custom resources, typed objects of no resource, and protobuf of these."""
    lease = (b'{"kind":"Endpoints","apiVersion":"v1","metadata":{"generation":3},'
             b'"subsets":[{"addresses":[{"ip":"1.2.3.4"}]}]}\n')
    key = "/registry/masterleases/1.2.3.4"
    read = FORM.from_storage(key, lease)
    assert orjson.loads(stamp(read.value, 5))["metadata"] == {"resourceVersion": "5", "generation": 3}
    assert FORM.to_storage(key, read.value) == lease
    tree = orjson.loads(lease)
    message = builtin().kind(GroupVersionKind("", "v1", "Endpoints")).to_protobuf(tree)
    old = FORM.from_storage(key, protobuf.wrap("v1", "Endpoints", message))
    assert old.stale and orjson.loads(FORM.to_storage(key, old.value)) == tree


def test_another_root_is_another_place() -> None:
    """Keys begin with what the form was told."""
    form = StoredForm(catalog.RESOURCES, builtin(), "/elsewhere/else")
    assert form.to_storage("/elsewhere/else/services/specs/a/b", b'{"metadata":{"name":"b"}}') == \
        b'{"kind":"Service","apiVersion":"v1","metadata":{"name":"b"}}\n'


class _Filled(MemoryStorage):
    """Begins with the dump in it."""

    async def start(self) -> None:
        await super().start()
        await storage_layout.load(self, FORM)


def test_a_server_serves_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every object of the dump is found by GET and LIST, in every version of its kind."""
    monkeypatch.setattr(run, "make_storage", lambda *_: _Filled())

    async def serve() -> int:
        async with orlop.Server(listen=False, service_cluster_ip_range=storage_layout.SERVICE_RANGE) as server:

            async def ask(method: str, path: str) -> Reply:
                return await server.request(method, path)

            return await storage_layout.check(ask)

    assert asyncio.run(serve()) == 44
