"""Concurrent clients of a real server: whatever they were told keeps all promises at once."""

from __future__ import annotations

import asyncio
import os
from functools import partial
from pathlib import Path

import pytest
from links import InProcess, Linking, OverTls
from recorder import ACKNOWLEDGED, CUT, REFUSED, UNKNOWN, History
from validators import validate
from workload import Plan, run

import orlop
from server_process import FreshServer, ServerProcess

SOAK = os.environ.get("ORLOP_SOAK", "") not in ("", "0")
SECONDS = float(os.environ.get("ORLOP_SOAK_SECONDS", "60")) if SOAK else 0.0
SEEDS = range(20) if SOAK else range(2)


def judged(history: History, bookmarks: bool = True) -> None:
    """The history keeps every promise, and is worth looking at."""
    print(history.summary())
    validate(history)
    kinds = {(one.kind, one.outcome) for one in history.operations}
    for kind in ("create", "update", "patch", "delete", "get"):
        assert (kind, ACKNOWLEDGED) in kinds, f"no {kind} was ever made"
        assert (kind, REFUSED) in kinds, f"no {kind} was ever refused"
    assert any(len(listing.pages) > 1 for listing in history.listings)
    requests = [request for chain in history.chains for request in chain.requests]
    assert any(request.resumes and request.seen for request in requests)
    assert any(request.initial and request.last for request in requests)
    if bookmarks:
        assert any(shown.type == "BOOKMARK" and not shown.initial for request in requests for shown in request.seen)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("storage", ["memory", "sqlite"])
def test_in_process(storage: str, seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a socket, with bookmarks so often that they come between events."""
    monkeypatch.setattr("orlop.endpoints.watch.BOOKMARK_PERIOD", 0.01)

    async def playing() -> History:
        history = History()
        data_dir = tmp_path / "data" if storage == "sqlite" else None
        async with orlop.Server(listen=False, storage=storage, data_dir=data_dir) as server:
            await run([partial(InProcess, server)], Plan(seed, steps=150 if SOAK else 60), history)
        return history

    judged(asyncio.run(playing()))


def links_to(servers: list[ServerProcess]) -> list[Linking]:
    return [partial(OverTls, server.url, server.ca, server.token) for server in servers]


async def killing(server: ServerProcess, history: History, every: int, times: int) -> None:
    """Kill the server whenever so many more answers were recorded, and start it again."""
    for kill in range(1, times + 1):
        while len(history.operations) < kill * every:
            await asyncio.sleep(0.005)
        server.kill()
        await asyncio.to_thread(server.start)


def test_over_tls(fresh_server: FreshServer) -> None:
    """Through the real listener."""
    server = fresh_server()
    history = History()
    asyncio.run(run(links_to([server]), Plan(7, clients=8, steps=60, lasting=SECONDS), history))
    judged(history, bookmarks=False)


def test_killed_and_started_again(fresh_server: FreshServer) -> None:
    """Answers are lost with kill -9, clients and watchers go on: nothing acknowledged is lost, nothing happened
    twice, no watcher misses anything."""
    server = fresh_server()
    history = History()

    async def playing() -> None:
        plan = Plan(8, clients=8, steps=120, names=6, lasting=SECONDS)
        async with asyncio.TaskGroup() as group:
            kills = group.create_task(killing(server, history, 250, 20 if SOAK else 2))
            await run(links_to([server]), plan, history)
            kills.cancel()

    asyncio.run(playing())
    judged(history, bookmarks=False)
    assert any(one.outcome == UNKNOWN for one in history.operations)
    assert any(request.end == CUT for chain in history.chains for request in chain.requests)
