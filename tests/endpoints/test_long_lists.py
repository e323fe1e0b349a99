"""Lists too long for one turn of the loop: the same bytes as short ones, written as the client takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import orjson
import pytest
from served import MAPS, PARTIALS, TABLE, Client, make, now, play, request, settle, watch

import orlop
from orlop.api.http import Response, Stream
from orlop.endpoints import encoding, feed, list_document, response
from orlop.endpoints.feed import FEED_BACKLOG, FEED_SECONDS, STALL_SECONDS, Feed, Source
from orlop.registry.store import Outside
from orlop.storage import selection
from orlop.world.clock import ManualClock
from orlop.world.entropy import RandomEntropy

NUMBER = 25
ACCEPTS = {
    "json": "application/json",
    "table": TABLE,
    "partial": PARTIALS,
    "yaml": "application/yaml",
    "protobuf": "application/vnd.kubernetes.protobuf",
    "partial in yaml": PARTIALS.replace("application/json", "application/yaml"),
    "table in yaml": TABLE.replace("application/json", "application/yaml"),
}


def long_from(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Lists of more than so many items are long, and a turn handles as many."""
    for name in ("LONG_LIST", "LONG_DEAR_LIST", "LONG_SLOW_LIST"):
        monkeypatch.setattr(response, name, number)
    for module, names in ((list_document, ("LIST_SLICE", "DEAR_SLICE", "SLOW_SLICE")), (feed, ("LIST_SLICE",)),
                          (selection, ("KEY_SLICE", "JUDGE_SLICE", "DECODE_SLICE"))):
        for name in names:
            monkeypatch.setattr(module, name, number)


async def fill(server: orlop.Server) -> None:
    for number in range(NUMBER):
        await make(server, f"m{number:02}", {"x": f"ä\n- {number}: {{}}\n"}, labels={"app": f"a{number % 3}"})


async def ask(server: orlop.Server, query: str = "", accept: str = "application/json", **headers: str) -> Any:
    answer = server.running.application.handler(request(server, MAPS, query, {"accept": accept, **headers}))
    return await answer if isinstance(answer, Awaitable) else answer


async def written(answer: Stream, client: Client | None = None) -> bytes:
    client = client or Client()
    answer.open(client)
    while not client.ended:
        await asyncio.sleep(0)
    assert client.ended == "closed"
    return client.taken


@pytest.mark.parametrize("query", ["", "limit=20", "labelSelector=app%3Da1", "labelSelector=app%21%3Da1&limit=7",
                                   "pretty=1", "fieldSelector=metadata.name%21%3Dm03"])
@pytest.mark.parametrize("accept", ACCEPTS.values(), ids=list(ACCEPTS))
def test_long_and_short_are_the_same(monkeypatch: pytest.MonkeyPatch, accept: str, query: str) -> None:
    """Byte for byte, in every representation; only the length is not told beforehand."""

    async def scenario(server: orlop.Server) -> None:
        await fill(server)
        short = await ask(server, query, accept)
        assert isinstance(short, Response) and short.status == 200
        expected = short.body if isinstance(short.body, bytes) else b"".join(short.body)
        long_from(monkeypatch, 3)
        long = await ask(server, query, accept)
        assert isinstance(long, Stream)
        assert long.content_type == short.content_type
        assert await written(long) == expected

    play(scenario, outside=Outside(ManualClock(), RandomEntropy()))  # ages in tables stand still


def test_a_turn_encodes_so_many_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two turns of the loop never more items than a slice, however long the list is."""
    encoded: list[Any] = []
    real = list_document.one_by_one

    def counting(document: Any) -> Any:
        encode = real(document)
        return lambda obj: encoded.append(obj) or encode(obj)  # type: ignore[func-returns-value]

    async def scenario(server: orlop.Server) -> None:
        await fill(server)
        monkeypatch.setattr(list_document, "one_by_one", counting)
        long_from(monkeypatch, 4)
        for accept in ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf"):
            answer, client = await ask(server, "", accept), Client()
            encoded.clear()
            answer.open(client)
            total = 0
            while not client.ended:
                assert len(encoded) <= 4
                total += len(encoded)
                encoded.clear()
                await asyncio.sleep(0)
            assert total + len(encoded) == NUMBER

    play(scenario)


def test_what_is_written_meanwhile_does_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list and the initial events of a watch are one revision's; the watch then tells what changed."""

    async def scenario(server: orlop.Server) -> None:
        await fill(server)
        long_from(monkeypatch, 4)
        start = now(server)
        listing = await ask(server)
        client = Client(stalled=False)
        listing.open(client)
        watcher = await watch(server, "allowWatchBookmarks=1&sendInitialEvents=1&resourceVersionMatch=NotOlderThan")
        assert not client.ended
        await make(server, "zz")
        await server.request("DELETE", f"{MAPS}/m20")
        await settle()
        shown = orjson.loads(client.taken)
        assert client.ended == "closed" and shown["metadata"]["resourceVersion"] == str(start)
        names = [f"m{number:02}" for number in range(NUMBER)]
        assert [item["metadata"]["name"] for item in shown["items"]] == names
        told = watcher.told()
        assert told[:NUMBER] == [("ADDED", name) for name in names]
        assert told[NUMBER:] == [("BOOKMARK", f"{start}!"), ("ADDED", "zz"), ("DELETED", "m20")]

    play(scenario)


def test_a_client_that_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is fed as it takes; no more than the bound is on its way; who takes nothing is cut off, and lets go of all."""

    async def scenario(server: orlop.Server) -> None:
        for number in range(12):
            await make(server, f"m{number:02}", {"x": "x" * 500_000})
        long_from(monkeypatch, 2)
        slow, dead = Client(stalled=True), Client(stalled=True)
        for client in (slow, dead):
            (await ask(server)).open(client)
        while not slow.ended:
            slow.take()
            await asyncio.sleep(1)
        slow.take()
        assert slow.ended == "closed" and len(orjson.loads(slow.taken)["items"]) == 12
        assert slow.most < FEED_BACKLOG + 1_100_000
        await asyncio.sleep(STALL_SECONDS + 1)
        assert dead.ended == "aborted"

    play(scenario)


def test_nothing_is_remembered_for_long_lists(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of a long Table are not kept with the entries; those of short ones are, of so many entries at most."""

    async def scenario(server: orlop.Server) -> None:
        await fill(server)
        cache = server.running.application.stores[("", "configmaps")].cache

        def remembering() -> int:
            return sum(entry.memo is not None for entry in cache._entries.values())

        with monkeypatch.context() as patched:
            long_from(patched, 4)
            for accept in (TABLE, PARTIALS):
                await written(await ask(server, "", accept))
            assert remembering() == 0
        monkeypatch.setattr(encoding, "REMEMBERED", 10)
        for accept in (TABLE, PARTIALS, TABLE):
            await ask(server, "", accept)
            assert 0 < remembering() <= 10

    play(scenario)


class _Failing(Client):
    def write(self, frame: Any) -> None:
        super().write(frame)
        self.leave()


def test_a_client_that_leaves_within_a_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is encoded for it any more."""

    async def scenario(server: orlop.Server) -> None:
        await fill(server)
        long_from(monkeypatch, 4)
        client = _Failing()
        (await ask(server)).open(client)
        await settle()
        assert client.ended == "left" and client.taken.count(b'"name"') == 4

    play(scenario)


def test_a_feed_does_not_last_for_ever() -> None:
    """A client that takes a little all the time is cut off when its time is over."""

    async def scenario(server: orlop.Server) -> None:
        client, failures = Client(stalled=True), []
        source = Source(bytes, [bytes(FEED_BACKLOG)] * 10_000, most=1)
        Feed(source, client, lambda: None, lambda: failures.append(1)).start()
        for _ in range(int(FEED_SECONDS / 30) + 2):
            client._waiting = client._waiting[:-1] + b""
            await asyncio.sleep(30)
        assert failures == [1] and source.finished

    play(scenario)
