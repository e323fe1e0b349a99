"""Replicas over one storage, their caches behind: no address and no port is given out twice, none is lost."""

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
from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersionKind
from orlop.api.options import UpdateOptions
from orlop.auth.service_account_keys import KeySet
from orlop.controllers.bootstrap import Addresses, Bootstrap
from orlop.controllers.service_cidrs import FINALIZER, ServiceCIDRController
from orlop.controllers.service_repair import GRACE, ROUNDS, ServiceRepairController
from orlop.controllers.writer import Change, Writer, admit_all
from orlop.kinds.address_book import ADDRESSES, GROUP, RANGES, Owner, owner_of
from orlop.kinds.allocators import PortSet, PortSpan
from orlop.kinds.port_book import KEY, StoredPorts, held_ports
from orlop.kinds.service_allocation import held_addresses
from orlop.registry import times
from orlop.registry.store import Outside
from orlop.server.application import Application, defaults
from orlop.server.config import Config
from orlop.storage.interface import Entry, Event, Sink, Subscription
from orlop.storage.memory import MemoryStorage
from orlop.storage.predicate import EVERYTHING
from orlop.world.clock import ManualClock
from orlop.world.entropy import RandomEntropy

Tree = dict[str, Any]
SERVICE = GroupVersionKind("", "v1", "Service")
RANGE = "10.0.0.0/26"
PORTS = "30000-30059"
DELAY = 0.05
PEM = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class Late(Sink):
    """Hears of everything later, in order."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def _later(self, tell: Callable[..., None], *what: Any) -> None:
        asyncio.get_running_loop().call_later(DELAY, tell, *what)

    def events(self, batch: Sequence[Event]) -> None:
        self._later(self._sink.events, batch)

    def progress(self, revision: int) -> None:
        self._later(self._sink.progress, revision)

    def broken(self, error: Exception) -> None:
        self._later(self._sink.broken, error)


class SharedStorage(MemoryStorage):
    """As if other processes wrote here: a write takes its time, so that others come between, and watches hear of it
    only after a while."""

    exclusive = False

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self._random = random.Random(3)

    async def _travel(self) -> None:
        await asyncio.sleep(self._random.random() * DELAY)

    async def create(self, *args: Any, **options: Any) -> Entry:
        await self._travel()
        return await super().create(*args, **options)

    async def guaranteed_update(self, *args: Any, **options: Any) -> Entry:
        await self._travel()
        return await super().guaranteed_update(*args, **options)

    async def delete(self, *args: Any, **options: Any) -> Entry:
        await self._travel()
        return await super().delete(*args, **options)

    async def watch(self, prefix: str, revision: int, sink: Sink) -> Subscription:
        return await super().watch(prefix, revision, Late(sink))


class Replica:
    def __init__(self, storage: MemoryStorage, clock: ManualClock, seed: int, ranges: str = RANGE) -> None:
        config = Config(service_cluster_ip_range=ranges, service_node_port_range=PORTS)
        self.app = Application(storage, config, Outside(clock, RandomEntropy(seed)), KeySet(PEM), {"t": User("a")})
        self.writer = Writer(self.app.stores, self.app.schema, defaults)
        self.repair = ServiceRepairController(self.writer, storage, PORTS, clock.now)
        self.services = self.app.stores[("", "services")]

    async def start(self) -> None:
        await self.app.start()
        statuses = {RANGES: self.app.rooms[(GROUP, RANGES)]["status"]}  # type: ignore[index]
        now = times.text(self.app.outside.clock.now())
        await Bootstrap(self.writer, statuses, lambda: now).service_ranges(self.app.config.service_cluster_ip_range)

    async def make(self, name: str, **spec: Any) -> Tree:
        spec = {"ports": [{"port": 80}], **spec}
        made: Any = await self.writer.create(SERVICE, "services", {
            "metadata": {"name": name, "namespace": "ns"}, "spec": spec})
        tree: Tree = made.tree()
        return tree

    async def change(self, name: str, change: Callable[[Tree], bool]) -> None:
        await self.services.update(self.writer.context("", "services", "ns", name), name, Change(change), admit_all,
                                   admit_all, UpdateOptions())

    async def delete(self, name: str) -> None:
        await self.writer.delete("", "services", "ns", name)


class World:
    def __init__(self, storage: MemoryStorage | None = None, ranges: str = RANGE) -> None:
        self.clock = ManualClock()
        self.storage = storage or SharedStorage(self.clock)
        self.replicas = [Replica(self.storage, self.clock, seed, ranges) for seed in (1, 2)]

    async def start(self) -> None:
        await self.storage.start()
        for replica in self.replicas:
            await replica.start()
        await self.settle()

    async def settle(self) -> None:
        await asyncio.sleep(2 * DELAY)

    async def trees(self, prefix: str) -> list[Tree]:
        return [entry.tree() for entry in (await self.storage.list(prefix)).entries]

    async def check(self) -> None:
        """What services have, nobody else has, and nothing else is taken."""
        services = await self.trees("/registry/services/specs/")
        held = [(text, Owner(each["metadata"]["namespace"], each["metadata"]["name"]))
                for each in services for _, text in held_addresses(each["spec"])]
        ports = [port for each in services for port in held_ports(each)]
        assert len(dict(held)) == len(held) and len(set(ports)) == len(ports)
        assert await self.noted() == dict(held)
        assert await self.ports() == set(ports)

    async def noted(self) -> dict[str, Owner | None]:
        return {each["metadata"]["name"]: owner_of(each) for each in await self.trees("/registry/ipaddresses/")}

    async def ports(self) -> set[int]:
        return set(await StoredPorts(self.storage, PortSpan(PORTS), lambda: ()).read())


def run(scenario: Callable[[World], Awaitable[None]], ranges: str = RANGE,
        storage: MemoryStorage | None = None) -> None:
    async def play() -> None:
        world = World(storage, ranges)
        await world.start()
        await scenario(world)

    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(play())


@pytest.mark.parametrize("storage", [None, MemoryStorage()], ids=["shared", "exclusive"])
def test_no_address_and_no_port_is_given_twice(storage: MemoryStorage | None) -> None:
    """Sixty services made at once in two replicas, changed and deleted; the ranges are used up to the last value."""

    async def scenario(world: World) -> None:
        one, two = world.replicas
        await asyncio.gather(*(world.replicas[n % 2].make(f"s{n}", type="NodePort") for n in range(60)))
        await world.check()
        with pytest.raises(APIError, match="failed to allocate a nodePort: range is full"):
            await one.make("more", type="NodePort")
        await world.check()
        more = await asyncio.gather(*(two.make(f"t{n}") for n in range(4)), return_exceptions=True)
        refused = [each for each in more if isinstance(each, APIError)]
        assert [each.message.rpartition(": ")[2] for each in refused] == ["range is full"] * 2
        await world.settle()
        await asyncio.gather(*(world.replicas[n % 2].delete(f"s{n}") for n in range(0, 60, 3)),
                             *(world.replicas[n % 2].change(f"s{n}", _plain) for n in range(1, 60, 3)))
        await world.check()
        await world.settle()
        await asyncio.gather(*(world.replicas[n % 2].make(f"s{n}", type="NodePort") for n in range(0, 60, 3)))
        await world.check()

    run(scenario, storage=storage)


def _plain(service: Tree) -> bool:
    service["spec"]["type"] = "ClusterIP"
    return True


def test_the_same_wish_is_granted_once() -> None:
    """Two replicas are asked for one address and one port at the same time."""

    async def scenario(world: World) -> None:
        port = [{"port": 80, "nodePort": 30007}]
        answers = await asyncio.gather(
            *(replica.make(f"a{n}", clusterIP="10.0.0.9") for n, replica in enumerate(world.replicas)),
            *(replica.make(f"p{n}", type="NodePort", ports=port) for n, replica in enumerate(world.replicas)),
            return_exceptions=True)
        refused = [each.message for each in answers if isinstance(each, APIError)]
        assert len(refused) == 2
        assert refused[0].endswith("failed to allocate IP 10.0.0.9: provided IP is already allocated")
        assert refused[1].endswith("Invalid value: 30007: provided port is already allocated")
        await world.check()

    run(scenario)


def test_the_same_service_twice() -> None:
    """One is made; what the other took for it is free again. A refused one leaves nothing either."""

    async def scenario(world: World) -> None:
        answers = await asyncio.gather(*(replica.make("same", type="NodePort") for replica in world.replicas),
                                       return_exceptions=True)
        assert [each.reason for each in answers if isinstance(each, APIError)] == ["AlreadyExists"]
        await world.check()
        with pytest.raises(APIError, match="targetPort"):
            await world.replicas[0].make("bad", type="NodePort", ports=[{"port": 80, "targetPort": 70000}])
        await world.check()

    run(scenario)


def test_changes_that_collide_leave_nothing_behind() -> None:
    """Both replicas make the same service a NodePort: one attempt starts over with what the other wrote."""

    async def scenario(world: World) -> None:
        await world.replicas[0].make("s")
        await world.settle()

        def node_port(service: Tree) -> bool:
            service["metadata"].pop("resourceVersion", None)
            service["spec"] |= {"type": "NodePort", "externalTrafficPolicy": "Cluster"}
            return True

        tries: list[str] = []

        def noted(service: Tree) -> bool:
            tries.append(service["spec"]["type"])
            return node_port(service)

        await asyncio.gather(*(replica.change("s", noted) for replica in world.replicas for _ in range(4)))
        assert tries.count("ClusterIP") > 1 and tries.count("NodePort") > 1, "some had to start over"
        await world.check()

    run(scenario)


def test_dual_stack_comes_and_goes() -> None:
    """The second address is taken and given back with the policy."""

    async def scenario(world: World) -> None:
        one, two = world.replicas
        made = await one.make("s", ipFamilyPolicy="PreferDualStack")
        assert len(made["spec"]["clusterIPs"]) == 2 and len(await world.noted()) == 2
        await world.settle()

        def single(service: Tree) -> bool:
            service["spec"]["ipFamilyPolicy"] = "SingleStack"
            return True

        await two.change("s", single)
        assert list(await world.noted()) == made["spec"]["clusterIPs"][:1]

    run(scenario, ranges="10.0.0.0/26,fd00::/112")


def test_the_default_range_at_a_second_start() -> None:
    """It may become dual stack; another one stays as it is, and the server's own service has to do without."""

    async def scenario(world: World) -> None:
        async def stored() -> Tree:
            entry = await world.storage.get("/registry/servicecidrs/kubernetes")
            assert entry is not None
            return entry.tree()

        first = await stored()
        assert first["status"]["conditions"][0]["message"] == "Kubernetes default Service CIDR is ready"
        dual = Replica(world.storage, world.clock, 3, f"{RANGE},fd00::/112")
        await dual.start()
        assert (await stored())["spec"]["cidrs"] == [RANGE, "fd00::/112"]
        other = Replica(world.storage, world.clock, 4, "10.77.0.0/24")
        await other.start()
        assert (await stored())["spec"]["cidrs"] == [RANGE, "fd00::/112"]
        await Bootstrap(other.writer, {}, str).service(Addresses("192.0.2.1", 6443, "10.77.0.1"))
        assert await world.trees("/registry/services/specs/") == []
        await world.check()

    run(scenario)


def test_more_ranges_give_more_addresses() -> None:
    """A ServiceCIDR that is ready, or of which nobody said that it is not."""

    async def scenario(world: World) -> None:
        one, two = world.replicas
        for n in range(6):
            await one.make(f"s{n}")
            await world.settle()
        with pytest.raises(APIError, match="range is full"):
            await one.make("more")
        kind = GroupVersionKind(GROUP, "v1", "ServiceCIDR")
        await two.writer.create(kind, RANGES, {"metadata": {"name": "extra"}, "spec": {"cidrs": ["10.9.0.0/24"]}})
        await world.settle()
        assert (await one.make("more"))["spec"]["clusterIP"].startswith("10.9.0.")
        assert (await two.make("asked", clusterIP="10.9.0.200"))["spec"]["clusterIP"] == "10.9.0.200"

        def unready(obj: Tree) -> bool:
            obj["status"] = {"conditions": [{"type": "Ready", "status": "False", "reason": "Terminating", "message": "",
                                             "lastTransitionTime": "2026-01-01T00:00:00Z"}]}
            return True

        status = one.app.rooms[(GROUP, RANGES)]["status"]  # type: ignore[index]
        await one.writer.change(status, GROUP, RANGES, "", "extra", unready)
        await world.settle()
        with pytest.raises(APIError, match="range is full"):
            await two.make("last")

    run(scenario, ranges="10.0.0.0/29")


def test_repair_notes_what_is_missing() -> None:
    """Services of a storage without IPAddresses and without a bitmap keep what they have."""

    async def scenario(world: World) -> None:
        one, _ = world.replicas
        made = await one.make("s", type="NodePort")
        address = made["spec"]["clusterIP"]
        await world.storage.delete(f"/registry/ipaddresses/{address}")
        await world.storage.delete(KEY)
        await world.settle()
        await one.repair.repair()
        await world.check()
        before = world.storage.revision
        await world.settle()
        await one.repair.repair()
        assert world.storage.revision == before, "what is right is not written"

    run(scenario)


def test_repair_frees_what_crashes_left() -> None:
    """An address without a service after a minute, a port in the third round."""

    async def scenario(world: World) -> None:
        one, two = world.replicas
        await one.make("s", type="NodePort")
        book = one.services._hooks.addresses  # type: ignore[attr-defined]
        await book.take("IPv4", "10.0.0.40", Owner("ns", "crashed"))
        await StoredPorts(world.storage, PortSpan(PORTS), lambda: ()).change(lambda taken: taken.add(30050))
        await world.settle()
        await two.repair.repair()
        assert "10.0.0.40" in await world.noted() and 30050 in await world.ports()
        world.clock.advance(GRACE + 2)
        for _ in range(ROUNDS - 1):
            await two.repair.repair()
            await world.settle()
        await world.check()

    run(scenario)


def test_repair_puts_wrong_owners_right() -> None:
    """An address that says another's name, or nothing of use, while a service has it."""

    async def scenario(world: World) -> None:
        one, two = world.replicas
        address = (await one.make("s"))["spec"]["clusterIP"]
        await world.settle()
        await two.writer.delete(GROUP, ADDRESSES, "", address)
        await two.writer.create(GroupVersionKind(GROUP, "v1", "IPAddress"), ADDRESSES, {
            "metadata": {"name": address},
            "spec": {"parentRef": {"group": "g.io", "resource": "gateways", "name": "g"}}})
        await world.settle()
        await one.repair.repair()
        await world.check()

    run(scenario)


def test_an_address_deleted_under_its_service_comes_back() -> None:
    """At once; one that goes with its service stays away."""

    async def scenario(world: World) -> None:
        one, two = world.replicas
        address = (await one.make("s"))["spec"]["clusterIP"]
        await one.make("gone")
        await world.settle()
        for replica in world.replicas:
            replica.repair.start()
        await two.writer.delete(GROUP, ADDRESSES, "", address)
        await one.delete("gone")
        for _ in range(5):
            await world.settle()
        await world.check()
        for replica in world.replicas:
            await replica.repair.stop()

    run(scenario)


def test_a_range_in_use_stays() -> None:
    """With the controller: a ServiceCIDR is ready, gives nothing once it is deleted, and goes with its last address."""

    async def scenario(world: World) -> None:
        one, _ = world.replicas
        status = one.app.rooms[(GROUP, RANGES)]["status"]  # type: ignore[index]
        controller = ServiceCIDRController(one.writer, status, world.clock.now)
        controller.start()
        kind = GroupVersionKind(GROUP, "v1", "ServiceCIDR")
        await one.writer.create(kind, RANGES, {"metadata": {"name": "extra"}, "spec": {"cidrs": ["10.9.0.0/24"]}})

        async def extra() -> Tree | None:
            for _ in range(5):
                await world.settle()
            entry = await world.storage.get("/registry/servicecidrs/extra")
            return None if entry is None else entry.tree()

        made = await extra()
        assert made is not None and made["metadata"]["finalizers"] == [FINALIZER]
        assert [each["status"] for each in made["status"]["conditions"]] == ["True"]
        await one.make("s", clusterIP="10.9.0.7")
        await one.writer.delete(GROUP, RANGES, "", "extra")
        waiting = await extra()
        assert waiting is not None
        assert [each["reason"] for each in waiting["status"]["conditions"]] == ["Terminating"]
        with pytest.raises(APIError, match="does not match the current range"):
            await one.make("late", clusterIP="10.9.0.8")
        await one.delete("s")
        world.clock.advance(11)
        assert await extra() is None
        await controller.stop()

    run(scenario)


def test_a_dry_run_writes_nothing() -> None:
    """Not even for a moment."""

    async def scenario(world: World) -> None:
        from orlop.api.options import CreateOptions

        one, _ = world.replicas
        before = world.storage.revision
        obj = {"metadata": {"name": "d", "namespace": "ns"}, "spec": {"type": "NodePort", "ports": [{"port": 80}]}}
        schema = one.app.schema(SERVICE)
        schema.decode(obj, None)
        defaults(schema)(obj)
        await one.services.create(one.writer.context("", "services", "ns"), "", obj, admit_all,
                                  CreateOptions(dry_run=True))
        assert world.storage.revision == before

    run(scenario)


def test_bits_in_storage_are_upstreams() -> None:
    """The range as text, the bits in base64; metadata is not empty, so that a revision can be put in."""

    async def scenario(world: World) -> None:
        await world.replicas[0].make("s", type="NodePort", ports=[{"port": 80, "nodePort": 30008}])
        entry = await world.storage.get(KEY)
        assert entry is not None
        tree = entry.tree()
        assert (tree["range"], tree["data"]) == (PORTS, "AQA=")
        assert list(PortSet(PortSpan(PORTS), b"\x01\x00")) == [30008]
        caches = [replica.services.cache.select(EVERYTHING) for replica in world.replicas]
        assert caches[0].revision <= world.storage.revision

    run(scenario)
