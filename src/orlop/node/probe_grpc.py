"""A call of gRPC's health service, for the probes that ask for one: one request on a connection of its own.

Used by `probe_action`. Speaks as much HTTP/2 as that takes (RFC 9113), without TLS as kubelets do. What the service
says of itself is in the message; why there is none is in headers, which are understood if hpack is installed
(`orlop[etcd]`).
Behaviour and texts: kubernetes `pkg/probe/grpc/grpc.go`.
"""

from __future__ import annotations

import asyncio
from typing import Final
from urllib.parse import unquote

from orlop.api.field import quote
from orlop.node.back_off import go_seconds
from orlop.node.http_get import VERSION, Twin, address_of
from orlop.node.probe import Outcome, Result
from orlop.storage.errors import CannotOpen
from orlop.storage.etcd_messages import library

ANSWER_BYTES: Final = 64 * 1024
"""A longer answer is none."""
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _AWAY, _MORE = 0, 1, 3, 4, 6, 7, 9
_END_STREAM, _ACK, _END_HEADERS, _PADDED, _PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
_STATUSES: Final = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
_SERVING: Final = 1
_CODES: Final = ("OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists",
                 "PermissionDenied", "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange",
                 "Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated")


class _Reply:
    """What came on the stream."""

    def __init__(self) -> None:
        self.data, self.blocks, self.connected = b"", list[bytes](), False


async def call(host: str, port: int, service: str, timeout: float, twin: Twin) -> Outcome:
    where, limit = address_of(host, port), go_seconds(timeout)
    reply = _Reply()
    try:
        async with asyncio.timeout(timeout):
            await _exchange(host, port, service, twin, reply)
    except (OSError, EOFError, TimeoutError):
        if not reply.connected:
            return _failed(f"timeout: failed to connect service {quote(where)} within {limit}: context deadline "
                           "exceeded")
        return _failed(f"timeout: health rpc did not complete within {limit}")
    if len(reply.data) >= 5:
        return _verdict(reply.data[5:])
    code, message = _why(reply.blocks)
    if code == "Unimplemented":
        return _failed("error: this server does not implement the grpc health protocol (grpc.health.v1.Health): "
                       + message)
    return _failed(f"error: health rpc probe failed: rpc error: code = {code} desc = {message}")


def _failed(text: str) -> Outcome:
    return Outcome(Result.FAILURE, text)


def _verdict(message: bytes) -> Outcome:
    """`status` is the message's first field, an enumeration; without it, 0."""
    status = message[1] if len(message) >= 2 and message[0] == 0x08 else 0
    if status == _SERVING:
        return Outcome(Result.SUCCESS, "service healthy")
    name = _STATUSES[status] if status < len(_STATUSES) else str(status)
    return _failed(f"service unhealthy (responded with {quote(name)})")


def _why(blocks: list[bytes]) -> tuple[str, str]:
    """The code and the message of the call's end."""
    try:
        hpack = library("hpack")
    except CannotOpen:
        return "Unknown", "the server gave no answer"
    decoder, found = hpack.Decoder(), dict[str, str]()
    try:
        for block in blocks:
            found |= {str(name): str(value) for name, value in decoder.decode(block)}
    except hpack.HPACKError as error:
        return "Internal", str(error)
    code = found.get("grpc-status", "")
    known = code.isdecimal() and int(code) < len(_CODES)
    return _CODES[int(code)] if known else "Unknown", unquote(found.get("grpc-message", ""))


async def _exchange(host: str, port: int, service: str, twin: Twin, reply: _Reply) -> None:
    reader, writer = await asyncio.open_connection(twin(host), port)
    try:
        writer.write(_PREFACE + _frame(_SETTINGS, 0, 0, b"") + _request(address_of(host, port), service))
        while not await _read_frame(reader, writer, reply):
            continue
    finally:
        writer.transport.abort()


async def _read_frame(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reply: _Reply) -> bool:
    """True at the end of the stream. Raises EOFError and OSError."""
    head = await reader.readexactly(9)
    length, kind, flags, stream = int.from_bytes(head[:3]), head[3], head[4], int.from_bytes(head[5:]) & 0x7FFFFFFF
    if length > ANSWER_BYTES or (not reply.connected and kind != _SETTINGS):
        raise EOFError("no HTTP/2")
    payload = await reader.readexactly(length)
    if kind == _SETTINGS and not flags & _ACK:
        reply.connected = True
        writer.write(_frame(_SETTINGS, _ACK, 0, b""))
    elif kind == _PING and not flags & _ACK:
        writer.write(_frame(_PING, _ACK, 0, payload))
    elif kind == _AWAY or (kind == _RESET and stream == 1):
        return True
    if stream != 1 or kind not in (_DATA, _HEADERS, _MORE):
        return False
    if kind == _DATA:
        reply.data += _unpadded(payload, flags)
    elif kind == _HEADERS:
        block = _unpadded(payload, flags)
        reply.blocks.append(block[5:] if flags & _PRIORITY else block)
    else:
        reply.blocks[-1:] = [b"".join((*reply.blocks[-1:], payload))]
    if len(reply.data) + sum(map(len, reply.blocks)) > ANSWER_BYTES:
        raise EOFError("too long")
    return bool(kind != _MORE and flags & _END_STREAM)


def _unpadded(payload: bytes, flags: int) -> bytes:
    return payload[1:len(payload) - payload[0]] if flags & _PADDED and payload else payload


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


def _request(authority: str, service: str) -> bytes:
    headers = {":method": "POST", ":scheme": "http", ":path": "/grpc.health.v1.Health/Check", ":authority": authority,
               "content-type": "application/grpc", "user-agent": f"kube-probe/{VERSION}", "te": "trailers"}
    block = b"".join(b"\0" + _text(name) + _text(value) for name, value in headers.items())
    name = service.encode()
    message = b"\x0a" + _number(len(name)) + name if name else b""
    body = b"\0" + len(message).to_bytes(4) + message
    return _frame(_HEADERS, _END_HEADERS, 1, block) + _frame(_DATA, _END_STREAM, 1, body)


def _text(text: str) -> bytes:
    """A string of HPACK, as it is."""
    data = text.encode()
    if len(data) < 127:
        return bytes((len(data),)) + data
    return b"\x7f" + _number(len(data) - 127) + data


def _number(value: int) -> bytes:
    """Seven bits at a time, the lowest first."""
    found = bytearray()
    while value > 127:
        found.append(value & 127 | 128)
        value >>= 7
    found.append(value)
    return bytes(found)
