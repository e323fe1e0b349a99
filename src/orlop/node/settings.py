"""What a simulated node is like: one frozen value, made of the flags of `orlop node` and `orlop serve --nodes`."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from orlop.node.back_off import BackOff
from orlop.server.simulated_network import SimulatedNetwork

FAKE: Final = "fake"
PROCESS: Final = "process"
MODES: Final = (FAKE, PROCESS)
PROCESS_WARNING: Final = ("process mode: the commands of pods bound to {names} run on this machine as the user that "
                          "you are, and nothing keeps them apart from it")
"""What whoever starts such nodes is told."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """`port` 0 takes a free one. `number` tells nodes of one process apart: their pods' addresses depend on it.
    `data_dir` is where process mode keeps files; an absolute path. `heartbeat` in seconds: how often the Lease is
    renewed. On a simulated `network` the node has a `block` of it, and `address` is the first there."""

    name: str
    mode: str = FAKE
    number: int = 0
    address: str = "127.0.0.1"
    port: int = 0
    pods: int = 110
    cpu: str = "8"
    memory: str = "16Gi"
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: tuple[Mapping[str, Any], ...] = ()
    start_delay: float = 0.0
    heartbeat: float = 10.0
    status_interval: float = 300.0
    back_off: BackOff = field(default_factory=BackOff)
    data_dir: Path | None = None
    network: SimulatedNetwork | None = None
    block: ipaddress.IPv4Network | None = None

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise ValueError(f"node-mode must be one of {', '.join(MODES)}, not {self.mode!r}")
        if self.mode == PROCESS and self.data_dir is None:
            raise ValueError("a node in process mode needs a directory for its files")

    def twin(self, address: str) -> str:
        """Where on this machine an address of the node or of a pod is: what can be listened on."""
        return address if self.network is None else self.network.twin(address)

    @property
    def listening(self) -> str:
        """Where the kubelet endpoint is."""
        return self.twin(self.address)

    @property
    def scheme(self) -> str:
        """Of container ids and of the runtime's version."""
        return f"orlop-{self.mode}"
