"""client-go, the library of nearly every controller, against a real server: typed, dynamic and discovery clients,
informers, leader election. The Go program stands in `go`; this builds it and checks what it prints.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from api_caller import ApiCaller
from client_go_program import SECONDS, Informers, Line, built_program, make_namespace, write_map
from server_process import ServerProcess

pytestmark = pytest.mark.xdist_group("client-go")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go program, built once."""
    return built_program(tmp_path_factory.mktemp("go"))


@pytest.fixture
def lines_of(program: Path, server: ServerProcess, request: pytest.FixtureRequest) -> Callable[..., list[Line]]:
    """Runs a scenario to its end in a namespace of its own; gives its lines."""

    def run(scenario: str, *flags: str) -> list[Line]:
        namespace = make_namespace(server, f"go-{scenario}{''.join(flags)}")
        done = subprocess.run([str(program), "-kubeconfig", str(server.kubeconfig), "-namespace", namespace, *flags,
                               scenario], capture_output=True, text=True, timeout=2 * SECONDS)  # fmt: skip
        lines = [json.loads(line) for line in done.stdout.splitlines()]
        assert done.returncode == 0, f"{lines[-1:]}\n{done.stderr[-3000:]}"
        return lines

    return run


@pytest.mark.parametrize("media", ["json", "protobuf"])
def test_typed_clients(media: str, server: ServerProcess, lines_of: Callable[..., list[Line]]) -> None:
    """Create, get, update, patch, status, scale and delete give typed clients what upstream gives, in either format."""
    *steps, last = lines_of("typed", *(["-protobuf"] if media == "protobuf" else []))
    assert steps == [
        {"step": "create", "uid": True, "revision": True, "again": "AlreadyExists", "missing": "NotFound",
         "invalid": "Invalid"},
        {"step": "get", "data": {"a": "1"}, "same": True},
        {"step": "update", "data": {"a": "1", "b": "2"}, "stale": "Conflict"},
        {"step": "patch", "data": "application/merge-patch+json"},
        {"step": "patch", "data": "application/strategic-merge-patch+json"},
        {"step": "pod", "policy": "Always", "phase": "Running", "pull": "IfNotPresent"},
        {"step": "deployment", "before": 2, "after": 5, "generation": 2, "strategy": "RollingUpdate"},
    ]  # fmt: skip
    assert (last["step"], last["left"]) == ("delete", 0)
    wanted = "application/json" if media == "json" else "application/vnd.kubernetes.protobuf"
    assert [seen for seen in last["traffic"] if seen.startswith("answer")] == [f"answer {wanted}"]


def test_pages(lines_of: Callable[..., list[Line]]) -> None:
    """A list in chunks shows every object once, in as many requests as there are pages."""
    assert lines_of("pages") == [{"step": "pages", "requests": 3, "names": 25}]


def test_no_update_is_lost(lines_of: Callable[..., list[Line]]) -> None:
    """Clients that retry on conflict never overwrite each other."""
    assert lines_of("conflict") == [{"step": "conflict", "n": "40", "want": "40"}]


def test_dynamic_client(lines_of: Callable[..., list[Line]]) -> None:
    """Clients that know no kinds write, patch, list by field and watch."""
    assert lines_of("dynamic") == [{"step": "dynamic", "data": {"k": "v", "j": "w"}, "event": "MODIFIED", "listed": 1,
                                    "kind": "ConfigMap", "gone": "DELETED"}]  # fmt: skip


def test_metadata_client(lines_of: Callable[..., list[Line]]) -> None:
    """Clients that want only metadata get PartialObjectMetadata."""
    (line,) = lines_of("metadata")
    assert (line["name"], line["labels"]) == ("meta", {"made": "go"})
    assert line["listed"] == 1


def test_discovery(lines_of: Callable[..., list[Line]]) -> None:
    """Discovery, aggregated and not, short names and both OpenAPI documents satisfy client-go."""
    version, resources, legacy, mapper, openapi = lines_of("discovery")
    assert version["version"] == "1.36"
    assert resources["groups"] > 15
    assert resources["resources"] > 90
    assert legacy["lists"] > 15
    assert mapper["resource"] == "apps/v1, Resource=deployments"
    assert (mapper["scope"], mapper["short"]) == ("namespace", "apps/v1, Resource=deployments")
    assert openapi["v2"] == "Kubernetes"
    assert openapi["v3"] > 30
    assert openapi["core"]


def test_leader_election(lines_of: Callable[..., list[Line]]) -> None:
    """Of two candidates one leads, and the other as soon as the first steps down."""
    lines = lines_of("election")
    assert [line["who"] for line in lines if line["step"] == "leads"] == ["one", "two"]
    assert next(line for line in lines if line["step"] == "lease")["holder"] == "two"


@pytest.fixture
def informers(program: Path) -> Iterator[Callable[..., Informers]]:
    """Starts informers; ends them."""
    started: list[Informers] = []

    def start(server: ServerProcess, namespace: str, *flags: str) -> Informers:
        started.append(Informers(program, server, namespace, *flags))
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.mark.parametrize("media", ["json", "protobuf"])
def test_informers(media: str, server: ServerProcess, informers: Callable[..., Informers]) -> None:
    """Informers start from a watch list and then see every add, update and delete in order."""
    namespace = make_namespace(server, f"go-informers-{media}")
    caller = ApiCaller(server)
    write_map(caller, namespace, "early", "1")
    running = informers(server, namespace, *(["-protobuf"] if media == "protobuf" else []))
    synced = running.until(step="synced")[-1]
    assert "configmap/early=1" in synced["have"]
    assert "WATCHLIST" in synced["traffic"]
    assert "GET" not in synced["traffic"]
    write_map(caller, namespace, "late", "1")
    write_map(caller, namespace, "late", "2", "PUT")
    caller.call("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/late")
    seen = [line for line in running.until(event="delete") if line["object"].startswith("configmap/late")]
    assert [(line["event"], line["object"]) for line in seen] == [
        ("add", "configmap/late=1"), ("update", "configmap/late=2"), ("delete", "configmap/late=2")]  # fmt: skip
    caller.close()


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_informers_across_a_restart(end: str, fresh_server: Callable[..., ServerProcess],
                                    informers: Callable[..., Informers]) -> None:  # fmt: skip
    """Informers go on after the server came back, see what was written meanwhile, and see nothing twice."""
    server = fresh_server()
    namespace = make_namespace(server, "restart")
    caller = ApiCaller(server)
    write_map(caller, namespace, "a", "1")
    write_map(caller, namespace, "b", "1")
    running = informers(server, namespace)
    running.until(step="synced")
    write_map(caller, namespace, "seen", "1")  # client-go lists anew after a watch that ended early and empty
    running.until(event="add", object="configmap/seen=1")
    caller.close()
    getattr(server, end)()
    server.start()
    caller = ApiCaller(server)
    write_map(caller, namespace, "a", "2", "PUT")
    caller.call("DELETE", f"/api/v1/namespaces/{namespace}/configmaps/b")
    write_map(caller, namespace, "c", "1")
    caller.close()
    seen = running.until(event="add", object="configmap/c=1")
    changes = [(line["event"], line["object"]) for line in seen if line["object"][:11] in
               ("configmap/a", "configmap/b", "configmap/c") and not line.get("initial")]  # fmt: skip
    assert changes == [("update", "configmap/a=2"), ("delete", "configmap/b=1"), ("add", "configmap/c=1")]
    have = running.have()
    assert "WATCH" in have["traffic"], "the informer listed anew instead of going on"
    assert {"configmap/a=2", "configmap/c=1"} <= set(have["have"])
    assert "configmap/b=1" not in have["have"]


def test_controllers(lines_of: Callable[..., list[Line]]) -> None:
    """Deployment, ReplicaSet and Pod controllers that know the defaults take a deployment through its life: made,
    scaled, rolled forth and back within its bounds, deleted with all that it owned."""
    settled = {"labels": True, "available": 4}
    assert lines_of("loop") == [
        {"step": "defaults", "strategy": "RollingUpdate", "surge": "25%", "unavailable": "25%", "history": 10,
         "deadline": 600},
        {**settled, "step": "made", "generation": 1, "sets": ["1:2"], "available": 2},
        {**settled, "step": "scaled to 5", "generation": 2, "sets": ["1:5"], "available": 5},
        {**settled, "step": "scaled to 1", "generation": 3, "sets": ["1:1"], "available": 1},
        {**settled, "step": "scaled to 4", "generation": 4, "sets": ["1:4"]},
        {**settled, "step": "registry.example/app:2", "generation": 5, "sets": ["1:0", "2:4"]},
        {"step": "bounds", "enough": True, "few": True},
        {**settled, "step": "registry.example/app:1", "generation": 6, "sets": ["1:4", "2:0"]},
        {"step": "bounds", "enough": True, "few": True},
        {"step": "gone"},
    ]  # fmt: skip
