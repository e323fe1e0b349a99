"""Addresses of the pods of one node.

Used by `agent`. In fake mode they come from 10.64.0.0/10 and lead nowhere; in process mode from 127.64.0.0/10, which
every Linux machine has on its loopback: a process may listen on its pod's own address. That loopback is shared by all
nodes of the machine, also those of other servers; so each begins elsewhere, where its `home` says.
"""

from __future__ import annotations

from typing import Final
from zlib import crc32

PODS: Final = 65_000
"""Addresses of one node."""
_BLOCKS: Final = 250
"""Places to begin at."""


class AddressesExhausted(Exception):
    """Every address of the node is taken."""


class PodAddresses:
    """`home` is the directory of the node's pods, which no two nodes of a machine share."""

    def __init__(self, number: int, loopback: bool, home: str = "") -> None:
        self._prefix = f"{127 if loopback else 10}.{64 + number % 64}"
        self._taken: dict[str, None] = {}
        self._next = crc32(home.encode()) % _BLOCKS << 8 if loopback and home else 0

    def take(self, wanted: str = "") -> str:
        """One that is free; `wanted` if that is ours and free. Raises AddressesExhausted."""
        if wanted.startswith(self._prefix + ".") and wanted not in self._taken:
            self._taken[wanted] = None
            return wanted
        if len(self._taken) >= PODS:
            raise AddressesExhausted(f"all {PODS} addresses of the node are taken")
        while True:
            self._next = self._next % PODS + 1
            address = f"{self._prefix}.{self._next >> 8}.{self._next & 255}"
            if address not in self._taken and self._next & 255 not in (0, 255):
                self._taken[address] = None
                return address

    def release(self, address: str) -> None:
        self._taken.pop(address, None)
