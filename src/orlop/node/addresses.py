"""Addresses of the pods of one node.

Used by `agent`. On a simulated network (`claim`) they are those of the node's block. Without one they lead nowhere in
fake mode and come from 10.64.0.0/10; in process mode they come from 127.64.0.0/10, which every Linux machine has on its
loopback. That is shared by all nodes of the machine, also those of other servers; so each begins elsewhere, where its
`data_dir` says.
"""

from __future__ import annotations

import ipaddress
from typing import Final
from zlib import crc32

from orlop.node.settings import PROCESS, NodeSettings

_BLOCKS: Final = 250
"""Places to begin at."""


class AddressesExhausted(Exception):
    """Every address of the node is taken."""


class PodAddresses:
    """Those of `block` but the first and the last, and without the `node`'s own; the first that are given are at
    `start`."""

    def __init__(self, block: ipaddress.IPv4Network, start: int = 0, node: str = "") -> None:
        self._block, self._node = block, node
        self._last = block.num_addresses - 2
        """Addresses of the block, but the first and the last."""
        self._next = start
        self._taken: set[str] = set()

    def take(self, wanted: str = "") -> str:
        """One that is free; `wanted` if that is ours and free. Raises AddressesExhausted."""
        if wanted and wanted not in self._taken and self._is_ours(wanted):
            self._taken.add(wanted)
            return wanted
        for _ in range(self._last):
            self._next = self._next % self._last + 1
            address = str(self._block[self._next])
            if address not in self._taken and address != self._node:
                self._taken.add(address)
                return address
        raise AddressesExhausted(f"no IP addresses available in {self._block}")

    def _is_ours(self, address: str) -> bool:
        try:
            number = int(ipaddress.IPv4Address(address)) - int(self._block[0])
        except ValueError:
            return False
        return 0 < number <= self._last and address != self._node

    def release(self, address: str) -> None:
        """It may be given again. What was not taken stays as it is."""
        self._taken.discard(address)


def addresses_of(settings: NodeSettings) -> PodAddresses:
    if settings.block is not None:
        return PodAddresses(settings.block, node=settings.address)
    loopback = settings.mode == PROCESS
    block = ipaddress.IPv4Network(f"{127 if loopback else 10}.{64 + settings.number % 64}.0.0/16")
    home = str(settings.data_dir or "")
    return PodAddresses(block, crc32(home.encode()) % _BLOCKS << 8 if loopback and home else 0)
