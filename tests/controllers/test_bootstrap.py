"""The objects of a fresh server, and of one that starts again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import orlop
from orlop.api.gvk import GroupVersionKind
from orlop.auth.escalation import uncovered
from orlop.controllers import bootstrap
from orlop.controllers.bootstrap import MANAGER, Addresses, Bootstrap, first_service_ip
from orlop.controllers.bootstrap_objects import static_object
from orlop.controllers.bootstrap_roles import ANNOTATION
from orlop.controllers.flow_configuration import ANNOTATION as AUTOUPDATE
from orlop.controllers.flow_schema_status import FlowSchemaStatusController
from orlop.controllers.writer import Writer
from orlop.kinds.field_managers import FieldManagers
from orlop.server.application import defaults

RBAC_GROUP = "rbac.authorization.k8s.io"
FLOW = "flowcontrol.apiserver.k8s.io"
RBAC = "/apis/rbac.authorization.k8s.io/v1"


def names(server: orlop.ThreadedServer, path: str) -> set[str]:
    return {item["metadata"]["name"] for item in server.request("GET", path).json()["items"]}


def test_fresh_server() -> None:
    """What every client and controller takes for granted is there when the server says that it is ready."""
    with orlop.Server.in_thread(listen=False) as server:
        assert names(server, "/api/v1/namespaces") == {"default", "kube-system", "kube-public", "kube-node-lease"}
        assert {"cluster-admin", "admin", "edit", "view", "system:discovery"} <= names(server, f"{RBAC}/clusterroles")
        assert "cluster-admin" in names(server, f"{RBAC}/clusterrolebindings")
        assert {"system-cluster-critical", "system-node-critical"} == names(
            server, "/apis/scheduling.k8s.io/v1/priorityclasses")
        assert {"exempt", "catch-all"} <= names(server, "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas")
        assert {"v1.", "v1.apps"} <= names(server, "/apis/apiregistration.k8s.io/v1/apiservices")
        schema = server.request("GET", "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas/exempt").json()
        assert schema["status"]["conditions"][0]["type"] == "Dangling"
        service = server.request("GET", "/api/v1/namespaces/default/services/kubernetes").json()["spec"]
        assert service["clusterIP"] == "10.0.0.1" and service["ports"][0]["port"] == 443
        found = server.request("GET", "/api/v1/namespaces/default/endpoints/kubernetes")
        assert found.status == 404, "a server that nobody can connect to is not published"
        trusted = server.request("GET", "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication")
        assert trusted.json()["data"]["client-ca-file"].startswith("-----BEGIN CERTIFICATE-----")


def test_starting_again_changes_nothing(tmp_path: Path) -> None:
    """What was changed stays changed, what was deleted comes back, and nothing else is written."""
    settings: dict[str, Any] = {"data_dir": tmp_path, "listen": False, "secure_port": 7777}
    patch = {"content-type": "application/merge-patch+json"}
    with orlop.Server.in_thread(**settings) as server:
        server.request("PATCH", f"{RBAC}/clusterroles/system:discovery", {"metadata": {"labels": {"mine": "1"}}},
                       headers=patch)
        server.request("DELETE", f"{RBAC}/clusterroles/system:monitoring")
    with orlop.Server.in_thread(**settings) as server:
        kept = server.request("GET", f"{RBAC}/clusterroles/system:discovery").json()
        assert kept["metadata"]["labels"]["mine"] == "1"
        assert server.request("GET", f"{RBAC}/clusterroles/system:monitoring").status == 200
    revisions = []
    for _ in range(2):
        with orlop.Server.in_thread(**settings) as server:
            revisions.append(server.request("GET", "/api/v1/namespaces").json()["metadata"]["resourceVersion"])
    assert revisions[0] == revisions[1]


@pytest.mark.parametrize(("cidr", "address"), [
    ("10.0.0.0/24", "10.0.0.1"), ("10.96.0.7/12", "10.96.0.1"), ("fd00::/108", "fd00::1"),
    ("10.0.0.0/24,fd00::/108", "10.0.0.1"),
])
def test_first_service_address(cidr: str, address: str) -> None:
    """The `kubernetes` service's, in the first family."""
    assert first_service_ip(cidr) == address


def test_dumped_objects_become_manifests() -> None:
    """Metadata back in its place, no status."""
    assert static_object({"name": "a", "labels": {"x": "y"}, "rules": [], "status": {}}) == {
        "metadata": {"name": "a", "labels": {"x": "y"}}, "rules": []}


def test_published_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server on the loopback interface is published under the machine's own address, if it has one."""
    monkeypatch.setattr(bootstrap, "host_address", lambda version: {4: "192.0.2.7", 6: ""}[version])
    assert [bootstrap.published(text) for text in ("10.1.2.3", "127.0.0.1", "::1")] == ["10.1.2.3", "192.0.2.7", ""]
    with orlop.Server.in_thread(listen=False, secure_port=7777) as server:
        found = server.request("GET", "/api/v1/namespaces/default/endpoints/kubernetes").json()
    assert found["subsets"] == [{"addresses": [{"ip": "192.0.2.7"}],
                                 "ports": [{"name": "https", "port": 7777, "protocol": "TCP"}]}]


Scenario = Callable[[Bootstrap, Writer], Awaitable[None]]


def on_a_server(scenario: Scenario) -> None:
    """Play on a server whose writers own what they write."""

    async def play() -> None:
        async with orlop.Server(listen=False) as server:
            app = server.running.application
            writer = Writer(app.stores, app.schema, defaults, FieldManagers(app.types, app.schema),
                            app.outside.clock.now)
            statuses = {plural: rooms["status"] for (_, plural), rooms in app.rooms.items() if "status" in rooms}
            await scenario(Bootstrap(writer, statuses, writer.stamp), writer)

    asyncio.run(play())


def test_roles_get_what_they_lack() -> None:
    """Rules, subjects, labels; a binding to another role is made again; what says so is left alone."""

    async def scenario(bootstrap: Bootstrap, writer: Writer) -> None:
        def change(plural: str, name: str, change: Callable[[dict[str, Any]], bool]) -> Awaitable[Any]:
            return writer.change(writer.stores[RBAC_GROUP, plural], RBAC_GROUP, plural, "", name, change)

        def stored(plural: str, name: str) -> Any:
            entry = writer.peek(RBAC_GROUP, plural, "", name)
            return entry.tree() if entry is not None else None

        discovery = stored("clusterroles", "system:discovery")
        mine = {"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}

        def strip(tree: dict[str, Any]) -> bool:
            tree["rules"], tree["metadata"]["labels"] = [mine], {"mine": "1"}
            return True

        def protect(tree: dict[str, Any]) -> bool:
            tree["metadata"]["annotations"] = {ANNOTATION: "false"}
            return strip(tree)

        def empty(tree: dict[str, Any]) -> bool:
            tree["subjects"] = [{"kind": "User", "apiGroup": RBAC_GROUP, "name": "me"}]
            return True

        await change("clusterroles", "system:discovery", strip)
        await change("clusterroles", "system:monitoring", protect)
        await change("clusterrolebindings", "system:discovery", empty)
        uid = stored("clusterrolebindings", "system:basic-user")["metadata"]["uid"]
        await writer.delete(RBAC_GROUP, "clusterrolebindings", "", "system:basic-user")
        await writer.create(GroupVersionKind(RBAC_GROUP, "v1", "ClusterRoleBinding"), "clusterrolebindings", {
            "metadata": {"name": "system:basic-user"},
            "roleRef": {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": "view"}})
        await bootstrap.policy()
        role = stored("clusterroles", "system:discovery")
        assert role["rules"][0] == mine and not uncovered(role["rules"], discovery["rules"])
        assert role["metadata"]["labels"] == {"mine": "1", "kubernetes.io/bootstrapping": "rbac-defaults"}
        assert [each["manager"] for each in role["metadata"]["managedFields"]] == [MANAGER]
        assert stored("clusterroles", "system:monitoring")["rules"] == [mine]
        names = {each["name"] for each in stored("clusterrolebindings", "system:discovery")["subjects"]}
        assert names == {"me", "system:authenticated"}
        binding = stored("clusterrolebindings", "system:basic-user")
        assert binding["roleRef"]["name"] == "system:basic-user" and binding["metadata"]["uid"] != uid

    on_a_server(scenario)


def test_flow_control_follows_unless_changed() -> None:
    """Mandatory ones always; suggested ones until somebody changes them or forbids it; strangers with our mark go."""

    async def scenario(bootstrap: Bootstrap, writer: Writer) -> None:
        def change(name: str, annotation: str | None, precedence: int | None = None) -> Awaitable[Any]:
            def apply(tree: dict[str, Any]) -> bool:
                tree["metadata"]["annotations"] = {} if annotation is None else {AUTOUPDATE: annotation}
                if precedence is not None:
                    tree["spec"]["matchingPrecedence"] = precedence
                return True

            return writer.change(writer.stores[FLOW, "flowschemas"], FLOW, "flowschemas", "", name, apply)

        def stored(name: str) -> Any:
            entry = writer.peek(FLOW, "flowschemas", "", name)
            return entry.tree() if entry is not None else None

        kept, ours = stored("service-accounts")["spec"], stored("probes")["spec"]
        await change("service-accounts", "yes", 77)
        await change("probes", None)
        await change("system-nodes", "true", 78)
        await change("exempt", "false")
        for name, mark in (("stranger", "true"), ("guest", "false")):
            await writer.create(GroupVersionKind(FLOW, "v1", "FlowSchema"), "flowschemas", {
                "metadata": {"name": name, "annotations": {AUTOUPDATE: mark}}, "spec": {
                    "priorityLevelConfiguration": {"name": "nowhere"}}})
        await bootstrap.policy()
        changed = stored("service-accounts")
        assert changed["spec"] == {**kept, "matchingPrecedence": 77}
        assert changed["metadata"]["annotations"] == {AUTOUPDATE: "false"}
        assert stored("probes")["spec"] == ours and stored("probes")["metadata"]["annotations"] == {AUTOUPDATE: "true"}
        assert stored("system-nodes")["spec"]["matchingPrecedence"] == 500
        assert stored("exempt")["metadata"]["annotations"] == {AUTOUPDATE: "true"}
        assert stored("stranger") is None and stored("guest") is not None
        owners = [(each["manager"], each["operation"]) for each in stored("system-nodes")["metadata"]["managedFields"]]
        assert ("api-priority-and-fairness-config-producer-v1", "Update") in owners

    on_a_server(scenario)


def test_schemas_without_a_level() -> None:
    """The condition Dangling follows the level, belongs to its writer, and leaves others' conditions alone."""

    async def scenario(bootstrap: Bootstrap, writer: Writer) -> None:
        status = bootstrap._statuses["flowschemas"]
        controller = FlowSchemaStatusController(writer, status)

        async def verdict(expected: str) -> dict[str, Any]:
            for _ in range(1000):
                entry = writer.peek(FLOW, "flowschemas", "", "mine")
                assert entry is not None
                found = {each["type"]: each for each in entry.tree()["status"].get("conditions") or ()}
                if "Dangling" in found and found["Dangling"]["status"] == expected:
                    return found
                await asyncio.sleep(0)
            raise AssertionError("the condition never came")

        controller.start()
        await writer.create(GroupVersionKind(FLOW, "v1", "FlowSchema"), "flowschemas", {
            "metadata": {"name": "mine"}, "spec": {"priorityLevelConfiguration": {"name": "level"}}})
        found = await verdict("True")
        assert found["Dangling"]["reason"] == "NotFound"
        assert found["Dangling"]["message"] == (
            'This FlowSchema references the PriorityLevelConfiguration object named "level" but there is no such '
            "object")

        def more(tree: dict[str, Any]) -> bool:
            tree["status"]["conditions"].append({"type": "Other", "status": "True"})
            return True

        await writer.change(status, FLOW, "flowschemas", "", "mine", more)
        await writer.create(GroupVersionKind(FLOW, "v1", "PriorityLevelConfiguration"), "prioritylevelconfigurations", {
            "metadata": {"name": "level"}, "spec": {"type": "Limited", "limited": {"limitResponse": {
                "type": "Reject"}}}})
        found = await verdict("False")
        assert set(found) == {"Dangling", "Other"} and found["Dangling"]["reason"] == "Found"
        entry = writer.peek(FLOW, "flowschemas", "", "mine")
        assert entry is not None
        assert ("api-priority-and-fairness-config-consumer-v1", "Apply", "status") in {
            (each["manager"], each["operation"], each.get("subresource")) for each in entry.tree()[
                "metadata"]["managedFields"]}
        await writer.delete(FLOW, "prioritylevelconfigurations", "", "level")
        await verdict("True")
        await controller.stop()

    on_a_server(scenario)


def test_other_objects_are_put_right() -> None:
    """The service's ports, the authorities for extension servers, API services that are still marked as ours."""

    async def scenario(bootstrap: Bootstrap, writer: Writer) -> None:
        def stored(group: str, plural: str, namespace: str, name: str) -> Any:
            entry = writer.peek(group, plural, namespace, name)
            assert entry is not None
            return entry.tree()

        await bootstrap.service(Addresses("127.0.0.1", 4711, "10.0.0.1"))
        assert stored("", "services", "default", "kubernetes")["spec"]["ports"][0]["targetPort"] == 4711
        before = stored("", "configmaps", "kube-system", "extension-apiserver-authentication")["data"]["client-ca-file"]
        await bootstrap.authentication("another authority")
        await bootstrap.authentication("another authority")
        after = stored("", "configmaps", "kube-system", "extension-apiserver-authentication")["data"]["client-ca-file"]
        assert after == before + "another authority"

        def change(labels: dict[str, str]) -> Callable[[dict[str, Any]], bool]:
            def apply(tree: dict[str, Any]) -> bool:
                tree["metadata"]["labels"], tree["spec"]["versionPriority"] = labels, 99
                return True

            return apply

        services = "apiregistration.k8s.io"
        for name, labels in (("v1.apps", {"kube-aggregator.kubernetes.io/automanaged": "onstart"}), ("v1.batch", {})):
            await writer.change(writer.stores[services, "apiservices"], services, "apiservices", "", name,
                                change(labels))
        await bootstrap.policy()
        assert stored(services, "apiservices", "", "v1.apps")["spec"]["versionPriority"] == 15
        assert stored(services, "apiservices", "", "v1.batch")["spec"]["versionPriority"] == 99

    on_a_server(scenario)
