"""Blocks of the simulated network, one for each node: no two nodes of a machine have the same.

Used by `run` before a node starts. The processes of pods listen at the twins of their addresses, and the machine's
loopback network is one for all its programs; so a block is claimed for as long as the node lives. A claim is a Unix
socket with an abstract name (unix(7)), which the kernel gives to one only, keeps in the same network namespace as the
loopback addresses, and takes back when the process is gone, however it went. Blocks of different sizes may lie in one
another: whoever has bound the name of a block then looks whether somebody has one that it touches, and gives way.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from orlop.server.simulated_network import SimulatedNetwork

SMALLEST: Final = 24
"""Prefix of a node's block where its pods find room in it, as kube-controller-manager gives them out."""
LARGEST: Final = 16
_RESERVED: Final = 3
"""Addresses of a block that are no pod's: the first, the last, the node's own."""

Range = ipaddress.IPv4Network


class NoBlock(OSError):
    """The network has no free block for the node."""


@dataclass(frozen=True, slots=True)
class Claim:
    """`block` is this node's until `close`. Its first address is the node's, the others are for pods."""

    block: Range
    _socket: socket.socket

    @property
    def address(self) -> str:
        return str(self.block[1])

    def close(self) -> None:
        self._socket.close()


def claim(network: SimulatedNetwork, pods: int, start: int, wanted: str = "", others: Sequence[Range] = ()) -> Claim:
    """A block with room for so many pods: `wanted` if it can be had, else the first that is free from where `start`
    says, which should differ from node to node. None that overlaps `others`. Raises NoBlock."""
    prefix = max(_prefix(pods), network.range.prefixlen)
    if (1 << 32 - prefix) - _RESERVED < pods:
        raise NoBlock(f"simulated-network {network} has no room for {pods} pods of a node")
    for block in _blocks(network.range, prefix, start, wanted):
        if network.has(block[0]) and not any(block.overlaps(other) for other in others):
            found = _bind(network, block)
            if found is not None:
                return Claim(block, found)
    raise NoBlock(f"simulated-network {network} has no block of /{prefix} left for the node")


def _prefix(pods: int) -> int:
    return min(SMALLEST, max(LARGEST, 32 - (pods + _RESERVED - 1).bit_length()))


def _blocks(network: Range, prefix: int, start: int, wanted: str) -> Iterator[Range]:
    try:
        known = Range(wanted)
    except ValueError:
        known = None
    if known is not None and known.prefixlen == prefix and known.subnet_of(network):
        yield known
    count, first = 1 << prefix - network.prefixlen, int(network[0])
    for number in range(count):
        yield Range((first + ((start + number) % count << 32 - prefix), prefix))


def _bind(network: SimulatedNetwork, block: Range) -> socket.socket | None:
    """None when somebody has it or a part of it."""
    place = Range((network.twin(str(block[0])), block.prefixlen))
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        made.bind(_name(place))
    except OSError:
        made.close()
        return None
    if any(map(_is_claimed, _touching(place))):
        made.close()
        return None
    return made


def _name(place: Range) -> str:
    return f"\0orlop-addresses-{place}"


def _touching(place: Range) -> Iterator[Range]:
    """What else may be claimed that has an address in common with it."""
    for prefix in range(LARGEST, place.prefixlen):
        yield place.supernet(new_prefix=prefix)
    for prefix in range(place.prefixlen + 1, SMALLEST + 1):
        yield from place.subnets(new_prefix=prefix)


def _is_claimed(place: Range) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as asking:
        return asking.connect_ex(_name(place)) == 0
