"""What a watch does while it lasts and how it ends: bookmarks, time-outs, slow clients, drain, failures."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from served import MAPS, TABLE, Client, make, now, play, request, settle, watch

import orlop
from orlop.api.http import Stream
from orlop.endpoints import watch as module
from orlop.endpoints.feed import FEED_BACKLOG
from orlop.endpoints.framing import Framer


def test_bookmarks_come_every_minute() -> None:
    """At the storage's revision, also when only other kinds changed."""

    async def scenario(server: orlop.Server) -> None:
        client = await watch(server, f"resourceVersion={now(server)}&allowWatchBookmarks=1")
        silent = await watch(server, f"resourceVersion={now(server)}")
        await make(server, "x", path="/api/v1/namespaces/default/secrets")
        await asyncio.sleep(61)
        assert client.told() == [("BOOKMARK", str(now(server)))]
        await asyncio.sleep(60)
        assert len(client.told()) == 2 and silent.told() == []

    play(scenario)


def test_bookmarks_follow_events() -> None:
    """A bookmark is never ahead: what it covers is written before it, also what still waits for company."""

    async def scenario(server: orlop.Server) -> None:
        client = await watch(server, f"resourceVersion={now(server)}&allowWatchBookmarks=1")
        for name in "abc":
            await make(server, name)
        assert len(client.told()) < 3, "something waits"
        next(iter(server.running.application.watches._open))._bookmark()
        assert client.told() == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c"), ("BOOKMARK", str(now(server)))]

    play(scenario)


def test_last_bookmark_comes_before_the_end() -> None:
    """Two seconds before its time-out a watch says where it stands, so that the next one can begin there."""

    async def scenario(server: orlop.Server) -> None:
        client = await watch(server, f"resourceVersion={now(server)}&allowWatchBookmarks=1&timeoutSeconds=30")
        await asyncio.sleep(27)
        assert client.told() == []
        await asyncio.sleep(2)
        assert client.told() == [("BOOKMARK", str(now(server)))]
        await asyncio.sleep(2)
        assert client.ended == "closed"

    play(scenario)


@pytest.mark.parametrize(("query", "least", "most"), [
    ("timeoutSeconds=7", 7, 7), ("", 100, 200), ("timeoutSeconds=0", 100, 200),
])
def test_time_out(query: str, least: float, most: float) -> None:
    """A clean end after timeoutSeconds, else after one to two times --min-request-timeout."""

    async def scenario(server: orlop.Server) -> None:
        client = await watch(server, query)
        await asyncio.sleep(least - 0.5)
        assert client.ended == ""
        await asyncio.sleep(most - least + 1)
        assert client.ended == "closed" and len(server.running.application.watches) == 0

    play(scenario, min_request_timeout=100)


def test_endless_time_out() -> None:
    """The largest timeoutSeconds there is does no harm."""

    async def scenario(server: orlop.Server) -> None:
        client = await watch(server, "timeoutSeconds=9223372036854775807&allowWatchBookmarks=1")
        await settle()
        assert client.ended == ""

    play(scenario)


def test_slow_client_is_cut() -> None:
    """Who leaves more than the limit unread is cut off; others with the same wish go on."""

    async def scenario(server: orlop.Server) -> None:
        slow = await watch(server, f"resourceVersion={now(server)}", client=Client(stalled=True))
        quick = await watch(server, f"resourceVersion={now(server)}")
        for number in range(10):
            await make(server, f"m{number}", {"x": "x" * 900_000})
            await asyncio.sleep(0.03)
        assert slow.ended == "aborted" and slow.most < module.BACKLOG_BYTES + 1_000_000
        assert quick.ended == "" and len(quick.told()) == 10
        assert len(server.running.application.watches) == 1

    play(scenario)


def test_a_cut_does_not_harm_who_comes_then() -> None:
    """A watcher that joins in the moment in which the last other one is cut off gets its events."""

    async def scenario(server: orlop.Server) -> None:
        query = f"resourceVersion={now(server)}"
        await watch(server, query, client=Client(stalled=True))
        for number in range(5):
            await make(server, f"m{number}", {"x": "x" * 900_000})
        late = await watch(server, f"resourceVersion={now(server)}")
        await make(server, "z")
        await settle()
        assert late.told() == [("ADDED", "z")]

    play(scenario)


def test_large_state_is_written_as_it_is_taken() -> None:
    """Initial events beyond every limit reach a client that takes its time; live ones wait until they are through."""

    async def scenario(server: orlop.Server) -> None:
        for number in range(30):
            await make(server, f"m{number:02}", {"x": "x" * 900_000})
        client = await watch(server, "allowWatchBookmarks=1", client=Client(stalled=True))
        await make(server, "z")
        while len(client.taken) < 27_000_000:
            client.take()
            await asyncio.sleep(1)
        await asyncio.sleep(1)
        told = client.told()
        assert told[:-2] == [("ADDED", f"m{number:02}") for number in range(30)]
        assert told[-2][0] == "BOOKMARK" and told[-1] == ("ADDED", "z")
        assert client.most < FEED_BACKLOG + 1_100_000 and client.ended == ""

    play(scenario)


def test_state_that_nobody_takes() -> None:
    """A client that takes nothing is cut off when too much waits behind its initial events; no bookmark overtakes
    them."""

    async def scenario(server: orlop.Server) -> None:
        for number in range(3):
            await make(server, f"m{number}", {"x": "x" * 900_000})
        client = await watch(server, "allowWatchBookmarks=1", client=Client(stalled=True))
        await asyncio.sleep(61)
        assert client.ended == "" and b"BOOKMARK" not in client._waiting
        for number in range(10):
            await make(server, f"n{number}", {"x": "x" * 900_000})
            await asyncio.sleep(0.03)
        assert client.ended == "aborted"

    play(scenario)


def test_client_that_leaves_is_forgotten() -> None:
    """With all that was kept for it."""

    async def scenario(server: orlop.Server) -> None:
        client = await watch(server, "allowWatchBookmarks=1")
        table = await watch(server, headers={"accept": TABLE})
        watches = server.running.application.watches
        assert len(watches) == 2
        for one in (client, table):
            one.leave()
        assert len(watches) == 0 and not watches.broadcasts._known
        assert len(server.running.application.stores[("", "configmaps")].cache._subscriptions) == 0
        await make(server, "a")
        await asyncio.sleep(120)

    play(scenario)


def test_drain_ends_watches_cleanly() -> None:
    """At shutdown every watch is told all there is and ended, not cut."""

    async def scenario(server: orlop.Server) -> None:
        client = await watch(server)
        await make(server, "a")
        server.running.application.watches.drain()
        assert client.told() == [("ADDED", "a")] and client.ended == "closed"

    play(scenario)


def test_failure_to_frame_ends_the_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    """An event that cannot be shown ends its watchers, who will come again; nobody waits for events that never
    come."""

    async def scenario(server: orlop.Server) -> None:
        clients = [await watch(server), await watch(server)]

        def broken(self: Framer, event: Any) -> bytes:
            raise ValueError("no frame")

        with monkeypatch.context() as patched:
            patched.setattr(Framer, "event", broken)
            await make(server, "a")
        assert [client.ended for client in clients] == ["closed", "closed"]
        again = await watch(server)
        await make(server, "b")
        await settle()
        assert again.told() == [("ADDED", "a"), ("ADDED", "b")]

    play(scenario)


def test_failure_to_begin_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A watch that cannot be opened is not kept."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a")
        monkeypatch.setattr(Framer, "frame", lambda *a: 1 / 0)
        answer: Any = server.running.application.handler(request(server, MAPS, "watch=1"))
        stream = await answer if isinstance(answer, Awaitable) else answer
        assert isinstance(stream, Stream)
        client = Client()
        stream.open(client)
        assert client.ended == "aborted"
        assert len(server.running.application.watches) == 0

    play(scenario)


def test_equal_watches_share_their_frames() -> None:
    """One event is framed once for all who asked for the same."""

    async def scenario(server: orlop.Server) -> None:
        frames: list[Any] = []

        class Keeping(Client):
            def write(self, frame: Any) -> None:
                frames.append(frame)
                super().write(frame)

        for _ in range(3):
            await watch(server, f"resourceVersion={now(server)}", client=Keeping())
        await make(server, "a")
        await settle()
        assert len(frames) == 3 and len({id(frame) for frame in frames}) == 1

    play(scenario)
