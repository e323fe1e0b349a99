"""Calls of gRPC's health service, answered by frames that are written down here."""

from __future__ import annotations

import asyncio

import pytest

from orlop.node.probe import Outcome, Result
from orlop.node.probe_grpc import call

SETTINGS, DATA, HEADERS = 4, 0, 1
HEAD = b"\x88\x5f\x10application/grpc"
"""`:status: 200` and `content-type`, by their numbers in HPACK's table."""


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


def trailers(**members: str) -> bytes:
    return b"".join(b"\0" + bytes((len(name) + 5,)) + b"grpc-" + name.encode() + bytes((len(text),)) + text.encode()
                    for name, text in members.items())


def message(data: bytes) -> bytes:
    return frame(DATA, 0, 1, b"\0" + len(data).to_bytes(4) + data)


async def answered(*frames: bytes, service: str = "web") -> tuple[Outcome, bytes]:
    """What comes of a call that is answered so, and what the server was sent first."""
    sent = asyncio.get_running_loop().create_future()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sent.set_result(await reader.read(1000))
        writer.write(b"".join(frames))
        await reader.read()
        writer.close()

    async with asyncio.timeout(20), await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        outcome = await call("10.0.0.1", port, service, 5.0, lambda address: "127.0.0.1")
        return outcome, await sent


@pytest.mark.parametrize(("status", "outcome"), [
    (b"\x08\x01", Outcome(Result.SUCCESS, "service healthy")),
    (b"\x08\x02", Outcome(Result.FAILURE, 'service unhealthy (responded with "NOT_SERVING")')),
    (b"", Outcome(Result.FAILURE, 'service unhealthy (responded with "UNKNOWN")'))])
def test_the_service_decides(status: bytes, outcome: Outcome) -> None:
    """It is asked by its name."""
    found, sent = asyncio.run(answered(
        frame(SETTINGS, 0, 0, b""), frame(SETTINGS, 1, 0, b""), frame(HEADERS, 4, 1, HEAD), message(status),
        frame(HEADERS, 5, 1, trailers(status="0"))))
    assert found == outcome
    assert sent.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") and sent.endswith(b"\0\0\0\0\x05\x0a\x03web")
    assert b"/grpc.health.v1.Health/Check" in sent and b"kube-probe/1.36" in sent


@pytest.mark.parametrize(("code", "text"), [
    ("12", "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): not here"),
    ("5", "error: health rpc probe failed: rpc error: code = NotFound desc = not here")])
def test_a_call_that_fails(code: str, text: str) -> None:
    pytest.importorskip("hpack")
    end = frame(HEADERS, 5, 1, HEAD + trailers(status=code, message="not%20here"))
    assert asyncio.run(answered(frame(SETTINGS, 0, 0, b""), end))[0] == (Result.FAILURE, text, "")


def test_a_server_that_speaks_something_else() -> None:
    """It counts as one that cannot be reached."""
    outcome, _ = asyncio.run(answered(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    assert outcome.output.startswith('timeout: failed to connect service "10.0.0.1:')
    assert outcome.output.endswith('" within 5s: context deadline exceeded')
