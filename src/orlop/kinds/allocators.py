"""Which numbers of a range can be given out: cluster IPs of a CIDR, node ports of a span. Pure; nothing is remembered.

Asked by `address_book` and `port_book`, which know what is taken. Behaviour and texts: kubernetes
`pkg/registry/core/service/{ipallocator,portallocator}` and, for the bits, `allocator/bitmap.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from orlop.world.entropy import Entropy

DRY_RUN_PORT: Final = 32769
"""What a dry run shows for the first node port; no port is looked for."""
PROBES: Final = 32
"""How often chance is asked for a free value before the range is searched in order."""
MAX_SEARCH: Final = 1 << 20
"""Values that are searched in order: the largest IPv4 range there may be. Larger IPv6 ranges are never that full."""
FULL: Final = "range is full"


class AllocationError(Exception):
    """A value cannot be had; the text is what clients read."""


def chance(entropy: Entropy) -> int:
    """32 random bits, from the only source of chance there is."""
    return int(entropy.uid()[:8], 16)


def free_number(first: int, size: int, static: int, taken: Callable[[int], bool], entropy: Entropy) -> int | None:
    """Any number of `size` from `first` on that nobody has. The first `static` of them are given out unasked only when
    no others are left: people choose from there."""
    found = _find(first + static, size - static, taken, entropy)
    return _find(first, static, taken, entropy) if found is None else found


def _find(start: int, span: int, taken: Callable[[int], bool], entropy: Entropy) -> int | None:
    if span <= 0:
        return None
    offset = 0
    for _ in range(PROBES):
        offset = chance(entropy) % span
        if not taken(start + offset):
            return start + offset
    return next((n for i in range(min(span, MAX_SEARCH)) if not taken(n := start + (offset + i) % span)), None)


def _static_part(size: int, share: int, most: int) -> int:
    return min(max(16, size // share), most) if size > 16 else 0


class AddressRange:
    """The cluster IPs of one CIDR: all of it but its first address and, of IPv4, its last."""

    def __init__(self, cidr: str) -> None:
        self.network: IPv4Network | IPv6Network = ip_network(cidr, strict=False)
        self._first = int(self.network.network_address) + 1
        self._size = max(self.network.num_addresses - (2 if self.network.version == 4 else 1), 0)
        self._static = _static_part(self._size, 16, 256)
        self._make = type(self.network.network_address)

    @property
    def family(self) -> str:
        return f"IPv{self.network.version}"

    def __contains__(self, text: str) -> bool:
        address = ip_address(text)
        return address.version == self.network.version and self._first <= int(address) < self._first + self._size

    def free_address(self, taken: Callable[[str], bool], entropy: Entropy) -> str | None:
        """None when there is none."""
        make = self._make
        number = free_number(self._first, self._size, self._static, lambda n: taken(str(make(n))), entropy)
        return None if number is None else str(make(number))


class PortSpan:
    """The configured node ports, `LOW-HIGH`."""

    def __init__(self, span: str) -> None:
        low, _, high = span.partition("-")
        self.first, self.size = int(low), int(high) - int(low) + 1
        self.static = _static_part(self.size, 32, 128)

    def __str__(self) -> str:
        return f"{self.first}-{self.first + self.size - 1}"

    def __contains__(self, port: int) -> bool:
        return self.first <= port < self.first + self.size


class PortSet:
    """Ports taken of a span: one bit each, the first port's is the lowest, as upstream keeps them in storage."""

    def __init__(self, span: PortSpan, data: bytes = b"") -> None:
        self.span = span
        self._bits = int.from_bytes(data, "big") & ((1 << span.size) - 1)

    @classmethod
    def of(cls, span: PortSpan, ports: Iterable[int]) -> PortSet:
        """Ports of another span are left out."""
        made = cls(span)
        for port in ports:
            made.add(port)
        return made

    @property
    def data(self) -> bytes:
        return self._bits.to_bytes((self._bits.bit_length() + 7) // 8, "big")

    def __len__(self) -> int:
        return self._bits.bit_count()

    def __contains__(self, port: int) -> bool:
        return port in self.span and bool(self._bits >> (port - self.span.first) & 1)

    def __iter__(self) -> Iterator[int]:
        return iter([port for port in range(self.span.first, self.span.first + self.span.size) if port in self])

    def add(self, port: int) -> None:
        if port in self.span:
            self._bits |= 1 << (port - self.span.first)

    def take(self, port: int) -> None:
        """Raises AllocationError."""
        if port not in self.span:
            raise AllocationError(
                f"provided port is not in the valid range. The range of valid ports is {self.span}")
        if port in self:
            raise AllocationError("provided port is already allocated")
        self.add(port)

    def take_any(self, entropy: Entropy) -> int:
        """Raises AllocationError."""
        span = self.span
        port = free_number(span.first, span.size, span.static, self.__contains__, entropy)
        if port is None:
            raise AllocationError(FULL)
        self.add(port)
        return port

    def free(self, port: int) -> None:
        if port in self:
            self._bits &= ~(1 << (port - self.span.first))
