"""SPDY without a network: what one side sends the other understands, and nonsense is refused."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.spdy import connection as limits
from orlop.spdy import frames
from orlop.spdy.connection import Connection, Role
from orlop.spdy.dictionary import DICTIONARY
from orlop.spdy.errors import ProtocolError, StreamClosed
from orlop.spdy.events import Data, Event, GoneAway, MoreHeaders, Opened, Ponged, Replied, Reset
from orlop.spdy.headers import Compressor, Decompressor

NAMES = st.text("abcdefghijklmnopqrstuvwxyz-", min_size=1, max_size=20)
VALUES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=50)


def pair() -> tuple[Connection, Connection]:
    return Connection(Role.CLIENT), Connection(Role.SERVER)


def opened() -> tuple[Connection, Connection, int]:
    """Two connections with one stream that both know."""
    client, server = pair()
    stream = client.open({"streamtype": "data"})
    server.receive(client.to_send())
    server.reply(stream)
    assert client.receive(server.to_send()) == [Replied(stream, {})]
    return client, server, stream


@given(st.lists(st.dictionaries(NAMES, VALUES, max_size=10), max_size=5))
def test_headers_round_trip(blocks: list[dict[str, str]]) -> None:
    """Blocks are understood in the order they were made, with one memory for all."""
    pack, unpack = Compressor(), Decompressor()
    for block in blocks:
        assert unpack.unpack(pack.pack(block)) == block


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=300)), max_size=20), st.data())
def test_any_cut_of_the_bytes_means_the_same(writes: list[tuple[bool, bytes]], data: st.DataObject) -> None:
    """However the network cuts the bytes, the streams carry the same."""
    client, server, stream = opened()
    other = client.open({"streamtype": "other"})
    wire = client.to_send()
    for second, payload in writes:
        client.send(other if second else stream, payload)
    client.send(stream, b"", fin=True)
    wire += client.to_send()
    got: dict[int, bytes] = {stream: b"", other: b""}
    fins = []
    while wire:
        cut = data.draw(st.integers(1, len(wire)))
        for event in server.receive(wire[:cut]):
            if isinstance(event, Data):
                got[event.stream] += event.data
                fins += [event.stream] * event.fin
        wire = wire[cut:]
    assert got == {stream: b"".join(p for s, p in writes if not s), other: b"".join(p for s, p in writes if s)}
    assert fins == [stream]


@given(st.binary(max_size=200))
def test_nonsense_is_refused_or_understood(junk: bytes) -> None:
    """Nothing but ProtocolError comes out of any bytes."""
    server = Connection(Role.SERVER)
    try:
        server.receive(junk)
    except ProtocolError:
        return


def test_streams_end_when_both_sides_have_ended() -> None:
    """A half-closed stream still carries the other half; then it is forgotten."""
    client, server, stream = opened()
    client.send(stream, b"bye", fin=True)
    assert server.receive(client.to_send()) == [Data(stream, b"bye", True)]
    with pytest.raises(StreamClosed):
        client.send(stream, b"more")
    server.send(stream, b"answer")
    server.send(stream, b"", fin=True)
    assert client.receive(server.to_send()) == [Data(stream, b"answer"), Data(stream, b"", True)]
    assert (len(client), len(server)) == (0, 0)


def test_reset_ends_both_halves() -> None:
    """After a reset neither side knows the stream, and late data is dropped."""
    client, server, stream = opened()
    server.send(stream, b"late")
    late = server.to_send()
    client.reset(stream)
    assert client.receive(late) == []
    assert server.receive(client.to_send()) == [Reset(stream, frames.CANCEL)]
    assert (len(client), len(server)) == (0, 0)


def test_ids() -> None:
    """Clients open odd streams and servers even ones; ids that go back are refused."""
    client, server = pair()
    assert [client.open({}), client.open({}), server.open({})] == [1, 3, 2]
    sent = client.to_send()
    assert [event.stream for event in server.receive(sent) if isinstance(event, Opened)] == [1, 3]
    server.to_send()
    block = Compressor().pack({})
    fresh = Connection(Role.SERVER)
    fresh._peer_next = 5
    assert fresh.receive(frames.syn_stream(3, block, 0)) == []
    assert fresh.to_send() == frames.rst_stream(3, frames.PROTOCOL_ERROR)


def test_too_many_streams_are_refused() -> None:
    """The limit on open streams is kept with RST_STREAM."""
    client, server = pair()
    for _ in range(limits.MOST_STREAMS + 1):
        client.open({})
    events = server.receive(client.to_send())
    assert len(events) == limits.MOST_STREAMS
    refused = server.to_send()
    assert client.receive(refused) == [Reset(2 * limits.MOST_STREAMS + 1, frames.REFUSED_STREAM)]


def test_pings_come_back() -> None:
    """The peer's pings are answered, ours are told."""
    client, server = pair()
    id = client.ping()
    assert server.receive(client.to_send()) == []
    assert client.receive(server.to_send()) == [Ponged(id)]


def test_goodbye_is_the_end() -> None:
    """After GOAWAY nothing is read, and nothing can be opened."""
    client, server, stream = opened()
    server.go_away()
    server_says = server.to_send()
    assert client.receive(server_says + frames.ping(2)) == [GoneAway(stream, 0)]
    assert client.to_send() == b""
    with pytest.raises(StreamClosed):
        client.open({})


def test_settings_and_windows_mean_nothing() -> None:
    """As in spdystream: there is no flow control."""
    client, server, stream = opened()
    settings = frames.control(frames.SETTINGS, struct.pack(">III", 1, 7, 1))
    window = frames.control(frames.WINDOW_UPDATE, struct.pack(">II", stream, 1))
    assert server.receive(settings + window) == []
    server.send(stream, b"x" * (1 << 20))
    events = client.receive(server.to_send())
    assert sum(len(event.data) for event in events if isinstance(event, Data)) == 1 << 20


def test_more_headers() -> None:
    """Headers after the beginning are told, and may end a half."""
    client, server, stream = opened()
    client.send_headers(stream, {"a": "b"}, fin=True)
    assert server.receive(client.to_send()) == [MoreHeaders(stream, {"a": "b"}, True)]


def test_large_data_goes_out_in_frames() -> None:
    """24 bits of length are enough for one frame only."""
    client, server, stream = opened()
    client.send(stream, b"x" * (frames.LONGEST_FRAME + 5))
    events: list[Event] = server.receive(client.to_send())
    assert [len(event.data) for event in events if isinstance(event, Data)] == [frames.LONGEST_FRAME, 5]


@pytest.mark.parametrize("sent", [
    frames.HEAD.pack(0, 5), frames.control(5, b""), frames.ping(0), frames.rst_stream(1, 0),
    frames.control(frames.RST_STREAM, b"\0"), frames.control(frames.GOAWAY, bytes(8), 1),
    frames.HEAD.pack(0x80030001, limits.LONGEST_CONTROL + 1), frames.syn_stream(0, Compressor().pack({}), 0),
    frames.syn_stream(1, b"not compressed", 0),
])
def test_what_fails_the_connection(sent: bytes) -> None:
    """What the protocol does not allow."""
    with pytest.raises(ProtocolError):
        Connection(Role.SERVER).receive(sent)


def test_a_bomb_of_headers_fails() -> None:
    """A few bytes that become megabytes are not taken apart."""
    packer = zlib.compressobj(zdict=DICTIONARY)
    block = packer.compress(bytes(64 << 20)) + packer.flush(zlib.Z_SYNC_FLUSH)
    assert len(block) < limits.LONGEST_CONTROL
    with pytest.raises(ProtocolError):
        Decompressor().unpack(block)


def test_an_idle_connection_is_small() -> None:
    """Compression remembers little."""
    assert Compressor().pack({"streamtype": "error"})[:1] == bytes((8 | (11 - 8) << 4,))
