"""Request bodies: what is read, what is refused and how, what is only warned of."""

from __future__ import annotations

from typing import Any

import pytest
from served import MAPS, make, play

import orlop
from orlop.api.context import Context
from orlop.endpoints import response
from orlop.endpoints.owner_references import deduplicate


@pytest.mark.parametrize(("body", "text"), [
    (b"", "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse "
          "error: unexpected end of JSON input (<empty>)"),
    (b"{", "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse "
           "error: unexpected end of JSON input ({)"),
    (b'{"kind":"Secret","apiVersion":"v1"}', 'Secret in version "v1" cannot be handled as a ConfigMap: '),
    (b'{"kind":"ConfigMap","apiVersion":"v9"}', 'ConfigMap in version "v9" cannot be handled as a ConfigMap: no kind '
                                                '"ConfigMap" is registered for version "v9"'),
    (b'{"data":[]}', 'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal array into '
                     "Go struct field ConfigMap.data of type map[string]string"),
    (b'{"metadata":7}', 'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number'),
])
def test_refused_bodies(body: bytes, text: str) -> None:
    """400 that says what is wrong."""

    async def scenario(server: orlop.Server) -> None:
        reply = await server.request("POST", MAPS, body)
        assert reply.status == 400 and reply.json()["message"].startswith(text), reply.body

    play(scenario)


@pytest.mark.parametrize(("content_type", "code"), [
    ("application/json", 201), ("application/json; charset=utf-8", 201), ("", 201), ("text/plain", 415),
    ("application/xml", 415), ("nonsense", 415),
])
def test_content_types(content_type: str, code: int) -> None:
    """JSON is what is not said; what we do not read is 415."""

    async def scenario(server: orlop.Server) -> None:
        headers = {"content-type": content_type}
        reply = await server.request("POST", MAPS, {"metadata": {"name": "a"}}, headers=headers)
        assert reply.status == code, reply.body

    play(scenario)


def test_yaml_body() -> None:
    """YAML is read like JSON."""

    async def scenario(server: orlop.Server) -> None:
        text = b"metadata:\n  name: a\ndata:\n  k: |\n    v\n"
        reply = await server.request("POST", MAPS, text, headers={"content-type": "application/yaml"})
        assert reply.status == 201 and reply.json()["data"] == {"k": "v\n"}
        broken = await server.request("POST", MAPS, b"a: b: c", headers={"content-type": "application/yaml"})
        assert broken.status == 400 and "yaml" in broken.json()["message"]

    play(scenario)


UNKNOWN = b'{"metadata":{"name":"a"},"dta":{},"data":{"k":"1","k":"2"}}'


@pytest.mark.parametrize(("validation", "code", "warnings"), [
    ("Strict", 400, 0), ("Warn", 201, 2), ("", 201, 2), ("Ignore", 201, 0), ("Other", 422, 0),
])
def test_field_validation(validation: str, code: int, warnings: int) -> None:
    """Unknown and repeated fields: refused, warned of, ignored."""

    async def scenario(server: orlop.Server) -> None:
        query = {"fieldValidation": validation} if validation else {}
        reply = await server.request("POST", MAPS, UNKNOWN, query=query)
        assert reply.status == code
        assert reply.headers.get("warning", "").count("299 - ") == warnings
        if code == 400:
            assert 'strict decoding error: unknown field "dta", duplicate field "data.k"' in reply.json()["message"]
        if warnings:
            assert reply.headers["warning"] == '299 - "unknown field \\"dta\\"", 299 - "duplicate field \\"data.k\\""'

    play(scenario)


def test_system_fields_of_clients_are_dropped() -> None:
    """uid, creationTimestamp and their like cannot be chosen."""

    async def scenario(server: orlop.Server) -> None:
        made = await make(server, "a", uid="mine", creationTimestamp="1999-01-01T00:00:00Z",
                          deletionTimestamp="1999-01-01T00:00:00Z", selfLink="/x")
        assert made["metadata"]["uid"] != "mine" and not made["metadata"]["creationTimestamp"].startswith("1999")
        assert "deletionTimestamp" not in made["metadata"] and "selfLink" not in made["metadata"]

    play(scenario)


def test_warnings_are_bounded() -> None:
    """Many long warnings are cut, then left out; a few are not touched."""
    ctx = Context(warnings=["x" * 1000, "y"])
    assert [len(value) for _, value in response.add_warnings(ctx, ())] == [1008, 9]
    ctx = Context(warnings=[f"{number:04}" + "x" * 996 for number in range(100)])
    texts = [value.split('"')[1] for _, value in response.add_warnings(ctx, ())]
    assert {len(text) for text in texts} == {response.WARNING_CUT} and len(texts) == 16


@pytest.mark.parametrize("text", ["", "line\nbreak", "carriage\rreturn", "null\0", "tab\t", "next\x85line"])
def test_warnings_cannot_make_headers(text: str) -> None:
    """Texts with control characters are left out, as upstream has it."""
    assert response.add_warnings(Context(warnings=[text, "good"]), (("a", "b"),)) == (
        ("a", "b"), ("Warning", '299 - "good"'))


def test_warning_quotes() -> None:
    """Quotes and backslashes are escaped."""
    assert response.add_warnings(Context(warnings=['a "b" \\c']), ()) == (("Warning", r'299 - "a \"b\" \\c"'),)


def test_repeated_owner_references() -> None:
    """Equal ones are dropped with a warning that names them; many are no trouble."""
    ctx = Context()
    owner: dict[str, Any] = {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "1"}
    obj = {"metadata": {"ownerReferences": [owner, {**owner, "uid": "2"}, dict(owner), {**owner, "controller": True}]}}
    deduplicate(obj, ctx)
    assert [r["uid"] for r in obj["metadata"]["ownerReferences"]] == ["1", "2", "1"]
    assert len(ctx.warnings) == 1 and ctx.warnings[0].endswith("duplicate UID(s) observed: 1")
    many: dict[str, Any] = {"metadata": {"ownerReferences": [{**owner, "uid": str(n)} for n in range(20_000)]}}
    deduplicate(many, ctx)
    assert len(many["metadata"]["ownerReferences"]) == 20_000 and len(ctx.warnings) == 1
