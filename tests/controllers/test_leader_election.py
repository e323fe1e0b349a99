"""One of several servers leads, and another takes over when it ends, falls silent or loses its storage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from served import LoopClock, play

import orlop
from orlop.api.errors import APIError
from orlop.controllers.leader_election import JITTER, LEASE_SECONDS, RENEW_DEADLINE, RETRY, LeaderElection
from orlop.controllers.writer import Writer
from orlop.server.application import defaults

LEASE = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/test"


class Candidate:
    """An election that notes when it led."""

    def __init__(self, server: orlop.Server, name: str, log: list[str]) -> None:
        application = server.running.application
        self.writer = Writer(application.stores, application.schema, defaults)
        self.log, self.name = log, name
        self.election = LeaderElection(self.writer, "test", name, LoopClock(), self._lead, lambda: 0.5)
        self.task = asyncio.create_task(self.election.run())

    @asynccontextmanager
    async def _lead(self) -> AsyncIterator[None]:
        self.log.append(f"{self.name} starts")
        try:
            yield
        finally:
            self.log.append(f"{self.name} stops")

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


async def until(true: Callable[[], bool]) -> None:
    while not true():
        await asyncio.sleep(0.1)


async def holder(server: orlop.Server) -> dict[str, Any]:
    return dict((await server.request("GET", LEASE)).json()["spec"])


def test_one_leads_and_lets_go_at_its_end() -> None:
    """The second starts only after the first has stopped, and then without waiting for the lease to run out."""

    async def scenario(server: orlop.Server) -> None:
        log: list[str] = []
        first = Candidate(server, "first", log)
        await until(lambda: first.election.leading)
        second = Candidate(server, "second", log)
        await asyncio.sleep(3 * LEASE_SECONDS)
        assert log == ["first starts"]
        assert (await holder(server))["holderIdentity"] == "first"
        await first.stop()
        ended = asyncio.get_running_loop().time()
        await until(lambda: second.election.leading)
        assert asyncio.get_running_loop().time() - ended <= RETRY * (1 + JITTER) + 1
        assert log == ["first starts", "first stops", "second starts"]
        spec = await holder(server)
        assert spec["holderIdentity"] == "second" and spec["leaseTransitions"] == 1
        assert spec["leaseDurationSeconds"] == LEASE_SECONDS
        await second.stop()
        assert (await holder(server))["holderIdentity"] == ""

    play(scenario)


def test_a_silent_leader_is_replaced() -> None:
    """A leader that died without a word is replaced after the duration of its lease, and not before."""

    async def scenario(server: orlop.Server) -> None:
        log: list[str] = []
        first = Candidate(server, "first", log)
        await until(lambda: first.election.leading)
        first.election._release = _nothing  # type: ignore[method-assign]
        await first.stop()
        died = asyncio.get_running_loop().time()
        second = Candidate(server, "second", log)
        await until(lambda: second.election.leading)
        waited = asyncio.get_running_loop().time() - died
        assert LEASE_SECONDS - RETRY <= waited <= LEASE_SECONDS + RETRY * (1 + JITTER) + 1
        await second.stop()

    play(scenario)


async def _nothing() -> None:
    """A leader that has no time for a farewell."""


def test_a_leader_without_storage_steps_back_first() -> None:
    """Who cannot renew stops leading before anybody else may start; when the storage is back, one leads again."""

    async def scenario(server: orlop.Server) -> None:
        log: list[str] = []
        first = Candidate(server, "first", log)
        await until(lambda: first.election.leading)
        change = first.writer.change
        first.writer.change = _fails  # type: ignore[method-assign]
        cut = asyncio.get_running_loop().time()
        await until(lambda: not first.election.leading)
        assert asyncio.get_running_loop().time() - cut <= RENEW_DEADLINE + 2 * RETRY + 0.1 < LEASE_SECONDS
        first.writer.change = change  # type: ignore[method-assign]
        await until(lambda: first.election.leading)
        assert log == ["first starts", "first stops", "first starts"]
        await first.stop()

    play(scenario)


def _fails(*_: object) -> Awaitable[Any]:
    raise APIError(500, "InternalError", "the storage is away")
