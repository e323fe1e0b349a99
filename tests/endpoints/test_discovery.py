"""Discovery documents, how they are negotiated, and how they change."""

import base64
import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersion
from orlop.api.http import Request, Response
from orlop.endpoints.discovery import Discovery
from orlop.endpoints.root import Index, Version
from orlop.kinds.declaration import Priority, Resource, Subresource
from orlop.kinds.version_order import version_order

FACTS = json.loads((Path(__file__).parents[1] / "data/facts/resources.json").read_text())
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
boat = partial(Resource, "example.org", "Boat", "boats")


@pytest.fixture
def discovery() -> Discovery:
    return Discovery("127.0.0.1:6443")


def get(
    discovery: Discovery,
    path: str,
    accept: str = "application/json",
    method: str = "GET",
    query: str = "",
    **headers: str,
) -> Response:
    sent = {"accept": accept, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return discovery.serve(Request(method, path, query, sent))


def body(answer: Response) -> Any:
    assert isinstance(answer.body, bytes)
    return json.loads(answer.body)


def error(discovery: Discovery, path: str, **how: str) -> APIError:
    with pytest.raises(APIError) as caught:
        get(discovery, path, **how)
    return caught.value


@pytest.mark.parametrize("group_version", FACTS["groupVersions"])
def test_resource_lists_equal_the_real_servers(discovery: Discovery, group_version: str) -> None:
    """Each /apis/<group>/<version> lists the resources of the real server, each followed by its
    subresources."""
    path = f"/apis/{group_version}" if "/" in group_version else f"/api/{group_version}"
    document = body(get(discovery, path))
    assert document["kind"] == "APIResourceList"
    assert document["groupVersion"] == group_version
    assert ("apiVersion" in document) == ("/" in group_version)
    names = []
    for name, facts in sorted(FACTS["resources"][group_version].items()):
        names += [name, *(f"{name}/{sub}" for sub in sorted(facts.get("subresources", {})))]
    assert [entry["name"] for entry in document["resources"]] == names
    listed = {entry.pop("name"): entry for entry in document["resources"]}
    for name, facts in FACTS["resources"][group_version].items():
        listed[name].pop("storageVersionHash", None)
        assert listed[name] == {key: value for key, value in facts.items() if key != "subresources"}
        for sub, told in facts.get("subresources", {}).items():
            assert listed[f"{name}/{sub}"] == {"singularName": "", **told}


def test_group_list_is_in_the_real_servers_order(discovery: Discovery) -> None:
    """/apis lists groups by priority, with their versions and the preferred one, and without the core
    group."""
    groups = body(get(discovery, "/apis"))["groups"]
    listed = [version["groupVersion"] for group in groups for version in group["versions"]]
    assert listed == FACTS["groupVersions"][1:]
    for group in groups:
        assert group["preferredVersion"]["version"] == FACTS["groups"][group["name"]]["preferredVersion"]


def test_group_document(discovery: Discovery) -> None:
    """/apis/<group> tells the versions in order of preference."""
    v2, v1 = ({"groupVersion": f"autoscaling/{v}", "version": v} for v in ("v2", "v1"))
    assert body(get(discovery, "/apis/autoscaling")) == {
        "kind": "APIGroup",
        "apiVersion": "v1",
        "name": "autoscaling",
        "versions": [v2, v1],
        "preferredVersion": v2,
    }


def test_core_versions_document(discovery: Discovery) -> None:
    """/api tells where to connect, and has no apiVersion."""
    assert body(get(discovery, "/api")) == {
        "kind": "APIVersions",
        "versions": ["v1"],
        "serverAddressByClientCIDRs": [{"clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1:6443"}],
    }
    discovery.set_server_address("10.0.0.1:443")
    assert body(get(discovery, "/api"))["serverAddressByClientCIDRs"][0]["serverAddress"] == "10.0.0.1:443"


@pytest.mark.parametrize(
    ("path", "plural", "hash"),
    [
        ("/apis/events.k8s.io/v1", "events", "r2yiGXH7wu8="),
        ("/apis/autoscaling/v2", "horizontalpodautoscalers", "qwQve8ut294="),
        ("/apis/autoscaling/v1", "horizontalpodautoscalers", "qwQve8ut294="),
        ("/apis/apiextensions.k8s.io/v1", "customresourcedefinitions", "jfWCUB31mvA="),
        ("/apis/admissionregistration.k8s.io/v1", "mutatingadmissionpolicies", "LYmCf+UMVdg="),
    ],
)
def test_storage_version_hashes(discovery: Discovery, path: str, plural: str, hash: str) -> None:
    """The hash is of the version in storage, whatever version is asked for."""
    entries = {entry["name"]: entry for entry in body(get(discovery, path))["resources"]}
    assert entries[plural]["storageVersionHash"] == hash


def test_virtual_resources_have_no_storage_hash(discovery: Discovery) -> None:
    """What is not stored has no hash."""
    entries = body(get(discovery, "/apis/authentication.k8s.io/v1"))["resources"]
    assert all("storageVersionHash" not in entry for entry in entries)


def test_aggregated_list_of_groups(discovery: Discovery) -> None:
    """The aggregated /apis holds every group with all its resources; built-in kinds stand without their
    version."""
    answer = get(discovery, "/apis", AGGREGATED)
    assert answer.content_type == AGGREGATED
    document = body(answer)
    assert document["apiVersion"] == "apidiscovery.k8s.io/v2"
    listed = [
        f"{item['metadata']['name']}/{version['version']}"
        for item in document["items"]
        for version in item["versions"]
    ]
    assert listed == FACTS["groupVersions"][1:]
    apps = next(item for item in document["items"] if item["metadata"]["name"] == "apps")["versions"][0]
    assert apps["freshness"] == "Current"
    deployments = next(entry for entry in apps["resources"] if entry["resource"] == "deployments")
    update = ["get", "patch", "update"]
    assert deployments == {
        "resource": "deployments",
        "responseKind": {"group": "", "version": "", "kind": "Deployment"},
        "scope": "Namespaced",
        "singularResource": "deployment",
        "verbs": FACTS["resources"]["apps/v1"]["deployments"]["verbs"],
        "shortNames": ["deploy"],
        "categories": ["all"],
        "subresources": [
            {
                "subresource": "scale",
                "responseKind": {"group": "autoscaling", "version": "v1", "kind": "Scale"},
                "verbs": update,
            },
            {
                "subresource": "status",
                "responseKind": {"group": "", "version": "", "kind": "Deployment"},
                "verbs": update,
            },
        ],
    }


def test_aggregated_list_of_the_core_group(discovery: Discovery) -> None:
    """The aggregated /api holds the core group, which has no name."""
    items = body(get(discovery, "/api", AGGREGATED))["items"]
    assert [item["metadata"] for item in items] == [{}]
    assert [entry["resource"] for entry in items[0]["versions"][0]["resources"]] == sorted(
        FACTS["resources"]["v1"]
    )


def test_aggregated_list_is_cached_by_its_tag(discovery: Discovery) -> None:
    """Clients that have the list get 304; the tag is the hash of the document without kind, and changes
    with it."""
    answer = get(discovery, "/apis", AGGREGATED)
    headers = dict(answer.headers)
    content = {key: value for key, value in body(answer).items() if key not in ("kind", "apiVersion")}
    expected = hashlib.sha512(json.dumps(content, separators=(",", ":")).encode()).hexdigest().upper()
    assert headers == {"ETag": f'"{expected}"', "Vary": "Accept", "Cache-Control": "public"}
    again = get(discovery, "/apis", AGGREGATED, if_none_match=headers["ETag"])
    assert (again.status, again.body, again.headers) == (304, b"", answer.headers)
    discovery.add(GroupVersion("example.org", "v1"), [boat()])
    assert get(discovery, "/apis", AGGREGATED, if_none_match=headers["ETag"]).status == 200


def test_only_roots_are_aggregated(discovery: Discovery) -> None:
    """A version's own path ignores the clause; /apis/ with a slash does not know the aggregated list."""
    answer = get(discovery, "/apis/batch/v1", f"{AGGREGATED},application/json")
    assert body(answer)["kind"] == "APIResourceList"
    assert error(discovery, "/apis/", accept=AGGREGATED).code == 406
    assert get(discovery, "/api/", AGGREGATED).content_type == AGGREGATED


def test_documents_are_encoded_once(discovery: Discovery) -> None:
    """The same bytes go to everyone until something changes."""
    first = get(discovery, "/api/v1").body
    assert get(discovery, "/api/v1/", "*/*").body is first
    discovery.remove(GroupVersion("batch", "v1"))
    assert get(discovery, "/api/v1").body is not first


def test_indented_for_people(discovery: Discovery) -> None:
    """curl, browsers and ?pretty=true get indented JSON, ?pretty=false never."""
    plain = get(discovery, "/apis/batch").body
    assert isinstance(plain, bytes)
    assert plain.endswith(b"}\n")
    indented = get(discovery, "/apis/batch", user_agent="curl/8.0").body
    assert isinstance(indented, bytes)
    assert indented.startswith(b'{\n  "kind"')
    assert get(discovery, "/apis/batch", query="pretty=true").body == indented
    assert get(discovery, "/apis/batch", "application/json;pretty=1").body == indented
    assert get(discovery, "/apis/batch", query="pretty=false", user_agent="curl/8.0").body == plain


def test_custom_resources_come_and_go(discovery: Discovery) -> None:
    """An added group version is listed in order of versions, named in full in the aggregated list, and goes
    again."""
    rooms = (Subresource("status", ("get", "patch", "update")),)
    for version in ("v1beta1", "v2", "v1"):
        discovery.add(
            GroupVersion("example.org", version), [boat(versions=("v2", "v1", "v1beta1"), subresources=rooms)]
        )
    group = body(get(discovery, "/apis"))["groups"][-1]
    assert group["name"] == "example.org"
    assert [version["version"] for version in group["versions"]] == ["v2", "v1", "v1beta1"]
    entry = body(get(discovery, "/apis/example.org/v1", method="POST"))["resources"][0]
    expected = base64.b64encode(hashlib.sha256(b"example.org/v2/Boat").digest()[:8]).decode()
    assert entry["storageVersionHash"] == expected
    shown = body(get(discovery, "/apis", AGGREGATED))["items"][-1]["versions"][1]["resources"][0]
    assert shown["responseKind"] == {"group": "example.org", "version": "v1", "kind": "Boat"}
    assert shown["subresources"][0]["responseKind"] == shown["responseKind"]
    for version in ("v1beta1", "v2", "v1"):
        discovery.remove(GroupVersion("example.org", version))
    assert not discovery.serves_group("example.org")
    assert get(discovery, "/apis/example.org").status == 404


def test_an_unserved_storage_version_has_no_hash(discovery: Discovery) -> None:
    """A custom resource stored in a version that is not served shows no hash."""
    discovery.add(
        GroupVersion("example.org", "v1"), [boat(storage_version=GroupVersion("example.org", "v0"))]
    )
    assert "storageVersionHash" not in body(get(discovery, "/apis/example.org/v1"))["resources"][0]


def test_equal_priorities_go_by_service_name_in_the_legacy_list(discovery: Discovery) -> None:
    """Among equals /apis puts v1 of any group before v2, the aggregated list goes by the group's name."""
    for group_version in (GroupVersion("a.org", "v2"), GroupVersion("b.org", "v1")):
        discovery.add(group_version, [])
    assert [group["name"] for group in body(get(discovery, "/apis"))["groups"]][-2:] == ["b.org", "a.org"]
    items = body(get(discovery, "/apis", AGGREGATED))["items"]
    assert [item["metadata"]["name"] for item in items][-2:] == ["a.org", "b.org"]


def test_priority_and_freshness_of_other_servers(discovery: Discovery) -> None:
    """A group of another server stands where its priority says, stale while it is out of reach."""
    group_version = GroupVersion("metrics.k8s.io", "v1beta1")
    discovery.add(group_version, [], priority=Priority(17650, 9), freshness="Stale")
    items = body(get(discovery, "/apis", AGGREGATED))["items"]
    names = [item["metadata"]["name"] for item in items]
    assert names.index("authentication.k8s.io") + 1 == names.index("metrics.k8s.io")
    assert items[names.index("metrics.k8s.io")]["versions"] == [{"version": "v1beta1", "freshness": "Stale"}]


def test_unknown_versions_of_builtin_groups_are_a_status(discovery: Discovery) -> None:
    """Below a built-in route 404 is a Status without particulars."""
    for path in ("/apis/apps/v9", "/api/v9", "/apis/batch/v1/nothing"):
        caught = error(discovery, path)
        assert caught.status() == {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "reason": "NotFound",
            "message": "the server could not find the requested resource",
            "details": {},
            "code": 404,
        }


def test_unknown_groups_are_plain_text(discovery: Discovery) -> None:
    """A group nobody serves, and an unknown version of a custom group, are 404 in plain text."""
    discovery.add(GroupVersion("example.org", "v1"), [boat()])
    for path in ("/apis/none", "/apis/none/v1", "/apis/example.org/v9"):
        answer = get(discovery, path)
        assert (answer.status, answer.body, answer.content_type) == (
            404,
            b"404 page not found\n",
            "text/plain; charset=utf-8",
        )


def test_methods(discovery: Discovery) -> None:
    """Built-in routes know GET alone; the lists of groups answer any method."""
    for path in ("/api", "/api/v1", "/apis/apps/v1"):
        assert error(discovery, path, method="HEAD").code == 405
    for path in ("/apis", "/apis/", "/apis/apps"):
        assert get(discovery, path, method="OPTIONS").status == 200


def test_not_acceptable(discovery: Discovery) -> None:
    """406 has two wordings: of the router that knows names only, and of the negotiation behind it."""
    types = "application/json, application/yaml, application/vnd.kubernetes.protobuf"
    for path in ("/api/v1", "/apis/apps/v1"):
        caught = error(discovery, path, accept="application/*")
        assert caught.message == f"406: Not Acceptable\n\nAvailable representations: {types}"
        assert caught.details == {}
    assert get(discovery, "/apis", "application/*").status == 200
    caught = error(discovery, "/apis", accept="text/html")
    assert caught.message == f"only the following media types are accepted: {types}"
    assert error(discovery, "/api/v1", accept="application/json;as=Table;g=meta.k8s.io;v=v1").details is None


def test_protobuf_is_upstreams_byte_by_byte(discovery: Discovery) -> None:
    """Protobuf equals a real server's answers; documents without an apiVersion have an empty one."""
    protobuf = "application/vnd.kubernetes.protobuf"
    answer = get(discovery, "/apis/events.k8s.io/v1", protobuf)
    assert answer.content_type == protobuf
    assert answer.body == (
        b"k8s\0\n\x15\n\x02v1\x12\x0fAPIResourceList\x12\x87\x01\n\x10events.k8s.io/v1\x12s\n\x06events\x10\x01\x1a\x05"
        b'Event"C\n\x06create\n\x06delete\n\x10deletecollection\n\x03get\n\x04list\n\x05patch\n\x06update\n\x05watch'
        b'*\x02ev2\x05eventB\x00J\x00R\x0cr2yiGXH7wu8=\x1a\x00"\x00'
    )
    assert get(discovery, "/apis/scheduling.k8s.io", protobuf).body == (
        b"k8s\0\n\x0e\n\x02v1\x12\x08APIGroup\x12K\n\x11scheduling.k8s.io\x12\x1a\n\x14scheduling.k8s.io/v1\x12\x02v1"
        b'\x1a\x1a\n\x14scheduling.k8s.io/v1\x12\x02v1\x1a\x00"\x00'
    )
    core = get(discovery, "/api/v1", protobuf).body
    assert isinstance(core, bytes)
    assert core.startswith(b"k8s\0\n\x13\n\x00\x12\x0fAPIResourceList\x12")


def test_yaml(discovery: Discovery) -> None:
    """YAML says the same as JSON."""
    answer = get(discovery, "/apis/node.k8s.io", "application/yaml")
    assert isinstance(answer.body, bytes)
    assert b"preferredVersion:\n  groupVersion: node.k8s.io/v1\n" in answer.body


@given(
    st.permutations(
        ["v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10"]
    )
)
def test_versions_sort_as_people_mean_them(shuffled: list[str]) -> None:
    """Releases before betas before alphas, higher numbers first, other names last by the alphabet."""
    assert sorted(shuffled, key=version_order) == [
        "v10",
        "v2",
        "v1",
        "v11beta2",
        "v10beta3",
        "v3beta1",
        "v12alpha1",
        "v11alpha2",
        "foo1",
        "foo10",
    ]


def test_index_lists_all_paths(discovery: Discovery) -> None:
    """/ lists the paths of groups that are served now, and those that others add, sorted."""
    index = Index(discovery.paths)
    index.add("/metrics")
    discovery.add(GroupVersion("example.org", "v1"), [boat()])
    paths = body(index.serve(Request("GET", "/", headers={"accept": "text/html"})))["paths"]
    assert paths == sorted(paths)
    assert paths[:3] == ["/.well-known/openid-configuration", "/api", "/api/v1"]
    assert {"/apis/", "/apis/example.org", "/apis/example.org/v1", "/metrics", "/version"} <= set(paths)


def test_version() -> None:
    """/version tells release, emulation and compatibility, to clients that take JSON, by GET."""
    version = Version("1.36.0")
    info = body(version.serve(Request("GET", "/version/", "timeout=32s")))
    assert info["gitVersion"] == "v1.36.0"
    assert [info[name] for name in ("major", "minor", "emulationMinor", "minCompatibilityMinor")] == [
        "1",
        "36",
        "36",
        "35",
    ]
    for request, code in (
        (Request("HEAD", "/version"), 405),
        (Request("GET", "/version/x"), 404),
        (Request("GET", "/version", headers={"accept": "application/yaml"}), 406),
    ):
        with pytest.raises(APIError) as caught:
            version.serve(request)
        assert caught.value.code == code
