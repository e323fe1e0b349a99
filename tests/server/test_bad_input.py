"""Bad input over a real socket: a clear refusal, the server stays up, the next request is served."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

import orlop

MAPS = "/api/v1/namespaces/default/configmaps"
SECONDS = 20.0


class Sender:
    """Sends exactly the bytes it is told to, each request on a connection of its own."""

    def __init__(self, server: orlop.ThreadedServer) -> None:
        self._address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
        self._context = ssl.create_default_context(cafile=str(server.kubeconfig.with_name("ca.crt")))
        self._token = server.token

    def send(self, data: bytes, *, then_close: bool = False) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body of the answer; (0, {}, b"") when there is none."""
        with socket.create_connection(self._address, SECONDS) as plain, \
                self._context.wrap_socket(plain, server_hostname="127.0.0.1") as secure:
            try:
                secure.sendall(data)
            except OSError:
                pass  # refused before all of it was taken: the answer is there all the same
            if then_close:
                return 0, {}, b""
            return self._read(secure)

    @staticmethod
    def _read(secure: ssl.SSLSocket) -> tuple[int, dict[str, str], bytes]:
        received = b""
        while b"\r\n\r\n" not in received:
            got = secure.recv(65536)
            if not got:
                return 0, {}, received
            received += got
        head, _, body = received.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while len(body) < int(headers.get("content-length", 0)):
            body += secure.recv(65536)
        return int(first.split(" ")[1]), headers, body

    def head(self, method: str, target: str, *lines: str) -> bytes:
        fixed = (f"{method} {target} HTTP/1.1", "Host: x", f"Authorization: Bearer {self._token}")
        return "\r\n".join((*fixed, *lines, "", "")).encode("latin-1")

    def request(self, method: str, target: str, body: bytes = b"", *lines: str) -> tuple[int, dict[str, str], bytes]:
        length = (f"Content-Length: {len(body)}",) if body else ()
        return self.send(self.head(method, target, *length, *lines) + body)


@pytest.fixture(scope="module")
def sender() -> Iterator[Sender]:
    with orlop.Server.in_thread() as server:
        yield Sender(server)


@pytest.fixture(autouse=True)
def stays_up(sender: Sender) -> Iterator[None]:
    """After every test the server answers as if nothing had been."""
    yield
    assert sender.request("GET", "/readyz")[0] == 200


def message(body: bytes) -> str:
    status: dict[str, Any] = json.loads(body)
    assert status["kind"] == "Status" and status["status"] == "Failure"
    return str(status["message"])


@pytest.mark.parametrize("body", [
    b"{", b"}", b"[", b"null", b"true", b"7", b'""', b'"x', b"{]", b'{"a"}', b'{"a":}', b"\0", b"\xff\xfe",
    b"\xef\xbb\xbf{}", b'{"a":"\x01"}', b'{"a":"\\ud800"}', b'{"a":"\xff"}',
    b"nul", b"{}{}", b"{} x", b"\x1f\x8b\x08\x00", b"k8s\0\xff",
], ids=repr)
def test_bodies_that_are_no_objects(sender: Sender, body: bytes) -> None:
    """400 or 422 with a Status."""
    code, _, answer = sender.request("POST", MAPS, body)
    assert code in (400, 422), answer
    assert message(answer)


@pytest.mark.parametrize("media", [
    "application/json", "application/yaml", "application/vnd.kubernetes.protobuf",
])
@pytest.mark.parametrize("body", [
    b"\0" * 100, b"{" * 1000, b"[" * 1000, b"k8s\0" + b"\xff" * 100, b"- " * 1000, b"&a *a",
])
def test_nonsense_in_every_media_type(sender: Sender, media: str, body: bytes) -> None:
    """Whatever the body is said to be: a refusal."""
    code, _, answer = sender.request("POST", MAPS, body, f"Content-Type: {media}")
    assert code in (400, 422), answer


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'{"metadata":', b"}")])
def test_deep_nesting(sender: Sender, method: str, opening: bytes, closing: bytes) -> None:
    """100,000 brackets are refused, in every method that reads a body, closed or not."""
    sender.request("POST", MAPS, b'{"metadata":{"name":"deep"}}')
    target = MAPS if method == "POST" else f"{MAPS}/deep"
    lines = ("Content-Type: application/merge-patch+json",) if method == "PATCH" else ()
    for body in (opening * 100_000, opening * 100_000 + b"1" + closing * 100_000):
        code, _, answer = sender.request(method, target, body, *lines)
        assert code in (400, 422), answer[:300]


def test_deep_but_bearable_nesting(sender: Sender) -> None:
    """A few hundred levels in a place that is dropped harm nobody."""
    body = b'{"metadata":{"name":"bearable"},"x":' + b'{"a":' * 500 + b"1" + b"}" * 501
    code, headers, _ = sender.request("POST", MAPS, body)
    assert code in (201, 400) and (code == 400 or "unknown field" in headers["warning"])


def test_too_large(sender: Sender) -> None:
    """More than 3 MiB: 413, before all of it was sent, whether the length is told or not."""
    data = b'{"metadata":{"name":"large"},"data":{"x":"' + b"x" * (3 << 20) + b'"}}'
    code, headers, answer = sender.request("POST", MAPS, data)
    assert code == 413 and message(answer) == "Request entity too large: limit is 3145728"
    assert headers["connection"] == "close"
    chunked = b"".join(b"10000\r\n" + b"x" * 65536 + b"\r\n" for _ in range(64)) + b"0\r\n\r\n"
    code, _, answer = sender.send(sender.head("POST", MAPS, "Transfer-Encoding: chunked") + chunked)
    assert code == 413


def test_as_large_as_may_be(sender: Sender) -> None:
    """Just below the limit it is about the object: config maps hold 1 MiB."""
    data = b'{"metadata":{"name":"large"},"data":{"x":"' + b"x" * ((3 << 20) - 100) + b'"}}'
    code, _, answer = sender.request("POST", MAPS, data)
    assert code == 422 and "Too long: may not be more than 1048576 bytes" in message(answer)


@pytest.mark.parametrize("cut", [10, 60, 200])
def test_truncated(sender: Sender, cut: int) -> None:
    """A request that ends in its middle is forgotten."""
    whole = sender.head("POST", MAPS, "Content-Length: 1000") + b'{"metadata":{"name":"cut"}}'
    sender.send(whole[:cut], then_close=True)
    assert sender.request("GET", f"{MAPS}/cut")[0] == 404


@pytest.mark.parametrize("body", [
    {"metadata": 7}, {"metadata": []}, {"metadata": {"name": {}}}, {"metadata": {"name": 7}}, {"data": "x"},
    {"metadata": {"name": "a", "labels": []}}, {"metadata": {"name": "a", "labels": {"a": 1}}},
    {"metadata": {"name": "a", "ownerReferences": {}}}, {"metadata": {"name": "a", "ownerReferences": [7]}},
    {"metadata": {"name": "a", "finalizers": "x"}}, {"metadata": {"name": "a", "generation": 1e400}},
    {"metadata": {"name": "a", "generation": 1.5}}, {"metadata": {"name": "a", "deletionGracePeriodSeconds": "1"}},
    {"metadata": {"name": "a", "creationTimestamp": "yesterday"}}, {"metadata": {"name": "a", "managedFields": 1}},
    {"kind": 7}, {"apiVersion": {}}, {"kind": "ConfigMap", "apiVersion": "a/b/c"}, {"data": {"x": {}}},
    {"binaryData": {"x": "no base64!"}}, {"immutable": "yes"}, {"metadata": {"name": "a", "namespace": 7}},
], ids=repr)
def test_wrong_types(sender: Sender, body: Any) -> None:
    """Members of the wrong type are named."""
    code, _, answer = sender.request("POST", MAPS, json.dumps(body).encode())
    assert code == 400 and message(answer), answer


@pytest.mark.parametrize("body", [
    [], 7, "x", None, {"op": "add"}, [7], [{}], [{"op": 7}], [{"op": "add"}], [{"op": "add", "path": 7, "value": 1}],
    [{"op": "add", "path": "no slash", "value": 1}], [{"op": "move", "path": "/a"}], [{"op": "fly", "path": "/a"}],
    [{"op": "add", "path": "/metadata", "value": 7}], [{"op": "add", "path": "", "value": []}],
    [{"op": "remove", "path": "/metadata"}], [{"op": "replace", "path": "/metadata/name", "value": {}}],
    [{"op": "copy", "from": "/metadata", "path": "/data/a/b/c"}], [{"op": "add", "path": "/data/~2", "value": "x"}],
], ids=repr)
@pytest.mark.parametrize("media", ["json-patch+json", "merge-patch+json", "strategic-merge-patch+json"])
def test_wrong_patches(sender: Sender, media: str, body: Any) -> None:
    """Every mechanism refuses what it cannot apply; what it can apply gives an object."""
    sender.request("POST", MAPS, b'{"metadata":{"name":"patched"}}')
    code, _, answer = sender.request("PATCH", f"{MAPS}/patched", json.dumps(body).encode(),
                                     f"Content-Type: application/{media}")
    assert code in (200, 400, 422), answer
    assert code == 200 or message(answer)


@pytest.mark.parametrize("query", [
    "limit=x", "limit=99999999999999999999", "limit=-1", "timeoutSeconds=%00", "labelSelector=%zz", "labelSelector=((",
    "labelSelector=a%20in%20(", "fieldSelector=a", "fieldSelector=%00=%00", "continue=%FF", "continue=AAAA",
    "resourceVersion=-1", "resourceVersion=1e5", "resourceVersion=%F0%9F%98%80", "watch=maybe&resourceVersion=x",
    "&&&", "=", "a=b=c;d", "limit=1&limit=2", "pretty=%", "fieldValidation=x", "resourceVersionMatch=x",
    "labelSelector=" + "a," * 5000 + "a", "x" * 100_000,
], ids=lambda q: q[:40])
def test_bad_queries(sender: Sender, query: str) -> None:
    """200 where the query means nothing, else a refusal with a Status."""
    code, _, answer = sender.request("GET", f"{MAPS}?{query}")
    assert code in (200, 400, 410, 422, 500), answer[:300]
    if code != 200:
        assert message(answer) != "This request caused apiserver to panic. Look in the logs for details."
        assert "panic" not in message(answer)


@pytest.mark.parametrize(("path", "code"), [
    ("/api/v1/namespaces/default/configmaps/%", 400), ("/api/v1/%zz", 400), ("/%2", 400),
    (f"{MAPS}/a%00b", 404), (f"{MAPS}/%00", 404), (f"{MAPS}/%ff%fe", 404), (f"{MAPS}/..%2f..%2fsecrets", 404),
    (f"{MAPS}/%2e%2e", 404), ("/api/v1/namespaces/%00/configmaps", 200), ("/api/v1/namespaces/../pods", 200),
    ("/api//v1", 404), ("/api/v1/configmaps//", 200), ("/" + "a" * 10_000, 404),
    ("/" + "a/" * 5_000, 404), (f"{MAPS}/" + "a" * 10_000, 404), ("/" + "a" * 300_000, 414),
], ids=lambda p: str(p)[:50])
def test_bad_paths(sender: Sender, path: str, code: int) -> None:
    """Bad escapes are 400, names that cannot be are not found, and nothing leads elsewhere."""
    got, _, answer = sender.request("GET", path)
    assert got == code, answer[:300]
    assert got != 200 or json.loads(answer)["items"] == [] or "default" in path or "namespaces" not in path


@pytest.mark.parametrize("name", [
    "a\0b", "a/b", "..", ".", "a%b", "a" * 300, "Ü", "a\nb", " ", "\U0001f600", "-a", "A",
])
def test_bad_names(sender: Sender, name: str) -> None:
    """Names that no path could hold are refused when an object is made."""
    code, _, answer = sender.request("POST", MAPS, json.dumps({"metadata": {"name": name}}).encode())
    assert code == 422 and "metadata.name" in message(answer)


@pytest.mark.parametrize("field", ["a\r\nX-Evil: 1", "a\nb", "\0", '"', "\\", "Ü", "\U0001f600", "x" * 5000])
def test_names_of_fields_stay_in_their_header(sender: Sender, field: str) -> None:
    """Unknown fields are warned of; whatever they are called, nothing but a warning comes of it."""
    body = json.dumps({"metadata": {"name": "warned"}, field: 1}).encode()
    code, headers, _ = sender.request("POST", f"{MAPS}?dryRun=All", body)
    assert code == 201 and "x-evil" not in headers


def test_very_many_unknown_fields(sender: Sender) -> None:
    """They take neither long nor much of the answer."""
    body = json.dumps({"metadata": {"name": "many"}, **{f"field{number}": 1 for number in range(50_000)}}).encode()
    code, headers, _ = sender.request("POST", f"{MAPS}?dryRun=All", body)
    assert code == 201 and sum(map(len, headers.values())) < 10_000


def test_very_many_labels_and_owners(sender: Sender) -> None:
    """Large metadata is judged in time."""
    owner = {"apiVersion": "v1", "kind": "Pod", "name": "p"}
    metadata = {"name": "many", "labels": {f"l{number}": "v" for number in range(20_000)},
                "ownerReferences": [{**owner, "uid": str(number)} for number in range(10_000)]}
    code, _, _ = sender.request("POST", f"{MAPS}?dryRun=All", json.dumps({"metadata": metadata}).encode())
    assert code == 201


@pytest.mark.parametrize("lines", [
    ("Accept: " + "a/b," * 5000,), ("Accept: \xff\xfe",), ("User-Agent: \xff" + "x" * 5000,),
    ("Authorization: Bearer",),
    ("Authorization: \xff",), ("Impersonate-User: ",), ("Impersonate-Group: x",), ("Impersonate-Extra-%zz: x",),
    ("Content-Type: \xff",), ("If-None-Match: " + '"x",' * 1000,),
], ids=lambda lines: str(lines)[:40])
def test_bad_headers(sender: Sender, lines: tuple[str, ...]) -> None:
    """Odd headers give some answer of ours."""
    code, _, _ = sender.request("GET", MAPS, b"", *lines)
    assert code in (200, 400, 401, 403, 406, 431)
