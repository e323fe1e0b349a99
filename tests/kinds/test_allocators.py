"""Cluster IPs and node ports: nobody gets what another one has, and what is let go of comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from kind_bench import Kind, Tree, copied

from orlop.api.errors import APIError
from orlop.kinds.address_book import AddressBook, Owner
from orlop.kinds.allocators import AddressRange, AllocationError, PortSet, PortSpan, free_number
from orlop.kinds.port_book import KEY as PORTS_KEY
from orlop.kinds.port_book import StoredPorts
from orlop.kinds.service_allocation import ServiceAllocation
from orlop.registry.create import before_create
from orlop.registry.update import before_update
from orlop.storage.interface import Entry
from orlop.world.entropy import RandomEntropy


def entropy() -> RandomEntropy:
    return RandomEntropy(7)


def test_a_range_gives_everything_once() -> None:
    """Until it is empty, static part last; then it gives nothing."""
    taken: set[int] = set()
    drawn = []
    while (number := free_number(10, 20, 8, taken.__contains__, entropy())) is not None:
        taken.add(number)
        drawn.append(number)
    assert set(drawn[:12]) == set(range(18, 30)) and sorted(drawn) == list(range(10, 30))
    taken.remove(13)
    assert free_number(10, 20, 8, taken.__contains__, entropy()) == 13


def test_a_range_gives_neither_network_nor_broadcast() -> None:
    """A /29 has six addresses; IPv6 has no broadcast."""
    given = AddressRange("10.0.0.0/29")
    taken: set[str] = set()
    while (text := given.free_address(taken.__contains__, entropy())) is not None:
        taken.add(text)
    assert taken == {f"10.0.0.{n}" for n in range(1, 7)} and all(text in given for text in taken)
    assert "10.0.0.0" not in given and "10.0.0.7" not in given and "fd00::1" not in given
    assert "fd00::ffff" in AddressRange("fd00::/112") and "fd00::" not in AddressRange("fd00::/112")


def test_a_huge_ipv6_range_is_no_trouble() -> None:
    """Nothing is enumerated."""
    given = AddressRange("fd00::/64")
    text = given.free_address(lambda text: False, entropy())
    assert given.family == "IPv6" and text is not None and text in given


def test_ports_that_cannot_be_had() -> None:
    """Taken, or outside the range."""
    ports = PortSet(PortSpan("30000-30010"))
    ports.take(30000)
    with pytest.raises(AllocationError, match="provided port is already allocated"):
        ports.take(30000)
    with pytest.raises(AllocationError, match=r"not in the valid range\. The range of valid ports is 30000-30010"):
        ports.take(30011)
    while len(ports) < 11:
        ports.take_any(entropy())
    with pytest.raises(AllocationError, match="range is full"):
        ports.take_any(entropy())


@given(st.sets(st.integers(30000, 30099)))
def test_bits_are_as_go_writes_them(taken: set[int]) -> None:
    """A big-endian number without leading zeros, the first port its lowest bit; what is read back is the same."""
    span = PortSpan("30000-30099")
    data = PortSet.of(span, taken).data
    assert int.from_bytes(data, "big") == sum(1 << (port - 30000) for port in taken)
    assert data[:1] != b"\x00" and set(PortSet(span, data)) == taken


def test_other_ports_are_left_out() -> None:
    """Services may have ports from before the span was changed."""
    assert set(PortSet.of(PortSpan("30000-30010"), (30001, 40000))) == {30001}
    assert set(PortSet(PortSpan("30000-30001"), b"\xff")) == {30000, 30001}


class Register:
    """Who has which address; says that an address is free until `late` are through, as a cache does that is behind."""

    def __init__(self, late: int = 0) -> None:
        self.owners: dict[str, Owner] = {}
        self._late = late

    def knows(self, text: str) -> bool:
        self._late -= 1
        return self._late < 0 and text in self.owners

    async def enter(self, text: str, owner: Owner) -> bool:
        await asyncio.sleep(0)
        return self.owners.setdefault(text, owner) is owner

    async def strike(self, text: str, owner: Owner) -> None:
        if self.owners.get(text) == owner:
            del self.owners[text]


@pytest.mark.parametrize(("text", "why"), [
    ("10.0.0.5", "provided IP is already allocated"),
    ("10.0.0.255", "the provided network does not match the current range"),
    ("10.0.1.5", "the provided network does not match the current range"),
    ("fd00::1", "the provided network does not match the current range"),
])
def test_addresses_that_cannot_be_had(text: str, why: str) -> None:
    """In upstream's words."""
    book = AddressBook(["10.0.0.0/24"], Register(), None, entropy())

    async def take() -> None:
        await book.take("IPv4", "10.0.0.5", Owner("a", "b"))
        with pytest.raises(AllocationError) as refusal:
            await book.take("IPv4", text, Owner("a", "c"))
        assert str(refusal.value) == why

    asyncio.run(take())


def test_what_others_took_meanwhile_is_not_given() -> None:
    """A cache that is behind costs another try, and never an address twice; the last address is found."""
    register = Register(late=40)
    book = AddressBook(["10.0.0.0/29"], register, None, entropy())

    async def take() -> None:
        given = await asyncio.gather(*(book.take_any("IPv4", Owner("a", str(n))) for n in range(6)))
        assert len(set(given)) == 6
        with pytest.raises(AllocationError, match="range is full"):
            await book.take_any("IPv4", Owner("a", "b"))

    asyncio.run(take())


# --- whole services, written concurrently ----------------------------------------------------------------------------

KINDS = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName", "Headless")


def service(name: str, kind: str, ports: int, local: bool, wanted: int) -> Tree:
    """A client's body."""
    listed = [{"name": f"p{i}", "port": 80 + i} for i in range(ports)]
    spec: Tree = {"type": "ClusterIP" if kind == "Headless" else kind, "ports": listed}
    if kind == "Headless":
        spec["clusterIP"] = "None"
    if kind == "ExternalName":
        spec["externalName"] = "example.com"
    if kind == "LoadBalancer" and local:
        spec["externalTrafficPolicy"] = "Local"
    if kind in ("NodePort", "LoadBalancer") and wanted:
        listed[0]["nodePort"] = wanted
    return {"metadata": {"name": name, "namespace": "ns", "resourceVersion": "1"}, "spec": spec}


SHAPES = st.tuples(st.sampled_from(KINDS), st.integers(1, 3), st.booleans(), st.sampled_from((0, 0, 0, 30001, 30002)))


class Writers(RuleBasedStateMachine):
    """Services are created, changed and deleted while other writes are still under way; writes fail, the server
    starts again."""

    pending = Bundle("pending")

    @initialize()
    def open(self) -> None:
        self.stored: dict[str, Tree] = {}
        self.underway: dict[int, tuple[str, Tree, Tree | None]] = {}
        self.count = 0
        self.loop = asyncio.new_event_loop()
        self.kind = Kind("services")
        self.run(self.kind.storage.start())
        self.addresses = Register()
        self.ports = StoredPorts(self.kind.storage, PortSpan("30000-30015"), self.stored.values)
        book = AddressBook(["10.0.0.0/27"], self.addresses, None, RandomEntropy(1))
        self.hooks = ServiceAllocation(book, self.ports, RandomEntropy(2))
        for kind in KINDS:
            self.end(self.begin(service(kind.lower(), kind, 1, True, 0), None), True)

    def run(self, work: Awaitable[Any]) -> Any:
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        self.loop.close()

    def taken(self) -> tuple[set[str], set[int]]:
        return set(self.addresses.owners), set(self.run(self.ports.read()))

    def prepare(self, body: Tree, old: Tree | None, dry_run: bool) -> tuple[Tree, Callable[[bool], Any]] | None:
        """What the store does up to the write. None: refused."""
        obj, ctx = self.kind.decoded(body), self.kind.context()
        try:
            if old is None:
                finish = self.run(self.hooks.begin_create(ctx, obj, dry_run))
            else:
                finish = self.run(self.hooks.begin_update(ctx, obj, old, dry_run))
        except APIError:
            return None
        try:
            if old is None:
                before_create(self.kind.strategy(), ctx, obj)
            else:
                before_update(self.kind.strategy(), ctx, obj, old)
        except APIError:
            self.run(finish(False))
            return None
        return obj, finish

    def begin(self, body: Tree, old: Tree | None) -> Any:
        prepared = self.prepare(body, old, False)
        if prepared is None:
            return multiple()
        self.count += 1
        self.underway[self.count] = (prepared[0]["metadata"]["name"], prepared[0], old)
        return (self.count, prepared[1])

    @rule(target=pending, shape=SHAPES, pick=st.integers(0, 7))
    def write(self, shape: tuple[str, int, bool, int], pick: int) -> Any:
        """A change of a service, or a new one."""
        if pick >= len(self.stored):
            return self.begin(service(f"s{self.count}", *shape), None)
        name = sorted(self.stored)[pick]
        return self.begin(service(name, *shape), copied(self.stored[name]))

    @rule(write=consumes(pending), well=st.sampled_from((True, True, False)))
    def end(self, write: tuple[int, Callable[[bool], Any]], well: bool) -> None:
        """A write is made only if the object is still what it was read as."""
        name, obj, old = self.underway.pop(write[0])
        made = well and self.stored.get(name) == old
        self.run(write[1](made))
        if made:
            self.stored[name] = obj

    @rule(pick=st.integers(0, 20))
    def delete(self, pick: int) -> None:
        if pick < len(self.stored):
            gone = self.stored.pop(sorted(self.stored)[pick])
            self.run(self.hooks.after_delete(_entry(gone), False))

    @rule(shape=SHAPES, pick=st.integers(0, 9))
    def dry_run(self, shape: tuple[str, int, bool, int], pick: int) -> None:
        before = self.taken()
        name, old = "dry", None
        if self.stored and pick % 2:
            name = sorted(self.stored)[pick % len(self.stored)]
            old = copied(self.stored[name])
        prepared = self.prepare(service(name, *shape), old, True)
        if prepared is not None:
            self.run(prepared[1](False))
        assert self.taken() == before

    @rule()
    def lose(self) -> None:
        """Only between writes: the bitmap is gone, and is made again from the services."""
        if not self.underway and self.run(self.kind.storage.get(PORTS_KEY)) is not None:
            self.run(self.kind.storage.delete(PORTS_KEY))

    def held(self, tree: Tree) -> tuple[set[str], set[int]]:
        spec = tree["spec"]
        addresses = set() if spec["type"] == "ExternalName" else set(spec.get("clusterIPs") or ()) - {"None"}
        ports = {port["nodePort"] for port in spec.get("ports") or () if port.get("nodePort")}
        return addresses, ports | ({spec["healthCheckNodePort"]} if spec.get("healthCheckNodePort") else set())

    @invariant()
    def nobody_shares(self) -> None:
        """No address and no port belongs to two services."""
        held = [self.held(tree) for tree in self.stored.values()]
        for listed in ([text for texts, _ in held for text in texts], [port for _, ports in held for port in ports]):
            assert len(listed) == len(set(listed))

    @invariant()
    def nothing_leaks(self) -> None:
        """All that stored services have is taken, and nothing but that and what writes under way ask for."""
        stored = self.everything(self.stored.values())
        asked = self.everything(obj for _, obj, _ in self.underway.values())
        taken = self.taken()
        assert stored[0] <= taken[0] <= stored[0] | asked[0]
        assert stored[1] <= taken[1] <= stored[1] | asked[1]

    def everything(self, trees: Iterable[Tree]) -> tuple[set[str], set[int]]:
        held = [self.held(tree) for tree in trees]
        return {text for one, _ in held for text in one}, {port for _, one in held for port in one}


def _entry(tree: Tree) -> Entry:
    return Entry("k", 1, orjson.dumps(tree))


TestWriters = Writers.TestCase
TestWriters.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
