"""The objects of a fresh server, and of one that starts again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import orlop
from orlop.controllers.bootstrap import first_service_ip, static_object

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
        assert found.status == 404, "a loopback address is not published"
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
