"""OpenAPI documents: the index, v3 by group version, v2 of everything, descriptions."""

import asyncio
import gzip
import hashlib
import json
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest

from orlop.api.http import Request, Response
from orlop.endpoints import openapi_descriptions, openapi_swagger, openapi_v2
from orlop.endpoints.openapi import OpenAPI
from orlop.endpoints.openapi_descriptions import Descriptions
from orlop.endpoints.openapi_proto import yaml_of
from orlop.endpoints.openapi_proto_messages import V3
from orlop.world.clock import ManualClock

PATH = "apis/example.org/v1"
SCHEMA = "org.example.v1.Boat"
BOATS = {
    "openapi": "3.0.0",
    "info": {"title": "Kubernetes CRD Swagger", "version": "v0.1.0"},
    "paths": {
        "/apis/example.org/v1/boats": {
            "get": {
                "operationId": "listBoats",
                "responses": {
                    "200": {
                        "description": "OK",
                        "content": {
                            "application/json": {"schema": {"$ref": f"#/components/schemas/{SCHEMA}"}}
                        },
                    }
                },
                "x-kubernetes-action": "list",
            }
        }
    },
    "components": {"schemas": {SCHEMA: {"type": "object", "properties": {"sails": {"type": "integer"}}}}},
}


@pytest.fixture
def openapi(monkeypatch: pytest.MonkeyPatch) -> OpenAPI:
    monkeypatch.setattr(openapi_descriptions, "find", lambda release: None)
    return OpenAPI(clock=ManualClock())


def get(openapi: OpenAPI, url: str, **headers: str) -> Response:
    path, _, query = url.partition("?")
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = openapi.serve(Request("GET", path, query, sent))
    return answer if isinstance(answer, Response) else asyncio.run(_awaited(answer))


async def _awaited(answer: Awaitable[Response]) -> Response:
    return await answer


def body(answer: Response) -> Any:
    assert isinstance(answer.body, bytes)
    return json.loads(answer.body)


def urls(openapi: OpenAPI) -> dict[str, str]:
    paths = body(get(openapi, "/openapi/v3"))["paths"]
    return {path: entry["serverRelativeURL"] for path, entry in paths.items()}


def test_index_names_every_document_by_its_hash(openapi: OpenAPI) -> None:
    """Paths have no leading slash; each URL carries the SHA-512 of the document it leads to."""
    found = urls(openapi)
    assert {
        "api",
        "api/v1",
        "apis",
        "apis/apps",
        "apis/apps/v1",
        "version",
        "openid/v1/jwks",
        ".well-known/openid-configuration",
    } <= set(found)
    assert list(found) == sorted(found)
    for path, url in found.items():
        answer = get(openapi, url)
        assert isinstance(answer.body, bytes)
        assert url == f"/openapi/v3/{path}?hash={hashlib.sha512(answer.body).hexdigest().upper()}"


def test_documents_are_known_by_their_tag(openapi: OpenAPI) -> None:
    """The ETag is the hash; a client that has it gets 304."""
    url = urls(openapi)["apis/apps/v1"]
    tag = f'"{url.partition("hash=")[2]}"'
    answer = get(openapi, "/openapi/v3/apis/apps/v1")
    assert dict(answer.headers)["Etag"] == tag
    assert answer.content_type == "application/json"
    assert get(openapi, "/openapi/v3/apis/apps/v1", if_none_match=tag).status == 304
    assert get(openapi, "/openapi/v3/apis/apps/v1", if_none_match=f'"old", W/{tag}').status == 304


def test_documents_with_a_hash_are_kept_for_a_year(openapi: OpenAPI) -> None:
    """With the right hash the answer is immutable, with a wrong one it redirects, without one neither."""
    url = urls(openapi)["apis/batch/v1"]
    headers = dict(get(openapi, url).headers)
    assert headers["Cache-Control"] == "public, immutable"
    assert headers["Expires"] == "Wed, 13 Nov 2024 22:13:20 GMT"
    moved = get(openapi, "/openapi/v3/apis/batch/v1?hash=OLD")
    assert (moved.status, moved.body, dict(moved.headers)["Location"]) == (301, b"", url)
    assert "Cache-Control" not in dict(get(openapi, "/openapi/v3/apis/batch/v1").headers)


def test_compressed_for_clients_that_take_it(openapi: OpenAPI) -> None:
    """gzip is sent as stored, everyone else gets the same document unpacked."""
    packed = get(openapi, "/openapi/v3/version", accept_encoding="br, gzip")
    assert isinstance(packed.body, bytes)
    assert ("Content-Encoding", "gzip") in packed.headers
    assert gzip.decompress(packed.body) == get(openapi, "/openapi/v3/version").body
    refused = get(openapi, "/openapi/v3/version", accept_encoding="gzip;q=0")
    assert ("Content-Encoding", "gzip") not in refused.headers


def test_refusals(openapi: OpenAPI) -> None:
    """Unknown documents are 404 and unknown forms 406, both without a body or a type."""
    unknown = get(openapi, "/openapi/v3/apis/none/v1")
    assert (unknown.status, unknown.body, unknown.content_type) == (404, b"", "")
    for path in ("/openapi/v3/version", "/openapi/v2"):
        refused = get(openapi, path, accept="text/html")
        assert (refused.status, refused.body, refused.content_type) == (406, b"", "")


def test_added_documents_join_and_leave(openapi: OpenAPI) -> None:
    """An added document is in the index, in v3 and in v2, changes its hash with its content, and goes
    again."""
    before = get(openapi, "/openapi/v2").headers
    openapi.add(PATH, BOATS)
    first = urls(openapi)[PATH]
    assert body(get(openapi, first)) == BOATS
    swagger = body(get(openapi, "/openapi/v2"))
    assert SCHEMA in swagger["definitions"]
    assert "/apis/example.org/v1/boats" in swagger["paths"]
    assert get(openapi, "/openapi/v2").headers != before
    openapi.add(PATH, {**BOATS, "info": {"title": "other"}})
    assert urls(openapi)[PATH] != first
    openapi.remove(PATH)
    assert PATH not in urls(openapi)
    assert get(openapi, "/openapi/v2").headers == before


def test_unknown_release() -> None:
    """A Kubernetes version without documents is refused, naming those there are."""
    with pytest.raises(ValueError, match=r"no OpenAPI documents of Kubernetes 1\.7; there are: .*1\.36"):
        OpenAPI("1.7")


def test_swagger_operations(openapi: OpenAPI) -> None:
    """v2 has bodies as parameters, media types in two lists, patches with their four types."""
    paths = body(get(openapi, "/openapi/v2"))["paths"]
    post = paths["/api/v1/namespaces/{namespace}/configmaps"]["post"]
    reference = {"$ref": "#/definitions/io.k8s.api.core.v1.ConfigMap"}
    assert post["parameters"][0] == {"name": "body", "in": "body", "required": True, "schema": reference}
    assert {"name": "dryRun", "in": "query", "type": "string", "uniqueItems": True} in post["parameters"]
    assert post["responses"]["201"] == {"description": "Created", "schema": reference}
    assert post["x-kubernetes-group-version-kind"] == {"group": "", "kind": "ConfigMap", "version": "v1"}
    patch = paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"]["patch"]
    assert patch["consumes"] == [
        "application/json-patch+json",
        "application/merge-patch+json",
        "application/strategic-merge-patch+json",
        "application/apply-patch+yaml",
    ]
    listing = paths["/apis/apps/v1/deployments"]["get"]
    assert listing["consumes"] == ["*/*"]
    assert listing["produces"][-2:] == [
        "application/json;stream=watch",
        "application/vnd.kubernetes.protobuf;stream=watch",
    ]


def test_swagger_definitions(openapi: OpenAPI) -> None:
    """v2 schemas have plain references, no defaults, merge keys, and one type where v3 has a choice."""
    swagger = body(get(openapi, "/openapi/v2"))
    definitions = swagger["definitions"]
    assert swagger["swagger"] == "2.0"
    assert definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] == {
        "type": "string",
        "format": "int-or-string",
    }
    assert definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] == {"type": "string"}
    ports = definitions["io.k8s.api.core.v1.Container"]["properties"]["ports"]
    assert ports["x-kubernetes-patch-merge-key"] == "containerPort"
    assert ports["items"] == {"$ref": "#/definitions/io.k8s.api.core.v1.ContainerPort"}
    kinds = definitions["io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"][
        "x-kubernetes-group-version-kind"
    ]
    assert {(kind["group"], kind["version"]) for kind in kinds} >= {
        ("", "v1"),
        ("apps", "v1"),
        ("batch", "v1"),
    }
    text = json.dumps(swagger)
    assert "#/components" not in text
    references = {part.split('"')[0] for part in text.split('"#/definitions/')[1:]}
    assert references <= set(definitions)


@pytest.mark.parametrize(
    ("v3", "v2"),
    [
        ({"allOf": [{"$ref": "#/components/schemas/A"}], "default": {}}, {"$ref": "#/definitions/A"}),
        ({"type": "string", "nullable": True, "maxLength": 3}, {"maxLength": 3}),
        (
            {"type": "object", "properties": {"a": {}}, "x-kubernetes-preserve-unknown-fields": True},
            {"x-kubernetes-preserve-unknown-fields": True},
        ),
        ({"type": "array", "items": {"type": "string"}, "nullable": True}, {}),
        (
            {"type": "object", "required": ["a", "b"], "properties": {"a": {"nullable": True}, "b": {}}},
            {"type": "object", "required": ["b"], "properties": {"a": {}, "b": {}}},
        ),
        (
            {"type": "object", "required": ["a"], "additionalProperties": {"nullable": True}},
            {"type": "object", "additionalProperties": {}},
        ),
        (
            {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}]},
            {"x-kubernetes-int-or-string": True},
        ),
        (
            {"type": "object", "properties": {"default": {"type": "string", "default": "x"}}},
            {"type": "object", "properties": {"default": {"type": "string"}}},
        ),
    ],
)
def test_what_v2_cannot_say_is_left_out(v3: dict[str, Any], v2: dict[str, Any]) -> None:
    """Null, choices and unknown content vanish from v2 together with what would confuse its readers."""
    before = json.dumps(v3)
    assert openapi_v2.schema(v3) == v2
    assert json.dumps(v3) == before


def test_v3_protobuf_is_gnostics() -> None:
    """A document with every shape of field encodes as gnostic-models v0.7.0 encodes it."""
    folder = Path(__file__).parents[1] / "data/openapi"
    document = json.loads((folder / "small-v3.json").read_text())
    assert V3.encode(document).hex() == (folder / "small-v3.hex").read_text().strip()


def test_v2_protobuf_is_gnostics() -> None:
    """The v2 document of that v3 document encodes as gnostic-models v0.7.0 encodes it."""
    folder = Path(__file__).parents[1] / "data/openapi"
    part = openapi_v2.Part([json.loads((folder / "small-v3.json").read_text())])
    head, tail = openapi_v2.envelope("1.36")
    assert json.loads(openapi_v2.json_document(head, tail, [part])) == json.loads(
        (folder / "small-v2.json").read_text()
    )
    assert (
        openapi_v2.proto_document(head, tail, [part]).hex() == (folder / "small-v2.hex").read_text().strip()
    )


def test_protobuf_forms_are_chosen_by_old_and_new_names(openapi: OpenAPI) -> None:
    """Both spellings of the media type are taken, the new one is answered."""
    openapi.add(PATH, BOATS)
    for version, url in (("v3", f"/openapi/v3/{PATH}"), ("v2", "/openapi/v2")):
        for sign in ".@":
            accept = f"application/com.github.proto-openapi.spec.{version}{sign}v1.0+protobuf"
            answer = get(openapi, url, accept=accept)
            assert answer.content_type == f"application/com.github.proto-openapi.spec.{version}.v1.0+protobuf"
            assert isinstance(answer.body, bytes)
            assert SCHEMA.encode() in answer.body
    assert get(openapi, "/openapi/v2", accept="*/*").content_type == "application/json"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("merge", "merge\n"),
        ("", '""\n'),
        ("*", "'*'\n"),
        ("true", '"true"\n'),
        ("1.5", '"1.5"\n'),
        ("two words", "two words\n"),
        ({}, "{}\n"),
        (["a", "b"], "- a\n- b\n"),
        ([{"group": "", "kind": "A"}], '- group: ""\n  kind: A\n'),
        ({"a": {"b": [1, True]}, "c": []}, "a:\n    b:\n        - 1\n        - true\nc: []\n"),
        ([{"a": {"b": "c"}}], "- a:\n    b: c\n"),
    ],
)
def test_extensions_are_block_yaml(value: Any, text: str) -> None:
    """Extensions in protobuf are YAML text, laid out as gnostic's."""
    assert yaml_of(value).decode() == text


def test_descriptions_are_added(tmp_path: Path) -> None:
    """With descriptions documents tell them, hash differently, and keep their own."""
    definitions = {
        "$defs": {
            "io.k8s.api.core.v1.ConfigMap": {
                "description": "About maps.",
                "properties": {"data": {"description": "About data."}},
            }
        }
    }
    file = tmp_path / "definitions.json"
    file.write_text(json.dumps(definitions))
    plain = OpenAPI(descriptions=Descriptions(file, "one"))
    other = OpenAPI(descriptions=Descriptions(file, "two"))
    assert urls(plain)["api/v1"] != urls(other)["api/v1"]
    document = body(get(plain, urls(plain)["api/v1"]))
    schema = document["components"]["schemas"]["io.k8s.api.core.v1.ConfigMap"]
    assert schema["description"] == "About maps."
    assert schema["properties"]["data"]["description"] == "About data."
    assert "description" not in schema["properties"]["kind"]


def test_descriptions_are_found_in_the_optional_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest patch release of the minor version is taken; without the package there are none."""
    for patch in ("v1.36.0-local", "v1.36.1-local", "v1.36.1-local-strict", "v1.35.4-local"):
        folder = tmp_path / "kubernetes_validate/kubernetes-json-schema" / patch
        folder.mkdir(parents=True)
        (folder / "_definitions.json").write_text("{}")
    (tmp_path / "kubernetes_validate/__init__.py").write_text("raise ImportError")
    monkeypatch.syspath_prepend(str(tmp_path))
    found = openapi_descriptions.find("1.36")
    assert found is not None
    assert "v1.36.1-local" in found.identity
    assert openapi_descriptions.find("1.20") is None


def test_v2_is_made_once_for_all_who_ask_meanwhile(openapi: OpenAPI, monkeypatch: pytest.MonkeyPatch) -> None:
    """And anew after a change, which converts the changed document only."""
    made: list[int] = []

    class Counted(openapi_v2.Part):
        def __init__(self, documents: Any, known: Any = ()) -> None:
            made.append(1)
            super().__init__(documents, known)

    monkeypatch.setattr(openapi_swagger, "Part", Counted)

    async def ask(times: int) -> list[Response]:
        requests = [Request("GET", "/openapi/v2", "", {}) for _ in range(times)]
        answers = [openapi.serve(request) for request in requests]
        return list(await asyncio.gather(*(_awaited(each) for each in answers if not isinstance(each, Response))))

    openapi.add(PATH, BOATS)
    first = asyncio.run(ask(3))
    assert len(first) == 3 and len({answer.body for answer in first}) == 1 and len(made) == 2
    openapi.add("apis/example.org/v2", BOATS)
    assert asyncio.run(ask(1))[0].headers != first[0].headers
    assert len(made) == 3
