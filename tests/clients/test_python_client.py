"""The official Python client against a real server: what its users do all day, and what happens when the server
restarts under them."""

from __future__ import annotations

import contextlib
import datetime
import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from kubernetes import client, config, watch
from kubernetes.client.exceptions import ApiException
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.leaselock import LeaseLock

from server_process import ServerProcess

pytestmark = pytest.mark.xdist_group("python-client")

Connect = Callable[[ServerProcess], client.ApiClient]
SECONDS = 30


def connect(server: ServerProcess) -> client.ApiClient:
    """An API client from the server's kubeconfig, as users make it."""
    return config.new_client_from_config(str(server.kubeconfig))


@pytest.fixture(scope="module")
def api(server: ServerProcess) -> Iterator[client.ApiClient]:
    """The administrator's client of the shared server."""
    with connect(server) as made:
        yield made


@pytest.fixture
def core(api: client.ApiClient) -> client.CoreV1Api:
    """The core group."""
    return client.CoreV1Api(api)


@pytest.fixture
def space(core: client.CoreV1Api, request: pytest.FixtureRequest) -> str:
    """A namespace named after the test."""
    name = "py-" + request.node.name.removeprefix("test_").replace("_", "-")
    core.create_namespace({"metadata": {"name": name}})
    return name


def config_map(name: str, labels: dict[str, str] | None = None, **data: str) -> client.V1ConfigMap:
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels=labels or {"made": "python"}), data=data)


def deployment(name: str, replicas: int) -> client.V1Deployment:
    template = client.V1PodTemplateSpec(
        metadata=client.V1ObjectMeta(labels={"app": name}),
        spec=client.V1PodSpec(containers=[client.V1Container(name="c", image="registry.example/app:1")]))  # fmt: skip
    return client.V1Deployment(metadata=client.V1ObjectMeta(name=name), spec=client.V1DeploymentSpec(
        replicas=replicas, selector=client.V1LabelSelector(match_labels={"app": name}), template=template))  # fmt: skip


def test_a_life(core: client.CoreV1Api, space: str) -> None:
    """Create, read, replace, delete; what is gone is 404, what is there is 409."""
    made = core.create_namespaced_config_map(space, config_map("a", k="v"))
    assert made.metadata.uid
    assert made.metadata.creation_timestamp.tzinfo is not None
    assert core.read_namespaced_config_map("a", space).data == {"k": "v"}
    made.data["k"] = "w"
    newer = core.replace_namespaced_config_map("a", space, made)
    assert int(newer.metadata.resource_version) > int(made.metadata.resource_version)
    with pytest.raises(ApiException) as twice:
        core.create_namespaced_config_map(space, config_map("a"))
    assert twice.value.status == 409
    said = core.delete_namespaced_config_map("a", space)
    assert core.api_client.sanitize_for_serialization(said)["status"] == "Success"
    with pytest.raises(ApiException) as gone:
        core.read_namespaced_config_map("a", space)
    assert (gone.value.status, gone.value.reason) == (404, "Not Found")


def test_pages(core: client.CoreV1Api, space: str) -> None:
    """Pages by continue token: each object once, all from one snapshot."""
    for number in range(12):
        core.create_namespaced_config_map(space, config_map(f"m{number:02}"))
    names: list[str] = []
    revisions, token = set(), None
    while token != "":
        page = core.list_namespaced_config_map(space, limit=5, label_selector="made=python", _continue=token)
        if not names:
            core.create_namespaced_config_map(space, config_map("m99"))
        assert len(page.items) <= 5
        names += [item.metadata.name for item in page.items]
        revisions.add(page.metadata.resource_version)
        token = page.metadata._continue or ""
    assert names == [f"m{number:02}" for number in range(12)]
    assert len(revisions) == 1


def test_watch_resumes(core: client.CoreV1Api, space: str) -> None:
    """A watch resumed from the revision of its last event shows what came after, and nothing of before."""
    start = core.list_namespaced_config_map(space).metadata.resource_version
    for name in ("a", "b", "c"):
        core.create_namespaced_config_map(space, config_map(name))
    core.delete_namespaced_config_map("a", space)
    watcher = watch.Watch()
    events = watcher.stream(core.list_namespaced_config_map, space, resource_version=start, timeout_seconds=SECONDS,
                            label_selector="made=python")  # fmt: skip
    first = list(itertools.islice(events, 2))
    assert [(e["type"], e["object"].metadata.name) for e in first] == [("ADDED", "a"), ("ADDED", "b")]
    resumed = watch.Watch().stream(
        core.list_namespaced_config_map, space, timeout_seconds=SECONDS, label_selector="made=python",
        resource_version=first[-1]["object"].metadata.resource_version)  # fmt: skip
    rest = list(itertools.islice(resumed, 2))
    assert [(e["type"], e["object"].metadata.name) for e in rest] == [("ADDED", "c"), ("DELETED", "a")]


def test_conflict_and_retry(core: client.CoreV1Api, space: str) -> None:
    """An update upon an old revision is 409; read again and retried, it passes and loses nothing."""
    stale = core.create_namespaced_config_map(space, config_map("a", k="0"))
    core.patch_namespaced_config_map("a", space, {"data": {"other": "1"}})
    stale.data["k"] = "1"
    with pytest.raises(ApiException) as conflict:
        core.replace_namespaced_config_map("a", space, stale)
    assert conflict.value.status == 409
    assert "the object has been modified" in conflict.value.body
    fresh = core.read_namespaced_config_map("a", space)
    fresh.data["k"] = "1"
    assert core.replace_namespaced_config_map("a", space, fresh).data == {"k": "1", "other": "1"}


def test_patches(api: client.ApiClient, core: client.CoreV1Api, space: str) -> None:
    """JSON patch, merge patch and strategic merge each do their own thing with a list."""
    apps = client.AppsV1Api(api)
    made = apps.create_namespaced_deployment(space, deployment("d", 1))
    assert made.spec.template.spec.containers[0].image == "registry.example/app:1"

    def patch(body: Any, media: str) -> Any:
        return apps.patch_namespaced_deployment("d", space, body, _content_type=media).spec

    assert patch([{"op": "replace", "path": "/spec/replicas", "value": 2}], "application/json-patch+json").replicas == 2
    side = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "registry.example/side"}]}}}}
    merged = patch(side, "application/strategic-merge-patch+json").template.spec.containers
    assert sorted(container.name for container in merged) == ["c", "side"]
    replaced = patch(side, "application/merge-patch+json").template.spec.containers
    assert [container.name for container in replaced] == ["side"]


def test_status_and_scale(api: client.ApiClient, core: client.CoreV1Api, space: str) -> None:
    """Status and scale are rooms of their own: neither writes what belongs to the other."""
    apps = client.AppsV1Api(api)
    apps.create_namespaced_deployment(space, deployment("d", 2))
    apps.patch_namespaced_deployment_scale("d", space, {"spec": {"replicas": 4}})
    scale = apps.read_namespaced_deployment_scale("d", space)
    assert (scale.spec.replicas, scale.status.selector) == (4, "app=d")
    reported = apps.patch_namespaced_deployment_status("d", space, {"spec": {"replicas": 9}, "status": {"replicas": 4}})
    assert (reported.spec.replicas, reported.status.replicas) == (4, 4)
    pod = core.create_namespaced_pod(space, {"metadata": {"name": "p"}, "spec": {
        "containers": [{"name": "c", "image": "registry.example/app"}]}})  # fmt: skip
    assert (pod.status.phase, pod.spec.restart_policy) == ("Pending", "Always")
    running = core.patch_namespaced_pod_status("p", space, {"status": {"phase": "Running"}})
    assert running.status.phase == "Running"


def test_delete_collection(core: client.CoreV1Api, space: str) -> None:
    """Deleting a collection takes what the selector takes and leaves the rest."""
    for name, colour in (("a", "red"), ("b", "red"), ("c", "blue")):
        core.create_namespaced_config_map(space, config_map(name, {"colour": colour}))
    core.delete_collection_namespaced_config_map(space, label_selector="colour=red")
    left = core.list_namespaced_config_map(space, label_selector="colour")
    assert [item.metadata.name for item in left.items] == ["c"]


class Over(Exception):
    """The test is over."""


class EndingLock(LeaseLock):  # type: ignore[misc]
    """Ends its candidate, which left alone would go on for ever."""

    def __init__(self, name: str, namespace: str, identity: str) -> None:
        super().__init__(name, namespace, identity)
        self.over = threading.Event()

    def get(self, name: str, namespace: str) -> Any:
        if self.over.is_set():
            raise Over
        return super().get(name, namespace)


def test_leader_election(api: client.ApiClient, core: client.CoreV1Api, space: str) -> None:
    """The client's own leader election gets its lease and renews it."""
    leads = threading.Event()
    lock = EndingLock("election", space, "me")
    lock.api_instance = client.CoordinationV1Api(api)
    elector = leaderelection.LeaderElection(electionconfig.Config(
        lock, lease_duration=10, renew_deadline=8, retry_period=1, onstarted_leading=leads.set,
        onstopped_leading=lambda: None))  # fmt: skip

    def run() -> None:
        with contextlib.suppress(Over):
            elector.run()

    threading.Thread(target=run, daemon=True).start()
    assert leads.wait(SECONDS)
    lock.over.set()
    lease = lock.api_instance.read_namespaced_lease("election", space)
    assert lease.spec.holder_identity == "me"
    assert isinstance(lease.spec.renew_time, datetime.datetime)


def test_list_and_watch_across_a_restart(fresh_server: Callable[..., ServerProcess]) -> None:
    """List, watch, restart, watch on from the last revision: no event lost, none twice."""
    server = fresh_server()
    core = client.CoreV1Api(connect(server))
    core.create_namespace({"metadata": {"name": "restart"}})
    core.create_namespaced_config_map("restart", config_map("before"))
    listed = core.list_namespaced_config_map("restart", label_selector="made=python")
    assert [item.metadata.name for item in listed.items] == ["before"]
    core.create_namespaced_config_map("restart", config_map("seen"))

    def follow(revision: str, count: int) -> list[Any]:
        events = watch.Watch().stream(core.list_namespaced_config_map, "restart", resource_version=revision,
                                      label_selector="made=python", timeout_seconds=SECONDS)  # fmt: skip
        return list(itertools.islice(events, count))

    (seen,) = follow(listed.metadata.resource_version, 1)
    core.create_namespaced_config_map("restart", config_map("unseen"))
    server.stop()
    server.start()
    core = client.CoreV1Api(connect(server))
    core.create_namespaced_config_map("restart", config_map("after"))
    core.delete_namespaced_config_map("before", "restart")
    rest = follow(seen["object"].metadata.resource_version, 3)
    assert [(e["type"], e["object"].metadata.name) for e in rest] == [
        ("ADDED", "unseen"), ("ADDED", "after"), ("DELETED", "before")]  # fmt: skip
    assert [item.metadata.name for item in core.list_namespaced_config_map(
        "restart", label_selector="made=python").items] == ["after", "seen", "unseen"]  # fmt: skip


def test_informer(server: ServerProcess, core: client.CoreV1Api, space: str) -> None:
    """The client's informer fills its cache and follows changes."""
    from kubernetes.informer import SharedInformer

    core.create_namespaced_config_map(space, config_map("a", k="1"))
    informer = SharedInformer(core.list_namespaced_config_map, namespace=space, label_selector="made=python")
    changed = threading.Event()
    informer.add_event_handler("MODIFIED", lambda object: changed.set())
    added = threading.Event()
    informer.add_event_handler("ADDED", lambda object: added.set())
    informer.start()
    try:
        assert added.wait(SECONDS)
        core.patch_namespaced_config_map("a", space, {"data": {"k": "2"}})
        assert changed.wait(SECONDS)
        assert [item.data for item in informer.cache.list()] == [{"k": "2"}]
    finally:
        stopping = threading.Thread(target=informer.stop)
        stopping.start()
        core.patch_namespaced_config_map("a", space, {"data": {"k": "the informer looks up only at an event"}})
        stopping.join(SECONDS)
    assert not stopping.is_alive()
