"""Serving as an older minor: what its definitions lack is not there, neither in decoding nor in discovery."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

import orlop
from orlop.api.gvk import GroupVersionKind
from orlop.endpoints.openapi_documents import packaged
from orlop.kinds import catalog
from orlop.schema.kind import Types
from orlop.schema.release import PACKAGED, Release

POD_SPEC = "io.k8s.api.core.v1.PodSpec"
POD = GroupVersionKind("", "v1", "Pod")
CLAIM = GroupVersionKind("resource.k8s.io", "v1", "ResourceClaim")


def definitions() -> dict[str, Any]:
    """Those of the packaged minor, without the group resource.k8s.io and without `resources` of pods."""
    found: dict[str, Any] = {}
    for document in packaged(PACKAGED, None).values():
        found |= document.tree().get("components", {}).get("schemas", {})
    found = {name: schema for name, schema in found.items() if not name.startswith("io.k8s.api.resource.")}
    del found[POD_SPEC]["properties"]["resources"]
    return found


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands for kubernetes-validate with the definitions of 1.30."""
    folder = tmp_path / "kubernetes_validate" / "kubernetes-json-schema" / "v1.30.0-local"
    folder.mkdir(parents=True)
    (tmp_path / "kubernetes_validate" / "__init__.py").touch()
    (folder / "_definitions.json").write_bytes(orjson.dumps({"$defs": definitions()}))
    monkeypatch.syspath_prepend(str(tmp_path))


def test_kinds_and_members_are_the_definitions() -> None:
    """A kind or a field that an older minor lacks is unknown to its types."""
    release = Release("1.30", definitions(), "test")
    assert POD in release.kinds
    assert CLAIM not in release.kinds
    strict: list[str] = []
    pod = {"spec": {"containers": [], "resources": {"limits": {"cpu": "1"}}, "hostNetwork": True}}
    Types.load(release).kind(POD).decode(pod, strict)
    assert strict == ['unknown field "spec.resources"']
    assert pod["spec"]["hostNetwork"] is True
    assert "resources" not in pod["spec"]


def test_only_defined_kinds_are_available() -> None:
    """Resources go with their kinds; the packaged minor has all."""
    found = {r.group_resource for r in catalog.available(Release("1.30", definitions(), "test").kinds)}
    assert ("", "pods") in found
    assert not any(group == "resource.k8s.io" for group, _ in found)
    assert catalog.available(None) == catalog.RESOURCES


@pytest.mark.parametrize(("minor", "text"), [
    ("1.99", "the newest version known is 1.36"),
    ("1.30", "pip install 'orlop[descriptions]'"),
])
def test_what_cannot_be_served_is_said(minor: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A newer minor, and an older one without its definitions."""
    monkeypatch.setattr("orlop.schema.release.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=text.replace("[", r"\[").replace("]", r"\]")):
        Release.load(minor)


def test_the_packaged_minor_needs_no_definitions() -> None:
    """No file is looked for."""
    assert Release.load(PACKAGED) is None


@pytest.mark.usefixtures("package")
def test_a_server_of_an_older_minor() -> None:
    """Version, discovery, OpenAPI and field validation agree about what is there."""

    async def scenario() -> None:
        async with orlop.Server(listen=False, kubernetes_version="1.30") as server:
            assert (await server.request("GET", "/version")).json()["gitVersion"] == "v1.30.0"
            groups = (await server.request("GET", "/apis")).json()["groups"]
            assert "resource.k8s.io" not in {group["name"] for group in groups}
            assert (await server.request("GET", "/apis/resource.k8s.io/v1/resourceclaims")).status == 404
            index = (await server.request("GET", "/openapi/v3")).json()["paths"]
            assert "apis/apps/v1" in index
            assert "apis/resource.k8s.io/v1" not in index
            core = (await server.request("GET", "/openapi/v3/api/v1")).json()["components"]["schemas"]
            assert "resources" not in core[POD_SPEC]["properties"]
            assert "hostNetwork" in core[POD_SPEC]["properties"]
            container = {"name": "c", "image": "i"}
            pod = {"metadata": {"name": "p"}, "spec": {"containers": [container], "resources": {}}}
            refused = await server.request("POST", "/api/v1/namespaces/default/pods?fieldValidation=Strict", pod)
            assert refused.status == 400
            assert 'unknown field "spec.resources"' in refused.json()["message"]

    asyncio.run(scenario())
