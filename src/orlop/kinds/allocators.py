"""Who has which cluster IP and which node port: pools in memory, filled from the stored services at start.

Used by `service_allocation` while a service is written: a `Claim` takes values before the write and gives them back
when the write fails; what a write lets go of is given back when it succeeded. All calls happen on the event loop
without a pause in between, so that a value is never given twice. Behaviour: kubernetes
`pkg/registry/core/service/{ipallocator,portallocator}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

from orlop.world.entropy import Entropy

MAX_IPV6_POOL: Final = 1 << 16
"""Addresses of an IPv6 range that are handed out: enough for all services, and enumerable."""
DRY_RUN_PORT: Final = 32768
"""What a dry run shows for the first node port; no port is looked for."""
PROBES: Final = 16
"""How often chance is asked for a free value before the pool is searched in order."""


class AllocationError(Exception):
    """A value cannot be had; the text is what clients read."""


class Pool:
    """Consecutive numbers, each free or taken. The first `static` of them are given out unasked only when no others
    are left: people choose from there."""

    def __init__(self, first: int, size: int, static: int, entropy: Entropy) -> None:
        self.first, self.size, self._static, self._entropy = first, size, static, entropy
        self._taken: set[int] = set()

    def __contains__(self, number: int) -> bool:
        return self.first <= number < self.first + self.size

    def is_taken(self, number: int) -> bool:
        return number in self._taken

    def __len__(self) -> int:
        """How many are taken."""
        return len(self._taken)

    def take(self, number: int) -> bool:
        """False when somebody has it. `number` must be in the pool."""
        if number in self._taken:
            return False
        self._taken.add(number)
        return True

    def take_any(self) -> int | None:
        """A free number, None when there is none."""
        number = self._find(self._static, self.size)
        if number is None:
            number = self._find(0, self._static)
        if number is not None:
            self._taken.add(number)
        return number

    def _find(self, low: int, high: int) -> int | None:
        span, start = high - low, self.first + low
        if span <= 0:
            return None
        offset = 0
        for _ in range(PROBES):
            offset = chance(self._entropy) % span
            if start + offset not in self._taken:
                return start + offset
        return next((n for i in range(span) if (n := start + (offset + i) % span) not in self._taken), None)

    def free(self, number: int) -> None:
        self._taken.discard(number)

    def clear(self) -> None:
        self._taken.clear()


def chance(entropy: Entropy) -> int:
    """32 random bits, from the only source of chance there is."""
    return int(entropy.uid()[:8], 16)


def _static_part(size: int, share: int, most: int) -> int:
    return min(max(16, size // share), most) if size > 16 else 0


class Addresses:
    """The cluster IPs of one range."""

    def __init__(self, cidr: str, entropy: Entropy) -> None:
        self.network: IPv4Network | IPv6Network = ip_network(cidr, strict=False)
        size = self.network.num_addresses - (2 if self.network.version == 4 else 1)
        size = max(min(size, MAX_IPV6_POOL), 0)
        self._pool = Pool(int(self.network.network_address) + 1, size, _static_part(size, 16, 256), entropy)

    @property
    def family(self) -> str:
        return f"IPv{self.network.version}"

    def __len__(self) -> int:
        return len(self._pool)

    def take(self, text: str) -> None:
        """Raises AllocationError."""
        self.check(text)
        self._pool.take(int(ip_address(text)))

    def check(self, text: str) -> None:
        """Raises AllocationError when the address cannot be had."""
        address = ip_address(text)
        if address not in self.network:
            raise AllocationError("the provided network does not match the current range")
        if int(address) not in self._pool:
            raise AllocationError(f"the provided IP ({address}) is not in the valid range. The range of valid IPs is "
                                  f"{self.network}")
        if self._pool.is_taken(int(address)):
            raise AllocationError("provided IP is already allocated")

    def take_any(self) -> str:
        number = self._pool.take_any()
        if number is None:
            raise AllocationError("range is full")
        return str(type(self.network.network_address)(number))

    def free(self, text: str) -> None:
        self._pool.free(int(ip_address(text)))

    def remember(self, text: str) -> None:
        """An address that a stored service has; one from another range is left alone."""
        number = int(ip_address(text))
        if ip_address(text) in self.network and number in self._pool:
            self._pool.take(number)

    def clear(self) -> None:
        self._pool.clear()


class Ports:
    """The node ports."""

    def __init__(self, span: str, entropy: Entropy) -> None:
        low, _, high = span.partition("-")
        self.span = span
        size = int(high) - int(low) + 1
        self._pool = Pool(int(low), size, _static_part(size, 32, 128), entropy)

    def __len__(self) -> int:
        return len(self._pool)

    def take(self, port: int) -> None:
        """Raises AllocationError."""
        if port not in self._pool:
            raise AllocationError(
                f"provided port is not in the valid range. The range of valid ports is {self.span}")
        if not self._pool.take(port):
            raise AllocationError("provided port is already allocated")

    def is_taken(self, port: int) -> bool:
        return self._pool.is_taken(port)

    def take_any(self) -> int:
        port = self._pool.take_any()
        if port is None:
            raise AllocationError("range is full")
        return port

    def free(self, port: int) -> None:
        self._pool.free(port)

    def remember(self, port: int) -> None:
        if port in self._pool:
            self._pool.take(port)

    def clear(self) -> None:
        self._pool.clear()


class Claim:
    """What one write takes and lets go of. `finish` must be called once. A dry run takes nothing, and sees what it
    would have taken itself."""

    def __init__(self, ports: Ports, dry_run: bool) -> None:
        self._ports, self._dry_run = ports, dry_run
        self._undo: list[Callable[[], None]] = []
        self._release: list[Callable[[], None]] = []
        self._imagined: list[int] = []

    def address(self, pool: Addresses, text: str) -> str:
        """`text`, or any address when it is empty. Raises AllocationError."""
        if self._dry_run:
            if text:
                pool.check(text)
            return text or str(pool.network.network_address)
        if text:
            pool.take(text)
        else:
            text = pool.take_any()
        taken = text
        self._undo.append(lambda: pool.free(taken))
        return text

    def port(self, port: int) -> None:
        """Raises AllocationError."""
        if self._dry_run:
            if self._ports.is_taken(port) or port in self._imagined:
                raise AllocationError("provided port is already allocated")
            self._imagined.append(port)
            return
        self._ports.take(port)
        self._undo.append(lambda: self._ports.free(port))

    def any_port(self) -> int:
        if self._dry_run:
            port = max(self._imagined, default=DRY_RUN_PORT - 1) + 1
            self._imagined.append(port)
            return port
        port = self._ports.take_any()
        self._undo.append(lambda: self._ports.free(port))
        return port

    def release_address(self, pool: Addresses, text: str) -> None:
        """Once the write is made."""
        self._release.append(lambda: pool.free(text))

    def release_ports(self, ports: Iterable[int]) -> None:
        for port in ports:
            self._release.append(lambda port=port: self._ports.free(port))  # type: ignore[misc]

    def finish(self, done: bool) -> None:
        if self._dry_run:
            return
        for step in self._release if done else self._undo:
            step()
        self._undo, self._release = [], []
