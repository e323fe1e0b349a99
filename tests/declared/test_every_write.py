"""Functions of a kind are asked about every write, whichever way it comes: one test for each way."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

import orlop

GROUP = "ways.example.com"
PATH = f"/apis/{GROUP}/v1/namespaces/{{}}/boats"
MERGE = {"Content-Type": "application/merge-patch+json"}
APPLY = {"Content-Type": "application/apply-patch+yaml"}


class Calls:
    """What functions were asked, by the name of the object; waited for where controllers are at work."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._known: list[tuple[str, str, str]] = []

    def note(self, sort: str, name: str, user: str = "") -> None:
        with self._condition:
            self._known.append((sort, name, user))
            self._condition.notify_all()

    def about(self, name: str) -> list[str]:
        with self._condition:
            return [sort for sort, known, _ in self._known if known == name]

    def wait(self, sort: str, name: str) -> str:
        """Who wrote."""
        with self._condition:
            found = self._condition.wait_for(
                lambda: [call for call in self._known if call[:2] == (sort, name)], timeout=20)
        assert found, (sort, name)
        user: str = found[-1][2]
        return user


CALLS = Calls()
SUNK: list[str] = []


class Spec(msgspec.Struct):
    crew: int = 1
    log: list[str] = []


class Status(msgspec.Struct):
    at: str = ""


@orlop.kind(group=GROUP, scale=orlop.Scale("spec.crew", "status.crew"))
class Boat(msgspec.Struct):
    spec: Spec
    status: Status | None = None
    metadata: dict[str, Any] = {}

    @orlop.validates
    def floats(self) -> Iterator[orlop.Problem]:
        CALLS.note("validates", self.metadata["name"])
        if self.spec.crew > 9:
            yield orlop.Problem("spec.crew", "is too heavy", self.spec.crew)
        if self.status is not None and self.status.at == "bottom":
            yield orlop.Problem("status.at", "is too deep")

    @orlop.before("create", "update")
    async def write_log(self, write: orlop.Write) -> None:
        CALLS.note(write.event, write.name, write.user.name)
        if self.metadata.get("labels", {}).get("sealed"):
            raise orlop.Refused("the boat is sealed")
        self.spec.log.append(write.event)

    @orlop.before("status")
    def note_status(self, write: orlop.Write) -> None:
        CALLS.note("status", write.name)

    @orlop.before("delete")
    def may_go(self, write: orlop.Write) -> None:
        CALLS.note("delete", write.name, write.user.name)
        if self.metadata.get("labels", {}).get("moored"):
            raise orlop.Refused("it is moored")

    @orlop.before("create", "update", "delete", dry_run=False)
    def ring(self, write: orlop.Write) -> None:
        SUNK.append(write.name)
        assert not write.dry_run


@pytest.fixture(scope="module")
def server() -> Iterator[orlop.ThreadedServer]:
    """A server without a socket, whose namespaces end at once."""
    with orlop.Server.in_thread(listen=False, kinds=[Boat], namespace_deletion_grace=0.0) as started:
        yield started


def make(server: orlop.ThreadedServer, name: str, namespace: str = "default", crew: int = 1, **metadata: Any) -> Any:
    made = server.request("POST", PATH.format(namespace), {
        "apiVersion": f"{GROUP}/v1", "kind": "Boat", "metadata": {"name": name, **metadata}, "spec": {"crew": crew}})
    assert made.status == 201, made.body
    return made.json()


def log(server: orlop.ThreadedServer, name: str) -> Any:
    return server.request("GET", f"{PATH.format('default')}/{name}").json()["spec"]["log"]


def test_put_and_patches(server: orlop.ThreadedServer) -> None:
    """Every update: PUT, the patches, apply; also one that makes an object."""
    boat = make(server, "p")
    path = f"{PATH.format('default')}/p"
    boat["spec"]["crew"] = 2
    assert server.request("PUT", path, boat).ok
    assert server.request("PATCH", path, {"spec": {"crew": 3}}, headers=MERGE).ok
    assert server.request("PATCH", path, [{"op": "replace", "path": "/spec/crew", "value": 4}],
                          headers={"Content-Type": "application/json-patch+json"}).ok
    applied = {"apiVersion": f"{GROUP}/v1", "kind": "Boat", "metadata": {"name": "p"}, "spec": {"crew": 5}}
    assert server.request("PATCH", path, applied, headers=APPLY, query={"fieldManager": "a", "force": True}).ok
    assert log(server, "p") == ["create", "update", "update", "update", "update"]
    for body, headers, query in (({"spec": {"crew": 10}}, MERGE, {}),
                                 ({**applied, "spec": {"crew": 10}}, APPLY, {"fieldManager": "a"})):
        refused = server.request("PATCH", path, body, headers=headers, query=query)
        assert refused.status == 422 and "is too heavy" in refused.json()["message"]
    made = server.request("PATCH", path[:-1] + "q", {**applied, "metadata": {"name": "q"}}, headers=APPLY,
                          query={"fieldManager": "a"})
    assert made.status == 201 and made.json()["spec"]["log"] == ["create"]


def test_scale(server: orlop.ThreadedServer) -> None:
    """A write of the scale is an update of the object: asked about, changed, judged, refused."""
    make(server, "s")
    path = f"{PATH.format('default')}/s"
    assert server.request("PATCH", f"{path}/scale", {"spec": {"replicas": 3}}, headers=MERGE).json()["spec"] == {
        "replicas": 3}
    assert log(server, "s") == ["create", "update"]
    refused = server.request("PATCH", f"{path}/scale", {"spec": {"replicas": 10}}, headers=MERGE)
    assert refused.status == 422 and "is too heavy" in refused.json()["message"]
    labelled = server.request("PATCH", path, {"metadata": {"labels": {"sealed": "1"}}}, headers=MERGE)
    assert labelled.status == 403
    with_label = make_sealed(server, "s2")
    assert with_label.status == 403


def make_sealed(server: orlop.ThreadedServer, name: str) -> orlop.Reply:
    return server.request("POST", PATH.format("default"), {
        "apiVersion": f"{GROUP}/v1", "kind": "Boat", "metadata": {"name": name, "labels": {"sealed": "1"}}, "spec": {}})


def test_status(server: orlop.ThreadedServer) -> None:
    """The status has an event of its own, and the same judges."""
    make(server, "st")
    path = f"{PATH.format('default')}/st/status"
    assert server.request("PATCH", path, {"status": {"at": "sea"}}, headers=MERGE).ok
    assert CALLS.about("st").count("status") == 1
    refused = server.request("PATCH", path, {"status": {"at": "bottom"}}, headers=MERGE)
    assert refused.status == 422 and refused.json()["details"]["causes"][0]["field"] == "status.at"


def test_dry_runs(server: orlop.ThreadedServer) -> None:
    """Are answered as the write would be; a function that does something in the world is not called."""
    make(server, "d")
    SUNK.clear()
    path, dry = f"{PATH.format('default')}/d", {"dryRun": "All"}
    assert server.request("PATCH", path, {"spec": {"crew": 2}}, headers=MERGE,
                          query=dry).json()["spec"]["log"] == ["create", "update"]
    assert server.request("PATCH", f"{path}/scale", {"spec": {"replicas": 2}}, headers=MERGE, query=dry).ok
    assert server.request("PATCH", path, {"spec": {"crew": 10}}, headers=MERGE, query=dry).status == 422
    assert server.request("DELETE", path, query=dry).ok
    assert SUNK == [] and log(server, "d") == ["create"]
    assert server.request("DELETE", path).ok
    assert SUNK == ["d"]


def test_collections(server: orlop.ThreadedServer) -> None:
    """Each object of a collection is asked about by its name; one may stay."""
    make(server, "c1", labels={"fleet": "x"})
    make(server, "c2", labels={"fleet": "x", "moored": "1"})
    refused = server.request("DELETE", PATH.format("default"), query={"labelSelector": "fleet=x"})
    assert refused.status == 403 and refused.json()["message"].endswith('"c2" is forbidden: it is moored')
    assert "delete" in CALLS.about("c1")


def test_garbage_collection(server: orlop.ThreadedServer) -> None:
    """The garbage collector's deletions and its work on finalizers are writes like others."""
    owner = server.request("POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "owner"}}).json()
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"]}
    make(server, "g", ownerReferences=[reference])
    make(server, "keep", ownerReferences=[reference], labels={"moored": "1"})
    assert server.request("DELETE", "/api/v1/namespaces/default/configmaps/owner").ok
    assert CALLS.wait("delete", "g") == "system:apiserver"
    CALLS.wait("delete", "keep")
    assert server.request("GET", f"{PATH.format('default')}/keep").ok
    make(server, "o")
    assert server.request("DELETE", f"{PATH.format('default')}/o", query={"propagationPolicy": "Orphan"}).ok
    CALLS.wait("update", "o")


def test_the_end_of_a_namespace(server: orlop.ThreadedServer) -> None:
    """Asks about each object in it."""
    assert server.request("POST", "/api/v1/namespaces", {"metadata": {"name": "harbour"}}).ok
    make(server, "n", "harbour")
    assert server.request("DELETE", "/api/v1/namespaces/harbour").ok
    assert CALLS.wait("delete", "n") == "system:apiserver"


def test_finalizers(server: orlop.ThreadedServer) -> None:
    """Taking one away is an update."""
    make(server, "f", finalizers=["ways.example.com/hold"])
    path = f"{PATH.format('default')}/f"
    assert server.request("DELETE", path).status == 200
    gone = server.request("PATCH", path, {"metadata": {"finalizers": None}}, headers=MERGE)
    assert gone.status == 200, gone.body
    assert CALLS.about("f").count("update") == 1
    assert server.request("GET", path).status == 404


def test_the_end_of_the_definition(server: orlop.ThreadedServer) -> None:
    """Takes everything with it, whatever functions say: as upstream, nobody is asked."""
    with server.fork() as other:
        make(other, "last", labels={"moored": "1"})
        assert other.request("DELETE", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/boats.{GROUP}").ok
        assert "delete" not in CALLS.about("last")
