"""/exec, /attach and /portForward: SPDY/3.1 between the API server and what runs in a pod.

Called by `endpoint`; the bytes are the business of `spdy`, what runs that of the runtime. Behaviour: kubernetes
`staging/src/k8s.io/kubelet/pkg/cri/streaming/{remotecommand,portforward}`, protocol versions v4.channel.k8s.io and
older for commands, portforward.k8s.io for ports.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final

import orjson

from orlop.api.http import Answer, RawConnection, Request, Response, Upgrade
from orlop.node.runtime import Refusal, Runtime
from orlop.node.runtime import Session as Command
from orlop.spdy.connection import Role
from orlop.spdy.errors import StreamClosed
from orlop.spdy.session import Session, Stream

log = logging.getLogger(__name__)

PROTOCOLS: Final = ("v4.channel.k8s.io", "v3.channel.k8s.io", "v2.channel.k8s.io", "channel.k8s.io")
FORWARDING: Final = ("portforward.k8s.io",)
CREATION_SECONDS: Final = 30.0
"""In which the streams of a command, or the pair of a forwarded connection, must have come."""
_PIECE: Final = 64 * 1024
_VERSION: Final = "X-Stream-Protocol-Version"
_TEXT: Final = "text/plain; charset=utf-8"


class Streams:
    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._tasks: set[asyncio.Task[None]] = set()
        """One for each upgraded connection, or forwarded one in it."""

    def close(self) -> None:
        for task in list(self._tasks):
            task.cancel()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # --- commands ------------------------------------------------------------------------------------------------

    def command(self, request: Request, uid: str, container: str, attach: bool, terminal: bool) -> Answer:
        """`terminal`: the container has one, which counts when it is attached to."""
        def on(name: str) -> bool:
            return request.parameter(name) in ("1", "true")

        tty = terminal if attach else on("tty")
        wanted = ["error"] + [name for name, flag in (("stdin", "input"), ("stdout", "output")) if on(flag)]
        if on("error") and not tty:
            wanted.append("stderr")
        opener = (partial(self._runtime.attach, uid, container, "stdin" in wanted) if attach else
                  partial(self._runtime.execute, uid, container, request.parameters.get("command", []),
                          "stdin" in wanted, tty))
        return self._upgrade(request, PROTOCOLS,
                             lambda session, version: self._serve(session, version, wanted, tty, opener))

    async def _serve(self, session: Session, version: str, wanted: list[str], tty: bool,
                     opener: Callable[[Callable[[str, bytes], Awaitable[None]]], Awaitable[Command]]) -> None:
        if tty and version in PROTOCOLS[:2]:
            wanted = [*wanted, "resize"]
        found = await _streams(session, wanted)
        if found is None:
            return

        async def output(name: str, data: bytes) -> None:
            stream = found.get(name)
            try:
                if stream is not None and data:
                    await stream.write(data)
                elif stream is not None:
                    stream.close()
            except StreamClosed:
                return  # the client has gone, which ends the command

        error = found["error"]
        try:
            command = await opener(output)
        except Refusal as refusal:
            await _say(error, _failure(version, str(refusal)))
            return
        pumps = [self._spawn(_gone(session, command))]
        if "stdin" in found:
            pumps.append(self._spawn(_input(found["stdin"], command)))
        if "resize" in found:
            pumps.append(self._spawn(_sizes(found["resize"], command)))
        try:
            code = await command.wait()
        finally:
            command.kill()
            for pump in pumps:
                pump.cancel()
        await _say(error, _outcome(version, code))

    # --- ports ---------------------------------------------------------------------------------------------------

    def forward(self, request: Request, uid: str) -> Answer:
        return self._upgrade(request, FORWARDING, lambda session, _: self._forward(session, uid))

    async def _forward(self, session: Session, uid: str) -> None:
        """Each connection is a pair of streams with one request id."""
        halves: dict[str, Stream] = {}
        while (stream := await session.accept()) is not None:
            id, kind = stream.headers.get("requestid", ""), stream.headers.get("streamtype", "")
            if kind not in ("error", "data") or not stream.headers.get("port", "").isdecimal():
                stream.refuse()
                continue
            stream.reply()
            if kind == "error":
                stream.discard()
            other = halves.pop(id, None)
            if other is None:
                halves[id] = stream
                continue
            data, error = (stream, other) if kind == "data" else (other, stream)
            self._spawn(self._connect(uid, int(data.headers["port"]), data, error))

    async def _connect(self, uid: str, port: int, data: Stream, error: Stream) -> None:
        try:
            reader, writer = await self._runtime.dial(uid, port)
        except Refusal as refusal:
            await _say(error, f"error forwarding port {port} to pod {uid}, uid : {refusal}".encode())
            data.reset()
            return
        upwards = asyncio.get_running_loop().create_task(_upwards(data, writer))
        try:
            while chunk := await reader.read(_PIECE):
                await data.write(chunk)
            data.close()
            await upwards
        except (OSError, StreamClosed):
            data.reset()
        finally:
            upwards.cancel()
            writer.close()
            error.close()

    # --- both ----------------------------------------------------------------------------------------------------

    def _upgrade(self, request: Request, known: Sequence[str],
                 serve: Callable[[Session, str], Coroutine[Any, Any, None]]) -> Answer:
        connection = request.headers.get("connection", "").lower()
        if "upgrade" not in connection or "spdy/3.1" not in request.headers.get("upgrade", "").lower():
            return Response(400, b"unable to upgrade: missing upgrade headers in request\n", _TEXT)
        offered = [part.strip() for name, value in request.header_list if name.lower() == _VERSION.lower()
                   for part in value.split(",")]
        version = next((one for one in offered if one in known), "" if not offered else None)
        if version is None:
            text = f"unable to upgrade: unable to negotiate protocol: client supports {offered}, server accepts {known}"
            return Response(403, f"{text}\n".encode(), _TEXT, tuple(("X-Accepted-Stream-Protocol-Versions", one)
                                                                     for one in known))
        chosen = version

        def take(raw: RawConnection, early: bytes) -> None:
            self._spawn(_served(raw, early, chosen, serve))

        headers = [("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1")]
        return Upgrade((*headers, (_VERSION, chosen)) if chosen else tuple(headers), take)


async def _served(raw: RawConnection, early: bytes, version: str,
                  serve: Callable[[Session, str], Coroutine[Any, Any, None]]) -> None:
    session = Session(Role.SERVER, raw, early)
    try:
        await serve(session, version)
    finally:
        session.close()


async def _streams(session: Session, wanted: Sequence[str]) -> dict[str, Stream] | None:
    """The streams of a command by type; None when the client does not open them in time."""
    found: dict[str, Stream] = {}
    try:
        async with asyncio.timeout(CREATION_SECONDS):
            while len(found) < len(wanted):
                stream = await session.accept()
                if stream is None:
                    return None
                kind = stream.headers.get("streamtype", "")
                if kind not in wanted or kind in found:
                    stream.refuse()
                    continue
                stream.reply()
                found[kind] = stream
                if kind not in ("stdin", "resize"):
                    stream.discard()
    except TimeoutError:
        return None
    return found


async def _gone(session: Session, command: Command) -> None:
    await session.over()
    command.kill()


async def _input(stream: Stream, command: Command) -> None:
    while data := await stream.read():
        await command.write(data)
    command.close_input()


async def _sizes(stream: Stream, command: Command) -> None:
    """Sizes of the terminal, JSON objects one after the other."""
    rest = b""
    while data := await stream.read():
        *whole, rest = (rest + data).replace(b"}", b"}\n").split(b"\n")
        for text in filter(bytes.strip, whole):
            try:
                size = orjson.loads(text)
                command.resize(int(size["Width"]), int(size["Height"]))
            except (ValueError, KeyError, TypeError):
                log.info("a terminal's size cannot be read: %r", text)


async def _upwards(data: Stream, writer: asyncio.StreamWriter) -> None:
    while chunk := await data.read():
        writer.write(chunk)
        await writer.drain()
    if data.broken:
        writer.transport.abort()
    elif writer.can_write_eof():
        writer.write_eof()


async def _say(stream: Stream, text: bytes) -> None:
    try:
        if text:
            await stream.write(text)
        stream.close()
    except StreamClosed:
        return  # nobody listens any more


def _outcome(version: str, code: int) -> bytes:
    if code == 0:
        return orjson.dumps({"metadata": {}, "status": "Success"}) if version == PROTOCOLS[0] else b""
    text = f"command terminated with non-zero exit code: exit status {code}"
    if version != PROTOCOLS[0]:
        return text.encode()
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return orjson.dumps({"metadata": {}, "status": "Failure", "message": text, "reason": "NonZeroExitCode",
                         "details": {"causes": causes}})


def _failure(version: str, text: str) -> bytes:
    if version != PROTOCOLS[0]:
        return text.encode()
    return orjson.dumps({"metadata": {}, "status": "Failure", "message": text, "reason": "InternalError",
                         "details": {"causes": [{"message": text}]}, "code": 500})
