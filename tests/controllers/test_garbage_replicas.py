"""The garbage collector where others write to the storage too, and it hears of that late."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from served import JumpingLoop

from orlop.api.context import User
from orlop.api.gvk import GroupVersionKind
from orlop.api.options import DeleteOptions
from orlop.auth.service_account_keys import KeySet
from orlop.controllers.garbage_collector import GarbageCollector
from orlop.controllers.writer import Writer
from orlop.registry.store import Outside
from orlop.server.application import Application, defaults
from orlop.server.config import Config
from orlop.storage.interface import Event, Sink, Subscription
from orlop.storage.memory import MemoryStorage
from orlop.world.clock import ManualClock
from orlop.world.entropy import RandomEntropy

MAP = GroupVersionKind("", "v1", "ConfigMap")
SECRET = GroupVersionKind("", "v1", "Secret")
PREFIX = "/registry/configmaps/"
SLOW = "/registry/secrets/"
DELAY = 0.05
PEM = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class Late(Sink):
    """Hears of everything later, in order."""

    def __init__(self, sink: Sink, delay: float) -> None:
        self._sink, self._delay = sink, delay

    def events(self, batch: Sequence[Event]) -> None:
        asyncio.get_running_loop().call_later(self._delay, self._sink.events, batch)

    def progress(self, revision: int) -> None:
        asyncio.get_running_loop().call_later(self._delay, self._sink.progress, revision)

    def broken(self, error: Exception) -> None:
        asyncio.get_running_loop().call_later(self._delay, self._sink.broken, error)


class SharedStorage(MemoryStorage):
    """As if other processes wrote here: watches hear of a write only after a while, those of SLOW last."""

    exclusive = False

    async def watch(self, prefix: str, revision: int, sink: Sink) -> Subscription:
        return await super().watch(prefix, revision, Late(sink, 3 * DELAY if prefix == SLOW else DELAY))


class Replica:
    def __init__(self, storage: MemoryStorage, clock: ManualClock, seed: int) -> None:
        self.app = Application(storage, Config(), Outside(clock, RandomEntropy(seed)), KeySet(PEM), {"t": User("a")})
        self.writer = Writer(self.app.stores, self.app.schema, defaults)

    async def make(self, name: str, *owners: Any, **metadata: Any) -> Any:
        """A secret without owners, a config map with."""
        kind, plural = (MAP, "configmaps") if owners else (SECRET, "secrets")
        if owners:
            metadata["ownerReferences"] = list(owners)
        made: Any = await self.writer.create(kind, plural, {"metadata": {
            "name": name, "namespace": "default", **metadata}})
        return {"kind": kind.kind, **made.tree()["metadata"]}

    async def delete(self, name: str, policy: str, plural: str = "secrets") -> None:
        await self.writer.delete("", plural, "default", name, DeleteOptions(propagation_policy=policy))


def ref(owner: Any) -> Any:
    return {"apiVersion": "v1", "kind": owner["kind"], "name": owner["name"], "uid": owner["uid"],
            "blockOwnerDeletion": True}


Scenario = Callable[[Replica, SharedStorage], Awaitable[None]]


def play(scenario: Scenario, seed: int = 0) -> None:
    """A collector in one replica, the scenario in another."""

    async def playing() -> None:
        clock = ManualClock()
        storage = SharedStorage(clock)
        await storage.start()
        here, there = (Replica(storage, clock, 10 * seed + number) for number in (1, 2))
        for replica in (here, there):
            await replica.app.start()
        collector = GarbageCollector(here.writer, here.app.resources, clock.now)
        collector.start()
        await scenario(there, storage)
        collector._feed.graph.check_invariants()
        await collector.stop()
        for replica in (here, there):
            await replica.app.close()

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(playing())


async def left(storage: SharedStorage) -> set[str]:
    entries = [*(await storage.list(PREFIX)).entries, *(await storage.list(SLOW)).entries]
    return {entry.key.rpartition("/")[2] for entry in entries}


@pytest.mark.parametrize("seed", range(5))
def test_others_write_too(seed: int) -> None:
    """An owner that the collector has not heard of is not taken for absent, and nothing is left behind."""

    async def scenario(there: Replica, storage: SharedStorage) -> None:
        chance = random.Random(seed)
        kept = set()
        for number in range(12):
            policy = chance.choice(["Background", "Foreground", "Orphan", ""])
            first = await there.make(f"o{number}")
            second = await there.make(f"d{number}", ref(first))
            await there.make(f"e{number}", ref(second))
            await asyncio.sleep(chance.random() * 3 * DELAY)
            if policy:
                await there.delete(f"o{number}", policy)
            kept |= {"": {f"o{number}"}, "Orphan": {f"d{number}", f"e{number}"}}.get(policy, set())
            kept |= {f"d{number}", f"e{number}"} if not policy else set()
        await asyncio.sleep(100)
        assert await left(storage) == kept

    play(scenario, seed)


def test_a_latecomer_that_is_not_heard_of_yet() -> None:
    """An owner in the foreground waits for what somebody else made just before it would have been let go."""

    async def scenario(there: Replica, storage: SharedStorage) -> None:
        owner = await there.make("owner", ref(await there.make("top")))
        await asyncio.sleep(1)
        await there.delete("owner", "Foreground", "configmaps")
        await asyncio.sleep(DELAY / 2)
        await there.make("d", ref(owner), finalizers=["example.com/wait"])
        await asyncio.sleep(100)
        assert await left(storage) == {"top", "owner", "d"}

    play(scenario)
