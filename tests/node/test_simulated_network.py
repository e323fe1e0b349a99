"""Addresses of the simulated network and where they are on this machine; blocks of it that nodes claim."""

from __future__ import annotations

import asyncio
import ipaddress
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.kinds.kubelet import Location
from orlop.node.addresses import AddressesExhausted, PodAddresses
from orlop.node.claim import NoBlock, claim
from orlop.server.config import Config, ConfigError
from orlop.server.kubelet_dial import DialError, dial
from orlop.server.simulated_network import DEFAULT, SimulatedNetwork

OWN = ipaddress.IPv4Network("127.0.0.0/24")
NETWORK = SimulatedNetwork.parse(DEFAULT)


@st.composite
def networks(draw: st.DrawFn) -> SimulatedNetwork:
    """Any that is taken."""
    first = draw(st.integers(1, 223).filter(lambda number: number not in (127, 169)))
    prefix = draw(st.integers(8, 24))
    low = draw(st.integers(0, (1 << 24) - 1)) >> (32 - prefix) << (32 - prefix)
    text = f"{ipaddress.IPv4Address(first << 24 | low)}/{prefix}"
    try:
        return SimulatedNetwork.parse(text)
    except ValueError:
        assert text.endswith(".0.0.0/24"), text
        return NETWORK


@given(networks(), st.integers(0, (1 << 24) - 1), st.integers(0, (1 << 24) - 1))
def test_a_twin_is_on_the_loopback_network_but_never_where_others_listen(network: SimulatedNetwork, one: int,
                                                                         other: int) -> None:
    """Each address of a network has a twin of its own in 127.0.0.0/8, and none is 127.0.0.x: what has no other place
    there has no twin."""
    twins = []
    for number in (one % network.range.num_addresses, other % network.range.num_addresses):
        address = network.range[number]
        twin = ipaddress.IPv4Address(network.twin(str(address)))
        assert twin not in OWN
        assert twin.is_loopback == network.has(address) and (twin.is_loopback or twin == address)
        assert int(twin) & 0xFFFFFF == int(address) & 0xFFFFFF
        twins.append((address, twin))
    assert (twins[0][0] == twins[1][0]) == (twins[0][1] == twins[1][1])


@pytest.mark.parametrize(("network", "address", "twin"), [
    (DEFAULT, "10.64.0.1", "127.64.0.1"),
    (DEFAULT, "10.127.255.255", "127.127.255.255"),
    ("172.16.0.0/12", "172.31.2.3", "127.31.2.3"),
    ("192.168.7.0/24", "192.168.7.9", "127.168.7.9"),
    ("10.0.0.0/8", "10.0.1.1", "127.0.1.1"),
    ("10.0.0.0/8", "10.0.0.1", "10.0.0.1"),
    (DEFAULT, "10.63.255.255", "10.63.255.255"),
    (DEFAULT, "127.0.0.1", "127.0.0.1"),
    (DEFAULT, "fd00::1", "fd00::1"),
    (DEFAULT, "node-1.example", "node-1.example"),
])  # fmt: skip
def test_twins(network: str, address: str, twin: str) -> None:
    """The last three numbers stay; what is not of the network, or would be at 127.0.0.x, is where it is."""
    assert SimulatedNetwork.parse(network).twin(address) == twin


@pytest.mark.parametrize(("text", "complaint"), [
    ("10.64.0.0", "must have a prefix of /8 to /24"),
    ("10.0.0.0/7", "must have a prefix of /8 to /24"),
    ("10.64.0.0/25", "must have a prefix of /8 to /24"),
    ("10.64.0.1/10", "has host bits set"),
    ("fd00::/64", "must be an IPv4 network"),
    ("ten", "must be an IPv4 network"),
    ("127.64.0.0/10", "must be a network of ordinary addresses"),
    ("169.254.0.0/16", "must be a network of ordinary addresses"),
    ("169.0.0.0/8", "must be a network of ordinary addresses"),
    ("224.0.0.0/8", "must be a network of ordinary addresses"),
    ("0.0.0.0/8", "must be a network of ordinary addresses"),
    ("10.0.0.0/24", "must not lie at 127.0.0.x"),
])  # fmt: skip
def test_networks_that_cannot_be(text: str, complaint: str) -> None:
    """The configuration refuses them, naming the setting, the reason and what was given."""
    with pytest.raises(ConfigError) as caught:
        Config(simulated_network=text)
    said = str(caught.value)
    assert said.startswith("simulated-network must ") and complaint in said and said.endswith(f"not {text!r}")


def test_a_connection_is_made_to_the_twin() -> None:
    """Who listens at the twin is reached by the address; errors name the address."""

    async def scenario() -> None:
        server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.64.255.9", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            transport = await dial(Location("http", "10.64.255.9", str(port)), None, _Silent, NETWORK.twin)
            assert transport.peer == ("127.64.255.9", port)
            with pytest.raises(DialError, match=rf"^dial tcp 10\.64\.255\.8:{port}: connect: connection refused$"):
                await dial(Location("http", "10.64.255.8", str(port)), None, _Silent, NETWORK.twin)

    asyncio.run(scenario())


class _Silent(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.peer = transport.get_extra_info("peername")
        assert isinstance(transport, asyncio.Transport)
        transport.close()


# --- blocks


@pytest.fixture
def network() -> SimulatedNetwork:
    """One that no other process claims of: claims are the whole machine's."""
    place = ipaddress.IPv4Address((198 << 24) + (os.getpid() % 4000 + 16 << 12))
    return SimulatedNetwork.parse(f"{place}/20")


def test_no_two_nodes_have_the_same_addresses(network: SimulatedNetwork) -> None:
    """Who comes second gets another block; a block that holds a claimed one, or lies in one, is not free either; what
    is given up is free again."""
    blocks = list(network.range.subnets(new_prefix=24))
    one = claim(network, 110, 3)
    other = claim(network, 110, 3)
    large = claim(network, 1000, 0)
    small = claim(network, 110, 5, wanted=str(blocks[8]))
    try:
        assert (one.block, one.address) == (blocks[3], str(blocks[3][1]))
        assert other.block == blocks[4]
        assert large.block == blocks[8].supernet(new_prefix=22)
        assert small.block == blocks[5]
        one.close()
        again = claim(network, 110, 0, wanted=str(blocks[3]))
        again.close()
        assert again.block == blocks[3]
    finally:
        for each in (one, other, large, small):
            each.close()


def test_two_networks_with_the_same_twins_do_not_meet(network: SimulatedNetwork) -> None:
    """198.x.y.z and 203.x.y.z are the same place on this machine."""
    one = claim(network, 4000, 0)
    other = SimulatedNetwork.parse(str(network).replace("198.", "203.", 1))
    try:
        with pytest.raises(NoBlock, match=rf"^simulated-network {other} has no block of /24 left for the node$"):
            claim(other, 110, 0)
    finally:
        one.close()


def test_blocks_keep_off_other_ranges_and_off_the_machine_s_own_addresses() -> None:
    """Those of services, and 127.0.0.x."""
    services = ipaddress.IPv4Network("198.0.1.0/24")
    with_room = SimulatedNetwork.parse("198.0.0.0/22")
    found = claim(with_room, 110, 0, others=[services])
    found.close()
    assert str(found.block) == "198.0.2.0/24"


def test_a_network_that_is_too_small() -> None:
    with pytest.raises(NoBlock, match=r"simulated-network 198\.51\.80\.0/24 has no room for 254 pods of a node"):
        claim(SimulatedNetwork.parse("198.51.80.0/24"), 254, 0)


@given(st.integers(1, 60_000))
def test_a_block_has_room_for_the_pods(pods: int) -> None:
    """Each gets an address that is neither the node's nor the block's first or last."""
    found = claim(SimulatedNetwork.parse("100.64.0.0/10"), pods, pods)
    found.close()
    assert 16 <= found.block.prefixlen <= 24 and found.block.num_addresses - 3 >= pods


def test_addresses_of_a_block_are_all_given_once() -> None:
    """Until none is left; what is given back is given again."""
    block = ipaddress.IPv4Network("10.64.1.0/24")
    addresses = PodAddresses(block, node="10.64.1.1")
    wanted = addresses.take("10.64.1.7")
    taken = {wanted, *(addresses.take() for _ in range(252))}
    assert wanted == "10.64.1.7" and taken == {str(block[number]) for number in range(2, 255)}
    with pytest.raises(AddressesExhausted, match=r"no IP addresses available in 10\.64\.1\.0/24"):
        addresses.take()
    addresses.release("10.64.1.9")
    assert addresses.take("10.64.1.7") == "10.64.1.9"


@pytest.mark.parametrize("wanted", ["10.64.1.0", "10.64.1.1", "10.64.1.255", "10.64.2.7", "fd00::7", "?"])
def test_an_address_that_is_not_the_node_s_to_give(wanted: str) -> None:
    """A former address that is not of the block, or is no pod's: there is a new one."""
    addresses = PodAddresses(ipaddress.IPv4Network("10.64.1.0/24"), node="10.64.1.1")
    assert addresses.take(wanted) == "10.64.1.2"
