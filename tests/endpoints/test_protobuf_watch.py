"""Watches in protobuf: each event is a message after its length, with the object as it travels otherwise."""

from __future__ import annotations

from served import MAPS, make, play

import orlop
from orlop.api.gvk import GroupVersionKind
from orlop.codec import protobuf
from orlop.schema.kind import builtin
from orlop.server.transport import InProcess

PROTOBUF = "application/vnd.kubernetes.protobuf"


def first_event(data: bytes) -> tuple[str, protobuf.Envelope]:
    length = int.from_bytes(data[:4], "big")
    message = {number: content for number, _, content in protobuf.fields(data[4 : 4 + length], "WatchEvent")}
    raw = {number: content for number, _, content in protobuf.fields(message[2], "RawExtension")}
    return message[1].decode(), protobuf.unwrap(raw[1])


def test_an_event_is_a_message_after_its_length() -> None:
    """A typed client that prefers protobuf reads type, kind and object."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a")
        headers = {"accept": f"{PROTOBUF},application/json", "authorization": f"Bearer {server.token}"}
        reply = await InProcess(server.running.application.handler).stream("GET", f"{MAPS}?watch=1", headers)
        assert reply.headers["content-type"] == f"{PROTOBUF};stream=watch"
        kind, envelope = first_event(await anext(reply))
        assert (kind, envelope.kind, envelope.api_version) == ("ADDED", "ConfigMap", "v1")
        tree = builtin().kind(GroupVersionKind("", "v1", "ConfigMap")).from_protobuf(envelope.raw)
        assert tree["metadata"]["name"] == "a"
        await reply.aclose()

    play(scenario)
