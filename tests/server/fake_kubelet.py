"""A kubelet that runs nothing: an HTTPS listener whose containers' commands are a few lines of Python each."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import tarfile
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

from orlop.api.http import Answer, Channel, Frame, RawConnection, Request, Response, Stream, Upgrade
from orlop.spdy.connection import Role
from orlop.spdy.errors import StreamClosed
from orlop.spdy.session import Session
from orlop.spdy.session import Stream as Pipe

SUCCESS = {"metadata": {}, "status": "Success"}
Streams = dict[str, Pipe]


class FakeKubelet:
    """A handler. `sessions` are the open ones; `cut` ends them all as a crash would."""

    def __init__(self) -> None:
        self.sessions: set[Session] = set()
        self.raws: set[RawConnection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self.requests: list[Request] = []
        self.channels: list[Channel] = []
        self.lost: list[Channel] = []
        self.sizes: list[dict[str, int]] = []
        self.file = b""
        self.refusal: Response | None = None
        self.began = asyncio.Event()
        self.changed = asyncio.Event()

    def __call__(self, request: Request) -> Answer:
        self.requests.append(request)
        verb = request.path.split("/")[1]
        if self.refusal is not None:
            return self.refusal
        if verb == "containerLogs":
            return Stream("text/plain", self._log) if "follow" in request.query else Response(
                200, f"log of {request.path} {request.query}\n".encode(), "text/plain")
        if verb in ("exec", "attach", "portForward"):
            return self._upgrade(request, self._forward if verb == "portForward" else self._command)
        text = json.dumps({"method": request.method, "target": f"{request.raw_path}?{request.query}",
                           "headers": request.header_list, "body": request.body.decode("latin-1")})
        return Response(200, text.encode(), "application/json", (("X-Own", "yes"),))

    def _log(self, channel: Channel) -> None:
        self.channels.append(channel)

        def lost() -> None:
            self.lost.append(channel)
            self.changed.set()

        channel.on_lost = lost
        channel.write(Frame(b"first\n"))
        self.began.set()

    def _upgrade(self, request: Request, work: Callable[[Session, Request], Awaitable[None]]) -> Answer:
        offered = [name.strip() for name in request.headers["x-stream-protocol-version"].split(",")]
        headers = (("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"), ("X-Stream-Protocol-Version", offered[0]))

        def take(raw: RawConnection, early: bytes) -> None:
            session = Session(Role.SERVER, raw, early)
            self.sessions.add(session)
            self.raws.add(raw)
            task = asyncio.get_running_loop().create_task(self._run(session, request, work))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

        return Upgrade(headers, take)

    async def _run(self, session: Session, request: Request,
                   work: Callable[[Session, Request], Awaitable[None]]) -> None:
        try:
            await work(session, request)
        except StreamClosed:
            pass
        finally:
            session.close()
            self.sessions.discard(session)
            self.changed.set()

    async def _command(self, session: Session, request: Request) -> None:
        query = parse_qs(request.query)
        wanted = 1 + sum(name in query for name in ("input", "output", "tty"))
        wanted += "error" in query and "tty" not in query
        streams: Streams = {}
        while len(streams) < wanted:
            stream = await session.accept()
            if stream is None:
                return
            stream.reply()
            streams[stream.headers["streamtype"]] = stream
        self.began.set()
        status = await self._execute(query.get("command", ["attach"]), streams, session)
        for name in ("stdout", "stderr"):
            if name in streams:
                streams[name].close()
        await streams["error"].write(json.dumps(status).encode())
        streams["error"].close()

    async def _execute(self, command: list[str], streams: Streams, session: Session) -> dict[str, object]:
        out = streams.get("stdout")
        if command[0] == "cat":
            while data := await streams["stdin"].read():
                await out.write(data)
        elif command[0] == "sha256":
            digest = hashlib.sha256()
            while data := await streams["stdin"].read():
                digest.update(data)
            await out.write(digest.hexdigest().encode() + b"\n")
        elif command[0] == "tar":
            await self._tar(command, streams)
        elif command[0] == "flood":
            for _ in range(int(command[1]) >> 16):
                await out.write(b"x" * (1 << 16))
        elif command[0] == "both":
            await out.write(b"to stdout\n")
            await streams["stderr"].write(b"to stderr\n")
        elif command[0] == "sizes":
            while len(self.sizes) < int(command[1]) and (data := await streams["resize"].read()):
                self.sizes += map(json.loads, data.splitlines())
        elif command[0] == "hang":
            await session.over()
        elif command[0] == "exit":
            return {"metadata": {}, "status": "Failure", "reason": "NonZeroExitCode", "message": "it failed",
                    "details": {"causes": [{"reason": "ExitCode", "message": command[1]}]}}
        elif command[0] == "fail":
            return {"metadata": {}, "status": "Failure", "reason": "InternalError", "message": command[1], "code": 500}
        elif out is not None:
            await out.write(b"attached\n")
        return SUCCESS

    async def _tar(self, command: list[str], streams: Streams) -> None:
        """`kubectl cp`: keeps the one file of the archive it is sent, and gives it back under the name asked for."""
        if "stdin" in streams:
            archive = b""
            while data := await streams["stdin"].read():
                archive += data
            with tarfile.open(fileobj=io.BytesIO(archive)) as found:
                self.file = found.extractfile(found.getmembers()[0]).read()
            return
        whole = io.BytesIO()
        with tarfile.open(fileobj=whole, mode="w") as made:
            entry = tarfile.TarInfo(command[-1].lstrip("/"))
            entry.size = len(self.file)
            made.addfile(entry, io.BytesIO(self.file))
        await streams["stdout"].write(whole.getvalue())

    async def _forward(self, session: Session, request: Request) -> None:
        """Every port echoes what it is sent, and ends when the client has; port 9 refuses."""
        echoes: set[asyncio.Task[None]] = set()
        failures: dict[str, Pipe] = {}
        self.began.set()
        while (stream := await session.accept()) is not None:
            stream.reply()
            if stream.headers["streamtype"] == "error":
                failures[stream.headers["requestid"]] = stream
                continue
            work = self._echo(stream, failures.pop(stream.headers["requestid"]), int(stream.headers["port"]))
            task = asyncio.get_running_loop().create_task(work)
            echoes.add(task)
            task.add_done_callback(echoes.discard)

    async def _echo(self, data: Pipe, failures: Pipe, port: int) -> None:
        try:
            if port == 9:
                await failures.write(b"nobody listens on 9")
            else:
                while part := await data.read():
                    await data.write(part)
        except StreamClosed:
            return
        finally:
            data.close()
            failures.close()

    def cut(self) -> None:
        """Die: all connections end at once."""
        for raw in self.raws:
            raw._connection.abort()  # type: ignore[attr-defined]
        for channel in self.channels:
            channel.abort()
