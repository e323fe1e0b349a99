"""Cluster IPs and node ports: nobody gets what another one has, and what is let go of comes back."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import orjson
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from kind_bench import Kind, Tree, copied

from orlop.api.errors import APIError
from orlop.kinds.allocators import Addresses, AllocationError, Claim, Pool, Ports
from orlop.kinds.service_allocation import ServiceAllocation
from orlop.registry.create import before_create
from orlop.registry.update import before_update
from orlop.storage.interface import Entry
from orlop.world.entropy import RandomEntropy

Finish = Callable[[bool], None]


def entropy() -> RandomEntropy:
    return RandomEntropy(7)


def test_a_pool_gives_everything_once() -> None:
    """Until it is empty, static part last; then it gives nothing."""
    pool = Pool(10, 20, 8, entropy())
    drawn = [pool.take_any() for _ in range(20)]
    assert set(drawn[:12]) == set(range(18, 30)) and set(drawn) == set(range(10, 30))
    assert pool.take_any() is None
    pool.free(13)
    assert pool.take_any() == 13


def test_a_range_gives_neither_network_nor_broadcast() -> None:
    """A /29 has six addresses."""
    pool = Addresses("10.0.0.0/29", entropy())
    assert {pool.take_any() for _ in range(6)} == {f"10.0.0.{n}" for n in range(1, 7)}
    with pytest.raises(AllocationError, match="range is full"):
        pool.take_any()


def test_a_huge_ipv6_range_is_no_trouble() -> None:
    """Addresses come from its beginning."""
    pool = Addresses("fd00::/64", entropy())
    assert pool.family == "IPv6" and pool.take_any().startswith("fd00::")


@pytest.mark.parametrize(("text", "why"), [
    ("10.0.0.5", "provided IP is already allocated"),
    ("10.0.0.255", "the provided IP (10.0.0.255) is not in the valid range. The range of valid IPs is 10.0.0.0/24"),
    ("10.0.1.5", "the provided network does not match the current range"),
    ("fd00::1", "the provided network does not match the current range"),
])
def test_addresses_that_cannot_be_had(text: str, why: str) -> None:
    """In upstream's words."""
    pool = Addresses("10.0.0.0/24", entropy())
    pool.take("10.0.0.5")
    with pytest.raises(AllocationError) as refusal:
        pool.take(text)
    assert str(refusal.value) == why


def test_ports_that_cannot_be_had() -> None:
    """Taken, or outside the range."""
    ports = Ports("30000-30010", entropy())
    ports.take(30000)
    with pytest.raises(AllocationError, match="provided port is already allocated"):
        ports.take(30000)
    with pytest.raises(AllocationError, match=r"not in the valid range\. The range of valid ports is 30000-30010"):
        ports.take(30011)


def test_a_claim_undoes_or_releases() -> None:
    """A failed write gives back what it took; a successful one gives back what it let go of."""
    ports, pool = Ports("30000-30010", entropy()), Addresses("10.0.0.0/24", entropy())
    ports.take(30001)
    failed = Claim(ports, dry_run=False)
    failed.address(pool, "")
    failed.any_port()
    failed.port(30002)
    failed.release_ports([30001])
    failed.finish(False)
    assert (len(pool), len(ports), ports.is_taken(30001)) == (0, 1, True)
    made = Claim(ports, dry_run=False)
    made.address(pool, "10.0.0.9")
    made.release_ports([30001])
    made.finish(True)
    assert (len(pool), len(ports)) == (1, 0)


def test_a_dry_claim_takes_nothing() -> None:
    """It refuses what a real one would refuse, its own doubles too."""
    ports, pool = Ports("30000-30010", entropy()), Addresses("10.0.0.0/24", entropy())
    claim = Claim(ports, dry_run=True)
    assert claim.address(pool, "") == "10.0.0.0" and claim.any_port() == 32768 and claim.any_port() == 32769
    claim.port(30003)
    with pytest.raises(AllocationError):
        claim.port(30003)
    claim.finish(True)
    assert len(pool) == len(ports) == 0


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
        self.addresses = Addresses("10.0.0.0/27", RandomEntropy(1))
        self.ports = Ports("30000-30015", RandomEntropy(2))
        self.hooks = ServiceAllocation([self.addresses], self.ports)
        self.kind = Kind("services")
        for kind in KINDS:
            self.end(self.begin(service(kind.lower(), kind, 1, True, 0), None), True)

    def prepare(self, body: Tree, old: Tree | None, dry_run: bool) -> tuple[Tree, Finish] | None:
        """What the store does up to the write. None: refused."""
        obj, ctx = self.kind.decoded(body), self.kind.context()
        try:
            if old is None:
                finish = self.hooks.begin_create(ctx, obj, dry_run)
            else:
                finish = self.hooks.begin_update(ctx, obj, old, dry_run)
        except APIError:
            return None
        assert finish is not None
        try:
            if old is None:
                before_create(self.kind.strategy(), ctx, obj)
            else:
                before_update(self.kind.strategy(), ctx, obj, old)
        except APIError:
            finish(False)
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
    def end(self, write: tuple[int, Finish], well: bool) -> None:
        """A write is made only if the object is still what it was read as."""
        name, obj, old = self.underway.pop(write[0])
        made = well and self.stored.get(name) == old
        write[1](made)
        if made:
            self.stored[name] = obj

    @rule(pick=st.integers(0, 20))
    def delete(self, pick: int) -> None:
        if pick < len(self.stored):
            gone = self.stored.pop(sorted(self.stored)[pick])
            self.hooks.after_delete(_entry(gone), False)

    @rule(shape=SHAPES, pick=st.integers(0, 9))
    def dry_run(self, shape: tuple[str, int, bool, int], pick: int) -> None:
        before = (len(self.addresses), len(self.ports))
        name, old = "dry", None
        if self.stored and pick % 2:
            name = sorted(self.stored)[pick % len(self.stored)]
            old = copied(self.stored[name])
        prepared = self.prepare(service(name, *shape), old, True)
        if prepared is not None:
            prepared[1](False)
        assert (len(self.addresses), len(self.ports)) == before

    @rule()
    def restart(self) -> None:
        """Only between writes: a server starts with none under way."""
        if not self.underway:
            self.hooks.restore(copied(tree) for tree in self.stored.values())

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
        taken = ({f"10.0.0.{n}" for n in range(1, 31) if self.is_taken(f"10.0.0.{n}")},
                 {port for port in range(30000, 30016) if self.ports.is_taken(port)})
        assert stored[0] <= taken[0] <= stored[0] | asked[0]
        assert stored[1] <= taken[1] <= stored[1] | asked[1]

    def everything(self, trees: Iterable[Tree]) -> tuple[set[str], set[int]]:
        held = [self.held(tree) for tree in trees]
        return {text for one, _ in held for text in one}, {port for _, one in held for port in one}

    def is_taken(self, address: str) -> bool:
        try:
            self.addresses.check(address)
        except AllocationError:
            return True
        return False


def _entry(tree: Tree) -> Entry:
    return Entry("k", 1, orjson.dumps(tree))


TestWriters = Writers.TestCase
TestWriters.settings = settings(max_examples=60, stateful_step_count=60, deadline=None)
