"""orlop inside another program: `orlop.Server`.

Used by tests, scripts and applications; the package's public API is made of these names (see `orlop`). A server is
started and ended by `server.run.running`, the same way as the command's. Requests made with `request` and `watch` go
through the in-process transport (`server.transport`), without a socket, also when the server listens on one.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import threading
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import orjson

from orlop.kinds.custom.program import Program
from orlop.registry.store import Outside
from orlop.server import run, snapshots
from orlop.server.config import Config
from orlop.server.data_dir import KUBECONFIG
from orlop.server.run import Running, running
from orlop.server.snapshots import Snapshot
from orlop.server.transport import InProcess, StreamReply

_T = TypeVar("_T")
_JSON: Final = "application/json"
_PATH_CHARACTERS: Final = "/%:@!$&'()*+,;=-._~"
"""What stays as it is in a path; the rest is percent-encoded."""

_OWN: Final[dict[str, Any]] = {
    "data_dir": None, "storage": "memory", "secure_port": 0, "access_log": None, "etcd_servers": (),
    "encryption_provider_config": None, "leader_elect": False,
}  # fmt: skip
"""Settings that a server which begins with a snapshot does not take over: what only one server can have."""

Query = Mapping[str, str | int | bool]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer. `headers` by lower-case name, repeated ones joined."""

    status: int
    headers: dict[str, str] = field(repr=False)
    body: bytes

    @property
    def ok(self) -> bool:
        return self.status < 400

    def json(self) -> Any:
        """The decoded body."""
        return orjson.loads(self.body)


class Watch(AsyncIterator[dict[str, Any]]):
    """The events of a watch as they come: `{"type": ..., "object": ...}`. Leave it with `aclose`, or use it with
    `async with`. `status` is the HTTP status; without 200 the only event is the Status that says why."""

    def __init__(self, stream: StreamReply) -> None:
        self.status, self.headers = stream.status, stream.headers
        self._stream = stream
        self._lines: list[bytes] = []
        self._rest = b""

    def __aiter__(self) -> Watch:
        return self

    async def __anext__(self) -> dict[str, Any]:
        while not self._lines:
            try:
                chunk = await self._stream.__anext__()
            except StopAsyncIteration:
                if not self._rest:
                    raise
                chunk = b"\n"
            *complete, self._rest = (self._rest + chunk).split(b"\n")
            self._lines = [line for line in complete if line][::-1]
        event: dict[str, Any] = orjson.loads(self._lines.pop())
        return event

    async def aclose(self) -> None:
        await self._stream.aclose()

    async def __aenter__(self) -> Watch:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


class Server:
    """A server for as long as an `async with` lasts, on the loop that runs there.

    Settings are those of `orlop.Config` (and of `orlop serve`), as a `config` or one by one. Given one by one they
    default to what suits an embedded server: without `data_dir` (or `etcd_servers`) objects live in memory, and the
    port is a free one.
    With `listen=False` there is no socket, only `request` and `watch`. `outside` replaces clock and chance.
    With a `state`, a snapshot of this server or of another one, it begins with the objects, credentials and settings of
    that (`settings` change single ones), and keeps objects in memory.
    `kinds` are classes declared with `orlop.kind`; they are served when the server is entered. Without `builtins` there
    is little else: what kubectl, access control and operators need.
    Raises DeclarationError for kinds that cannot be; when it is entered, what `server.run.running` raises.
    """

    def __init__(self, config: Config | None = None, *, listen: bool = True, outside: Outside | None = None,
                 state: Snapshot | None = None, kinds: Iterable[type[Any]] = (), builtins: bool = True,
                 **settings: Any) -> None:
        if config is not None and settings:
            raise TypeError(f"a config or single settings, not both: {', '.join(settings)}")
        if config is None and state is not None:
            config = replace(state.config, **(_OWN | settings))
        elif config is None:
            storage = "etcd" if settings.get("etcd_servers") else "sqlite" if settings.get("data_dir") else "memory"
            given: dict[str, Any] = {"secure_port": 0, "storage": storage}
            config = Config(**(given | settings))
        if state is not None and config.storage != "memory":
            raise TypeError(f"a server with a state keeps objects in memory, not in {config.storage}")
        self.config = config
        self._listen, self._outside, self._state = listen, outside, state
        self._kinds, self._builtins = tuple(kinds), builtins
        self.programs = _programs(self._kinds) if self._kinds else []
        self._stack = contextlib.AsyncExitStack()
        self._running: Running | None = None

    @classmethod
    def in_thread(cls, config: Config | None = None, *, listen: bool = True, outside: Outside | None = None,
                  state: Snapshot | None = None, kinds: Iterable[type[Any]] = (), builtins: bool = True,
                  **settings: Any) -> ThreadedServer:
        """The same server for programs that are not asynchronous: enter the result with `with`; the server runs in a
        thread of its own."""
        return ThreadedServer(cls(config, listen=listen, outside=outside, state=state, kinds=kinds, builtins=builtins,
                                  **settings))

    async def __aenter__(self) -> Server:
        if self._running is not None:
            raise RuntimeError("this server runs already")
        server = await self._stack.enter_async_context(
            running(self.config, listen=self._listen, outside=self._outside, beginning=self._state,
                    programs=self.programs, builtins=self._builtins))
        self._client = InProcess(server.application.handler, clock=server.application.outside.clock)
        self._running = server
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None,
                        trace: TracebackType | None) -> None:
        self._running = None
        await self._stack.__aexit__(kind, error, trace)

    @property
    def running(self) -> Running:
        """The server's inside, for those who know it."""
        if self._running is None:
            raise RuntimeError("this server does not run: enter it first")
        return self._running

    @property
    def url(self) -> str:
        """Where it listens: https://ADDRESS:PORT."""
        if not self._listen:
            raise RuntimeError("this server does not listen (listen=False)")
        return self.running.url

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig. A file of the data directory: gone at the end, if that is temporary."""
        if not self._listen:
            raise RuntimeError("this server does not listen (listen=False)")
        return self.running.directory.path / KUBECONFIG

    @property
    def token(self) -> str:
        """The administrator's bearer token."""
        return self.running.directory.admin_token

    async def request(self, method: str, path: str, body: Any = None, *, query: Query | None = None,
                      headers: Mapping[str, str] | None = None) -> Reply:
        """Make a request, as the administrator unless `headers` bring an Authorization ("" for none). `body`: bytes as
        they are, anything else as JSON. A content type for patches goes into `headers`. Cancelling it does not take
        back a write that is on its way."""
        work = self._client_of().request(method, _target(path, query), *_sent(self.token, body, headers))
        task = asyncio.ensure_future(work)
        reply = await asyncio.shield(task) if method not in ("GET", "HEAD") else await task
        return Reply(reply.status, reply.headers, reply.body)

    async def watch(self, path: str, *, query: Query | None = None,
                    headers: Mapping[str, str] | None = None) -> Watch:
        """Watch a collection (`watch=1` is added to `query`)."""
        target = _target(path, {**(query or {}), "watch": True})
        return Watch(await self._client_of().stream("GET", target, *_sent(self.token, None, headers)))

    async def snapshot(self) -> Snapshot:
        """The server's whole state at its newest revision, for `restore` and for `Server(state=...)`. Raises
        StorageError."""
        server = self.running
        return await snapshots.take(server.application, server.directory.path)

    async def restore(self, snapshot: Snapshot) -> int:
        """Make the objects those of `snapshot` again, in one go, by new writes: what differs is deleted, changed or
        made anew, and open watches see just that. Returns the revision at which it is so. Credentials and settings stay
        as they are. Raises StorageError."""
        return await snapshots.restore(self.running.application, snapshot.state)

    async def fork(self, *, listen: bool | None = None, outside: Outside | None = None, **settings: Any) -> Server:
        """Another server, to be entered, that begins where this one is now: with its objects, credentials and settings
        (but for those given), in memory. From then on the two know nothing of each other. A clock and a source of
        chance that this server was given go on in the other: the clock as one for both, the source as a copy."""
        if outside is None and self._outside is not None:
            outside = Outside(self._outside.clock, copy.deepcopy(self._outside.entropy))
        return Server(listen=self._listen if listen is None else listen, outside=outside, state=await self.snapshot(),
                      kinds=self._kinds, builtins=self._builtins, **settings)

    def _client_of(self) -> InProcess:
        self.running  # noqa: B018  (raises when it does not run)
        return self._client


def serve(*kinds: type[Any], builtins: bool = True, **settings: Any) -> None:
    """Serve some kinds, and all that an API server has, until SIGTERM or ^C: a program of its own. Settings are those
    of `Server`; once ready, it prints one line that says where, as `orlop serve` does."""
    import uvloop

    server = Server(kinds=kinds, **settings)
    uvloop.run(run.serve(server.config, server.programs, builtins))


class ThreadedServer:
    """A `Server` in a thread of its own, for as long as a `with` lasts. Made by `Server.in_thread`; `request` may be
    called from any thread."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._thread: threading.Thread | None = None
        self._ended: Future[None] = Future()
        self._loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event

    def __enter__(self) -> ThreadedServer:
        if self._thread is not None:
            raise RuntimeError("this server was started before")
        started: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(started,), name="orlop", daemon=True)
        self._thread.start()
        started.result()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._thread is not None
        with contextlib.suppress(RuntimeError):  # the loop is closed: it ended by itself
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        self._ended.result()

    def _run(self, started: Future[None]) -> None:
        import uvloop

        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            try:
                runner.run(self._serve(started))
            except BaseException as error:
                (self._ended if started.done() else started).set_exception(error)
            else:
                self._ended.set_result(None)

    async def _serve(self, started: Future[None]) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        async with self._server:
            started.set_result(None)
            await self._stop.wait()

    def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    @property
    def config(self) -> Config:
        return self._server.config

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def kubeconfig(self) -> Path:
        return self._server.kubeconfig

    @property
    def token(self) -> str:
        return self._server.token

    def request(self, method: str, path: str, body: Any = None, *, query: Query | None = None,
                headers: Mapping[str, str] | None = None) -> Reply:
        """As `Server.request`, and waits for the answer."""
        return self._call(self._server.request(method, path, body, query=query, headers=headers))

    def snapshot(self) -> Snapshot:
        """As `Server.snapshot`."""
        return self._call(self._server.snapshot())

    def restore(self, snapshot: Snapshot) -> int:
        """As `Server.restore`."""
        return self._call(self._server.restore(snapshot))

    def fork(self, *, listen: bool | None = None, outside: Outside | None = None, **settings: Any) -> ThreadedServer:
        """As `Server.fork`: a server to be entered, in a thread of its own."""
        return ThreadedServer(self._call(self._server.fork(listen=listen, outside=outside, **settings)))


def _programs(kinds: Iterable[type[Any]]) -> list[Program]:
    """What declares kinds is imported where there are some: most servers have none."""
    from orlop.declared.program import programs

    return programs(kinds)


def _target(path: str, query: Query | None) -> str:
    """A request target; `path` may bring a query of its own, encoded already."""
    path, mark, own = path.partition("?")
    texts = {name: str(value).lower() if isinstance(value, bool) else str(value)
             for name, value in (query or {}).items()}
    added = urlencode(texts)
    whole = "&".join(part for part in (own, added) if part)
    target = quote(path, safe=_PATH_CHARACTERS)
    return f"{target}?{whole}" if whole else target + mark


def _sent(token: str, body: Any, headers: Mapping[str, str] | None) -> tuple[dict[str, str], bytes]:
    """Headers and body as they are sent."""
    sent = {"authorization": f"Bearer {token}", "accept": _JSON, "user-agent": "orlop-embedded"}
    if body is not None:
        sent["content-type"] = _JSON
    sent |= {name.lower(): value for name, value in (headers or {}).items()}
    if not sent["authorization"]:
        del sent["authorization"]
    if body is None:
        return sent, b""
    return sent, body if isinstance(body, bytes) else orjson.dumps(body)
