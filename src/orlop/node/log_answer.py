"""/containerLogs: what a container has written, as the API server asks for it.

Called by `endpoint`. Reads the query, picks lines from a `Log`, and streams them; with `follow` until the container
ends or the client leaves. Behaviour: kubernetes `pkg/kubelet/server/server.go` (getContainerLogs), cri-client
`pkg/logs/logs.go`.
"""

from __future__ import annotations

import asyncio
import datetime
from dataclasses import dataclass
from typing import Final

from orlop.api import times as instants
from orlop.api.gotext import NumberError, parse_int64
from orlop.api.http import Channel, Frame, Request, Stream
from orlop.node.log import Line, Log

PIECE: Final = 64 * 1024
"""Lines are joined up to this for one write."""
_TEXT: Final = "text/plain"


class BadQuery(ValueError):
    """A parameter that cannot be read."""


@dataclass(frozen=True, slots=True)
class LogQuery:
    follow: bool = False
    previous: bool = False
    timestamps: bool = False
    since: float = 0.0
    tail: int | None = None
    limit: int | None = None
    stream: str = ""

    @classmethod
    def parse(cls, request: Request, now: float) -> LogQuery:
        """Raises BadQuery."""
        seconds, moment = _number(request, "sinceSeconds"), request.parameter("sinceTime")
        since = now - seconds if seconds is not None else 0.0
        if moment:
            try:
                found = instants.parse(moment)
            except instants.TimeError as error:
                raise BadQuery(str(error)) from error
            since = found.seconds + found.nanoseconds / 1e9
        stream = request.parameter("stream").lower()
        return cls(_flag(request, "follow"), _flag(request, "previous"), _flag(request, "timestamps"), since,
                   _number(request, "tailLines"), _number(request, "limitBytes"), "" if stream == "all" else stream)


def _flag(request: Request, name: str) -> bool:
    return request.parameter(name).lower() in ("true", "1")


def _number(request: Request, name: str) -> int | None:
    text = request.parameter(name)
    if not text:
        return None
    try:
        return parse_int64(text)
    except NumberError as error:
        raise BadQuery(str(error)) from error


def log_answer(log: Log, query: LogQuery) -> Stream:
    """The lines so far and, when followed, those to come."""

    def open(channel: Channel) -> None:
        task = asyncio.get_running_loop().create_task(_send(log, query, channel))
        _TASKS.add(task)
        task.add_done_callback(_TASKS.discard)

        def left() -> None:
            task.cancel()

        channel.on_lost = left

    return Stream(_TEXT, open)


_TASKS: set[asyncio.Task[None]] = set()
"""One for each log that is being read, until its client has it or leaves."""


async def _send(log: Log, query: LogQuery, channel: Channel) -> None:
    drained = asyncio.Event()
    channel.on_drained = drained.set
    left = query.limit
    number = log.tail(query.tail) if query.tail is not None else 0
    end = None if query.follow else log.end
    while left is None or left > 0:
        lines, number = log.since(number)
        if end is not None and number >= end:
            lines = lines[:len(lines) - (number - end)]
        for piece in _pieces(lines, query):
            if left is not None:
                piece = piece[:left]
                left -= len(piece)
            drained.clear()
            channel.write(Frame(piece))
            if channel.congested:
                await drained.wait()
            if left == 0:
                break
        if (end is not None and number >= end) or (log.closed and number >= log.end):
            break
        if not lines:
            await log.more(number)
    channel.close()


def _pieces(lines: list[Line], query: LogQuery) -> list[bytes]:
    found: list[bytes] = []
    current: list[bytes] = []
    size = 0
    for line in lines:
        if line.time < query.since or (query.stream and line.stream != query.stream):
            continue
        text = line.text + b"\n" if line.whole else line.text
        if query.timestamps:
            text = _stamp(line.time) + text
        current.append(text)
        size += len(text)
        if size >= PIECE:
            found.append(b"".join(current))
            current, size = [], 0
    return [*found, b"".join(current)] if current else found


def _stamp(time: float) -> bytes:
    moment = datetime.datetime.fromtimestamp(time, datetime.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S.%f}000Z ".encode()
