"""A whole server without a socket, on a loop whose time jumps: hours pass in a moment, and nothing sleeps."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import fields
from typing import Any

import orjson

import orlop
from orlop.api.http import Frame, Request, Stream
from orlop.embedding import Reply
from orlop.endpoints.broadcast import MAX_DELAY

LONG = 5000.0
"""Virtual seconds after which a test that waits in vain fails."""
MAPS = "/api/v1/namespaces/default/configmaps"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io"
PARTIAL = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
PARTIALS = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
MERGE = {"content-type": "application/merge-patch+json"}
Event = dict[str, Any]


class _Selector(selectors.DefaultSelector):
    """Never waits but for threads: when nothing is ready, the loop's time moves on to what it would have waited for."""

    loop: JumpingLoop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(None if self.loop.in_threads and timeout != 0 else 0)
        if not ready and timeout is None:
            raise RuntimeError("everything waits, and for nothing")
        if not ready and timeout:
            self.loop.now += timeout
        return ready


class JumpingLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now, self.in_threads = 0.0, 0
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)

    def run_in_executor(self, executor: Any, func: Any, *args: Any) -> asyncio.Future[Any]:
        """Whose end is waited for before time moves on."""
        self.in_threads += 1
        running = super().run_in_executor(executor, func, *args)
        running.add_done_callback(self._returned)
        return running

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        """Which waits for the threads in another one."""
        self.in_threads += 1
        try:
            await super().shutdown_default_executor()
        finally:
            self.in_threads -= 1

    def _returned(self, future: asyncio.Future[Any]) -> None:
        self.in_threads -= 1

    def time(self) -> float:
        return self.now


class LoopClock:
    """Tells the time of the (jumping) loop."""

    def now(self) -> float:
        return 1_700_000_000.0 + asyncio.get_running_loop().time()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def play(scenario: Callable[[orlop.Server], Awaitable[None]], **settings: Any) -> None:
    """Run a scenario against a server of its own. Built-in controllers are off, so that only the test writes; pods
    need no account then."""
    off: dict[str, Any] = {field.name: False for field in fields(orlop.Config) if field.name.endswith("_controller")}
    off["disable_admission_plugins"] = ("ServiceAccount",)

    async def playing() -> None:
        async with asyncio.timeout(LONG), orlop.Server(listen=False, **(off | settings)) as server:
            await scenario(server)

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(playing())


async def make(server: orlop.Server, name: str, data: Any = None, path: str = MAPS, **metadata: Any) -> Event:
    """Create a config map; returns it."""
    reply = await server.request("POST", path, {"metadata": {"name": name, **metadata}, "data": data or {}})
    assert reply.status == 201, reply.body
    made: Event = reply.json()
    return made


async def patch(server: orlop.Server, name: str, body: Any, **query: str | int | bool) -> Reply:
    return await server.request("PATCH", f"{MAPS}/{name}", body, query=query, headers=MERGE)


def version(obj: Event) -> int:
    return int(obj["metadata"]["resourceVersion"])


def now(server: orlop.Server) -> int:
    """The storage's newest revision."""
    return server.running.application.storage.revision


class Client:
    """The far end of a stream: takes what is written at once, unless it is `stalled`."""

    def __init__(self, *, stalled: bool = False) -> None:
        self.on_lost: Callable[[], None] | None = None
        self.stalled, self.ended = stalled, ""
        self.taken = b""
        self._waiting = b""
        self.most = 0

    @property
    def backlog(self) -> int:
        return len(self._waiting)

    def write(self, frame: Frame) -> None:
        assert not self.ended, "written after the end"
        if self.stalled:
            self._waiting += frame.payload
            self.most = max(self.most, len(self._waiting))
        else:
            self.taken += frame.payload

    def take(self) -> None:
        """Read everything that waits."""
        self.taken, self._waiting = self.taken + self._waiting, b""

    def close(self) -> None:
        self.ended, self.on_lost = "closed", None

    def abort(self) -> None:
        self.ended, self.on_lost = "aborted", None

    def leave(self) -> None:
        """Hang up."""
        self.ended = "left"
        if self.on_lost is not None:
            self.on_lost()

    def events(self) -> list[Event]:
        self.take()
        return [orjson.loads(line) for line in self.taken.splitlines()]

    def told(self) -> list[tuple[str, str]]:
        """Types and names, of bookmarks the revision, of errors the reason."""
        return [short(event) for event in self.events()]


def short(event: Event) -> tuple[str, str]:
    metadata = event["object"]["metadata"]
    if event["type"] == "ERROR":
        return "ERROR", event["object"]["reason"]
    if event["type"] == "BOOKMARK":
        end = "!" if "annotations" in metadata else ""
        return "BOOKMARK", metadata["resourceVersion"] + end
    return event["type"], metadata["name"]


def request(server: orlop.Server, path: str, query: str, headers: Mapping[str, str] | None = None) -> Request:
    sent = {"authorization": f"Bearer {server.token}", "accept": "application/json", **(headers or {})}
    return Request("GET", path, query, sent)


async def watch(server: orlop.Server, query: str = "", *, path: str = MAPS, client: Client | None = None,
                headers: Mapping[str, str] | None = None) -> Client:
    """Open a watch at the level of the transports; what it wrote so far is with the client."""
    answer = server.running.application.handler(request(server, path, f"watch=1&{query}", headers))
    stream = await answer if isinstance(answer, Awaitable) else answer
    assert isinstance(stream, Stream), stream.body  # type: ignore[union-attr]
    client = client or Client()
    stream.open(client)
    return client


async def settle() -> None:
    """Let everything happen that can happen now, or as soon as events no longer wait for company."""
    for _ in range(20):
        await asyncio.sleep(0)
    await asyncio.sleep(2 * MAX_DELAY)
