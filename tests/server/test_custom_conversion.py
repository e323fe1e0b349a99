"""A conversion webhook, reached over TLS, stands between versions of a kind wherever objects are read or written."""

from __future__ import annotations

import asyncio
import base64
import ssl
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import orjson
from custom_bench import APPLY, MERGE, WIDGETS, Tree, define, make, version, widget

import orlop
from orlop.server.files import write_files
from orlop.server.pki import FilesToWrite, ensure_credentials

V2 = WIDGETS.replace("/v1/", "/v2/")
SIZES: Tree = {"type": "object", "properties": {"sizes": {"type": "array", "items": {"type": "integer"}}}}
WAIT = 20.0


class Webhook:
    """Turns `size` into `sizes` and back. `fails` is what it says instead."""

    def __init__(self) -> None:
        self.asked, self.fails = 0, ""

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-Length"))
        request = orjson.loads(await reader.readexactly(length))["request"]
        self.asked += 1
        result = {"status": "Failure", "message": self.fails} if self.fails else {"status": "Success"}
        response = {"uid": request["uid"], "result": result,
                    "convertedObjects": [convert(each, request["desiredAPIVersion"]) for each in request["objects"]]}
        body = orjson.dumps({"apiVersion": "apiextensions.k8s.io/v1", "kind": "ConversionReview",
                             "response": response})
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
                     % (len(body), body))
        await writer.drain()
        writer.close()


def convert(obj: Tree, api_version: str) -> Tree:
    spec = obj.get("spec") or {}
    if api_version.endswith("/v2"):
        spec = {"sizes": [spec["size"]]} if "size" in spec else {}
    else:
        spec = {"size": spec["sizes"][0]} if spec.get("sizes") else {}
    return {**obj, "apiVersion": api_version, "spec": spec}


def serve(tmp_path: Path, scenario: Callable[[orlop.Server, Webhook], Awaitable[None]]) -> None:
    """Run a scenario against a server with a kind whose versions a webhook converts."""

    async def serving() -> None:
        files: FilesToWrite = {}
        ensure_credentials(tmp_path, time.time(), ["127.0.0.1"], files)
        write_files(tmp_path, files, sync=False)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "server.crt", tmp_path / "server.key")
        webhook = Webhook()
        listening = await asyncio.start_server(webhook.answer, "127.0.0.1", 0, ssl=context)
        port = listening.sockets[0].getsockname()[1]
        conversion = {"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": {
            "url": f"https://127.0.0.1:{port}/convert",
            "caBundle": base64.b64encode((tmp_path / "ca.crt").read_bytes()).decode()}}}
        async with asyncio.timeout(WAIT), orlop.Server(listen=False) as server, listening:
            await define(server, version("v1"), version("v2", stored=False, spec=SIZES), conversion=conversion)
            await scenario(server, webhook)

    asyncio.run(serving())


def test_objects_are_read_in_either_version(tmp_path: Path) -> None:
    """One by one and in lists, which ask once for all, and not again for what was converted."""

    async def scenario(server: orlop.Server, webhook: Webhook) -> None:
        for size in (1, 2, 3):
            await make(server, widget(f"w{size}", spec={"size": size}))
        assert webhook.asked == 0
        listed = (await server.request("GET", V2)).json()
        assert [each["spec"]["sizes"] for each in listed["items"]] == [[1], [2], [3]]
        read = (await server.request("GET", f"{V2}/w2")).json()
        assert (read["apiVersion"], read["spec"]) == ("example.com/v2", {"sizes": [2]})
        assert webhook.asked == 1

    serve(tmp_path, scenario)


def test_objects_are_written_in_either_version(tmp_path: Path) -> None:
    """What is stored is in the stored version; what changes nothing writes nothing."""

    async def scenario(server: orlop.Server, webhook: Webhook) -> None:
        made = await make(server, widget(api_version="example.com/v2", spec={"sizes": [4]}), V2)
        assert made["spec"] == {"sizes": [4]}
        assert (await server.request("GET", f"{WIDGETS}/a")).json()["spec"] == {"size": 4}
        patched = (await server.request("PATCH", f"{V2}/a", {"spec": {"sizes": [5]}}, headers=MERGE)).json()
        assert patched["spec"] == {"sizes": [5]}
        again = (await server.request("PATCH", f"{V2}/a", {"spec": {"sizes": [5]}}, headers=MERGE)).json()
        assert again["metadata"]["resourceVersion"] == patched["metadata"]["resourceVersion"]
        assert (await server.request("DELETE", f"{V2}/a")).status == 200
        assert (await server.request("GET", f"{WIDGETS}/a")).status == 404

    serve(tmp_path, scenario)


def test_watchers_see_their_version(tmp_path: Path) -> None:
    """What was there when the watch began, and what comes, in order."""

    async def scenario(server: orlop.Server, webhook: Webhook) -> None:
        await make(server, widget("a", spec={"size": 1}))
        async with await server.watch(V2) as watch:
            assert (await anext(watch))["object"]["spec"] == {"sizes": [1]}
            await make(server, widget("b", spec={"size": 2}))
            await server.request("PATCH", f"{WIDGETS}/b", {"spec": {"size": 3}}, headers=MERGE)
            await server.request("DELETE", f"{WIDGETS}/b")
            seen = [await anext(watch) for _ in range(3)]
        assert [(each["type"], each["object"]["spec"]["sizes"]) for each in seen] == [
            ("ADDED", [2]), ("MODIFIED", [3]), ("DELETED", [3])]

    serve(tmp_path, scenario)


def test_a_webhook_that_refuses_is_quoted(tmp_path: Path) -> None:
    """The stored version is not concerned."""

    async def scenario(server: orlop.Server, webhook: Webhook) -> None:
        webhook.fails = "not today"
        await make(server, widget(spec={"size": 1}))
        for path in (f"{V2}/a", V2):
            reply = await server.request("GET", path)
            assert (reply.status, reply.json()["message"]) == (
                500, "conversion webhook for example.com/v1, Kind=Widget failed: not today")
        assert (await server.request("GET", f"{WIDGETS}/a")).status == 200

    serve(tmp_path, scenario)


def _apply(version: str, manager: str, spec: Tree) -> tuple[str, str, Tree]:
    path = f"{WIDGETS if version == 'v1' else V2}/a?fieldManager={manager}"
    return "PATCH", path, widget(api_version=f"example.com/{version}", spec=spec)


async def _entries(server: orlop.Server) -> dict[str, Tree]:
    found = (await server.request("GET", f"{WIDGETS}/a")).json()["metadata"]["managedFields"]
    return {entry["manager"]: entry["fieldsV1"] | {"": entry["apiVersion"]} for entry in found}


def test_owners_are_compared_in_their_own_version(tmp_path: Path) -> None:
    """Who owns a field in one version loses it, or objects, when another version changes what it became; a field that
    is applied no more goes, in whichever version it is applied."""

    async def scenario(server: orlop.Server, webhook: Webhook) -> None:
        assert (await server.request(*_apply("v1", "one", {"size": 1}), headers=APPLY)).status == 201
        same = await server.request(*_apply("v2", "two", {"sizes": [1]}), headers=APPLY)
        assert same.status == 200, same.body
        assert await _entries(server) == {
            "one": {"f:spec": {"f:size": {}}, "": "example.com/v1"},
            "two": {"f:spec": {"f:sizes": {}}, "": "example.com/v2"}}
        refused = await server.request(*_apply("v2", "two", {"sizes": [2]}), headers=APPLY)
        assert (refused.status, refused.json()["message"]) == (
            409, 'Apply failed with 1 conflict: conflict with "one": .spec.size')
        patched = await server.request("PATCH", f"{V2}/a?fieldManager=three", {"spec": {"sizes": [3]}}, headers=MERGE)
        assert patched.status == 200
        assert set(await _entries(server)) == {"three"}
        assert (await server.request(*_apply("v2", "two", {"sizes": [3]}), headers=APPLY)).status == 200
        again = await server.request(*_apply("v1", "two", {}), headers=APPLY)
        assert again.json()["spec"] == {"size": 3}
        assert await _entries(server) == {
            "three": {"f:spec": {"f:sizes": {}}, "": "example.com/v2"}, "two": {"f:spec": {}, "": "example.com/v1"}}

    serve(tmp_path, scenario)


def test_owners_when_the_webhook_refuses(tmp_path: Path) -> None:
    """An apply says what went wrong."""

    async def scenario(server: orlop.Server, webhook: Webhook) -> None:
        for served, manager, spec in (("v1", "one", {"size": 1}), ("v2", "two", {"sizes": [1]})):
            assert (await server.request(*_apply(served, manager, spec), headers=APPLY)).ok
        webhook.fails = "not today"
        refused = await server.request(*_apply("v1", "one", {"size": 2}), headers=APPLY)
        assert (refused.status, refused.json()["message"]) == (
            500, "conversion webhook for example.com/v1, Kind=Widget failed: not today")

    serve(tmp_path, scenario)
