"""Logs keep lines with their times, forget the oldest, and are answered as they are asked for."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from orlop.api.http import Request
from orlop.node.log import LINE_BYTES, Log
from orlop.node.log_answer import LogQuery, log_answer
from orlop.server.transport import MemoryChannel


async def _answered(log: Log, query: str, now: float = 100.0) -> bytes:
    channel = MemoryChannel(1 << 24)
    log_answer(log, LogQuery.parse(Request("GET", "/", query), now)).open(channel)
    parts = []
    while (chunk := await channel.read()) is not None:
        parts.append(chunk)
    return b"".join(parts)


def answered(log: Log, query: str = "") -> bytes:
    return asyncio.run(_answered(log, query))


def made() -> Log:
    log = Log()
    for second, (stream, text) in enumerate((("stdout", b"one\n"), ("stderr", b"two\n"), ("stdout", b"three\nfo"))):
        log.write(stream, text, 90.0 + second)
    log.write("stdout", b"ur\n", 95.0)
    return log


def test_options() -> None:
    """tailLines, limitBytes, sinceSeconds, sinceTime, timestamps and stream."""
    log = made()
    assert answered(log) == b"one\ntwo\nthree\nfour\n"
    assert answered(log, "tailLines=2") == b"three\nfour\n"
    assert answered(log, "tailLines=0") == b""
    assert answered(log, "limitBytes=5") == b"one\nt"
    assert answered(log, "sinceSeconds=8") == b"three\nfour\n"
    assert answered(log, "sinceTime=1970-01-01T00:01:35Z") == b"four\n"
    assert answered(log, "stream=Stderr") == b"two\n"
    assert answered(log, "timestamps=true&tailLines=1") == b"1970-01-01T00:01:35.000000000Z four\n"


def test_a_follower_gets_what_comes_until_the_end() -> None:
    async def scenario() -> list[bytes | None]:
        log, channel = made(), MemoryChannel(1 << 20)
        log_answer(log, LogQuery(follow=True, tail=1)).open(channel)
        found = [await channel.read()]
        log.write("stdout", b"five\nsi", 96.0)
        found.append(await channel.read())
        log.write("stdout", b"x", 97.0)
        log.close(98.0)
        return [*found, await channel.read(), await channel.read()]

    assert asyncio.run(scenario()) == [b"four\n", b"five\n", b"six", None]


@given(st.lists(st.binary(max_size=3 * LINE_BYTES), max_size=20))
def test_no_byte_is_lost(parts: list[bytes]) -> None:
    """However output is cut, below the limit the log gives it back."""
    log = Log()
    for part in parts:
        log.write("stdout", part, 1.0)
    log.close(2.0)
    assert answered(log) == b"".join(parts)


def test_the_oldest_lines_go() -> None:
    log = Log(1000)
    for number in range(100):
        log.write("stdout", b"%d\n" % number, 1.0)
    kept = answered(log).split()
    assert kept[-1] == b"99" and 0 < len(kept) < 15
    lines, number = log.since(0)
    assert [line.text for line in lines] == kept and number == 100
