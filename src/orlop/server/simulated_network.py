"""The network of simulated nodes: addresses that the API shows, and the loopback addresses where they really are.

Read from `--simulated-network` by the server's configuration and by nodes. A node or pod whose address is 10.a.b.c is
reached on this machine at its twin 127.a.b.c, where its node or its process listens. API objects never hold a twin
(endpoints may not be loopback addresses, and proxies refuse those), and the API server maps an address when it connects
(`kubelet_dial`), after all checks. The twin keeps the last three bytes, so that different addresses of a network have
different twins. Nothing of the network is at 127.0.0.x: what listens there, for this machine alone, stays out of reach.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

DEFAULT: Final = "10.64.0.0/10"
_LOOPBACK: Final = 127 << 24
_LOW: Final = (1 << 24) - 1
_OWN: Final = 256
"""127.0.0.0 to 127.0.0.255 are the machine's own."""
_SHORTEST: Final = 8
_LONGEST: Final = 24
_LINK: Final = ipaddress.IPv4Network("169.254.0.0/16")

Twin = Callable[[str], str]
"""Where on this machine an address is to be found."""


def itself(address: str) -> str:
    """The twins where there is no simulated network."""
    return address


@dataclass(frozen=True, slots=True)
class SimulatedNetwork:
    range: ipaddress.IPv4Network

    @classmethod
    def parse(cls, text: str) -> SimulatedNetwork:
        """Raises ValueError with what is wrong, fit to follow the setting's name."""
        try:
            found = ipaddress.IPv4Network(text)
        except ValueError as error:
            raise ValueError(f"must be an IPv4 network such as {DEFAULT} ({error})") from None
        if not _SHORTEST <= found.prefixlen <= _LONGEST:
            raise ValueError(f"must have a prefix of /{_SHORTEST} to /{_LONGEST}")
        if found.is_loopback or found.overlaps(_LINK) or found.is_multicast or int(found[0]) >> 24 in (0, 255):
            raise ValueError("must be a network of ordinary addresses: proxies refuse those of this host, of its link "
                             "and of many at once")
        if int(found[-1]) & _LOW < _OWN:
            raise ValueError("must not lie at 127.0.0.x of this machine, where other programs listen: its second and "
                             "third number must not both be 0")
        return cls(found)

    def has(self, address: ipaddress.IPv4Address) -> bool:
        """Whether it is an address of the network that has a twin."""
        return address in self.range and int(address) & _LOW >= _OWN

    def twin(self, address: str) -> str:
        """Where on this machine the address is; itself if it is not of the network."""
        try:
            parsed = ipaddress.IPv4Address(address)
        except ValueError:
            return address
        return str(ipaddress.IPv4Address(_LOOPBACK | int(parsed) & _LOW)) if self.has(parsed) else address

    def __str__(self) -> str:
        return str(self.range)
