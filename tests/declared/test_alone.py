"""A server of a program's own kinds: little else in discovery and OpenAPI."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

import orlop
from kubectl_command import kubectl_for
from orlop.server.declared_kinds import NotServed


@orlop.kind(group="alone.example.com")
class Lamp(msgspec.Struct):
    on: bool = False


def test_the_minimum(tmp_path: Path) -> None:
    """The kind, and what kubectl, access control and operators need; the rest does not exist."""
    with orlop.Server.in_thread(kinds=[Lamp], builtins=False) as server:
        groups = [each["name"] for each in server.request("GET", "/apis").json()["groups"]]
        assert sorted(groups) == ["alone.example.com", "apiextensions.k8s.io", "authentication.k8s.io",
                                  "authorization.k8s.io", "coordination.k8s.io", "events.k8s.io",
                                  "rbac.authorization.k8s.io"]
        core = {each["name"] for each in server.request("GET", "/api/v1").json()["resources"]}
        assert core == {"configmaps", "events", "namespaces", "namespaces/finalize", "namespaces/status", "secrets",
                        "serviceaccounts", "serviceaccounts/token"}
        for path in ("/api/v1/pods", "/apis/apps/v1/deployments", "/apis/apps/v1", "/openapi/v3/apis/apps/v1"):
            assert server.request("GET", path).status == 404, path
        documents = server.request("GET", "/openapi/v3").json()["paths"]
        assert "apis/apps/v1" not in documents and "apis/alone.example.com/v1" in documents
        assert server.request("GET", "/openapi/v3/apis/alone.example.com/v1").ok
        assert "/apis/apps/v1/" not in server.request("GET", "/openapi/v2").json()["paths"]
        kubectl = kubectl_for(server, tmp_path)  # type: ignore[arg-type]
        assert kubectl("create", "namespace", "house").out == "namespace/house created\n"
        lamp = "apiVersion: alone.example.com/v1\nkind: Lamp\nmetadata: {name: a, namespace: house}\n"
        assert kubectl("apply", "-f", "-", stdin=lamp).out == "lamp.alone.example.com/a created\n"
        assert re.search(r"^FIELD: on <boolean>", kubectl("explain", "lamp.on").out, re.MULTILINE)
        assert kubectl("auth", "can-i", "get", "lamps").out == "yes\n"
        assert kubectl("delete", "namespace", "house", "--timeout=20s").out.startswith('namespace "house" deleted')


def test_forks_are_alone_too() -> None:
    """What a server is made of goes with its forks."""
    with (orlop.Server.in_thread(listen=False, kinds=[Lamp], builtins=False) as server, server.fork() as other):
        assert other.request("GET", "/api/v1/pods").status == 404
        assert other.request("GET", "/apis/alone.example.com/v1/lamps").ok


def test_names_that_are_taken() -> None:
    """A kind that cannot be served is told at the start, with the reason."""

    @orlop.kind(group="alone.example.com", plural="bulbs", name="Lamp")
    class Other(msgspec.Struct):
        pass

    with pytest.raises(NotServed, match='"LampList" is already in use'), orlop.Server.in_thread(
            listen=False, kinds=[Lamp, Other]):
        pass
