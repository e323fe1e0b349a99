"""The server's configuration: one frozen value, made by the CLI or by an embedding program, read everywhere above
storage. Names and defaults are kube-apiserver's where it has the same thing. What cannot work is refused here, before
anything is started."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from orlop.server.simulated_network import DEFAULT, SimulatedNetwork, Twin, itself

STORAGES: Final = ("sqlite", "memory", "etcd")
AUTHORIZATION_MODES: Final = ("AlwaysAllow", "RBAC")
SMALLEST_SERVICE_RANGE: Final = 8
"""Addresses that a service range has at least, as kube-apiserver wants it."""


class ConfigError(ValueError):
    """A setting that cannot work. The text names it and is meant for people."""


def _check_storage(value: str) -> str:
    return "" if value in STORAGES else f"must be one of {', '.join(STORAGES)}"


def _check_address(value: str) -> str:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return "must be an IP address"
    return ""


def _check_modes(modes: tuple[str, ...]) -> str:
    """Unknown modes are never passed over: that could allow what should be refused."""
    unknown = [mode for mode in modes if mode not in AUTHORIZATION_MODES]
    if unknown or not modes:
        return f"must be one or several of {', '.join(AUTHORIZATION_MODES)}"
    return ""


def _check_cidr(value: str) -> str:
    for part in value.split(","):
        try:
            network = ipaddress.ip_network(part, strict=False)
        except ValueError:
            return "must be a CIDR such as 10.0.0.0/24"
        if network.num_addresses < SMALLEST_SERVICE_RANGE:
            return f"must have at least {SMALLEST_SERVICE_RANGE} addresses"
    return ""


def _check_network(value: str) -> str:
    try:
        SimulatedNetwork.parse(value or DEFAULT)
    except ValueError as error:
        return str(error)
    return ""


def _check_ports(value: str) -> str:
    match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", value)
    if match is None or not 0 < int(match[1]) <= int(match[2]) <= 65535:
        return "must be a range of ports such as 30000-32767"
    return ""


def _check_version(value: str) -> str:
    return "" if re.fullmatch(r"1\.\d+", value) else "must be a minor version such as 1.36"


def _check_etcd_servers(servers: tuple[str, ...]) -> str:
    wrong = [server for server in servers if not re.fullmatch(r"https?://[^/\s]+", server)]
    return "must be endpoints such as https://10.0.0.1:2379" if wrong else ""


def _check_etcd_prefix(value: str) -> str:
    return "" if re.fullmatch(r"(/[^/\s]+)+", value) else "must be a path such as /registry"


def _check_port(value: int) -> str:
    return "" if 0 <= value <= 65535 else "must be a port, or 0 for a free one"


def _check_positive(value: float) -> str:
    return "" if value > 0 else "must be greater than 0"


def _check_not_negative(value: float) -> str:
    return "" if value >= 0 else "must not be negative"


_CHECKS: Final[dict[str, Callable[[Any], str]]] = {
    "storage": _check_storage,
    "etcd_servers": _check_etcd_servers,
    "etcd_prefix": _check_etcd_prefix,
    "compaction_interval": _check_not_negative,
    "bind_address": _check_address,
    "secure_port": _check_port,
    "authorization_mode": _check_modes,
    "service_cluster_ip_range": _check_cidr,
    "service_node_port_range": _check_ports,
    "simulated_network": _check_network,
    "max_requests_inflight": _check_not_negative,
    "max_mutating_requests_inflight": _check_not_negative,
    "min_request_timeout": _check_positive,
    "event_ttl": _check_positive,
    "kubernetes_version": _check_version,
    "shutdown_grace": _check_not_negative,
}
_PATHS: Final = ("data_dir", "token_auth_file", "access_log", "etcd_cafile", "etcd_certfile", "etcd_keyfile",
                  "etcd_password_file", "encryption_provider_config", "kubelet_client_certificate",
                  "kubelet_client_key", "kubelet_certificate_authority")


@dataclass(frozen=True, slots=True)
class Config:
    """`data_dir` None: files (credentials, and the database of `storage` sqlite) are in a temporary directory that goes
    with the server. With `etcd_servers`, `storage` is etcd. `compaction_interval` in seconds, 0: history is kept for
    ever. `leader_elect` None: with etcd. `secure_port` 0 takes a free port. Switches ending in `_controller` turn
    built-in controllers off. Raises ConfigError."""

    data_dir: Path | None = None
    storage: str = "sqlite"
    etcd_servers: tuple[str, ...] = ()
    etcd_prefix: str = "/registry"
    etcd_cafile: Path | None = None
    etcd_certfile: Path | None = None
    etcd_keyfile: Path | None = None
    etcd_username: str | None = None
    etcd_password_file: Path | None = None
    compaction_interval: float = 300.0
    encryption_provider_config: Path | None = None
    encryption_provider_config_automatic_reload: bool = False
    leader_elect: bool | None = None
    bind_address: str = "127.0.0.1"
    secure_port: int = 6443
    token_auth_file: Path | None = None
    anonymous_auth: bool = True
    authorization_mode: tuple[str, ...] = ("RBAC",)
    service_cluster_ip_range: str = "10.0.0.0/24"
    service_node_port_range: str = "30000-32767"
    service_account_issuer: str = "https://kubernetes.default.svc.cluster.local"
    api_audiences: tuple[str, ...] = ()
    enable_admission_plugins: tuple[str, ...] = ()
    disable_admission_plugins: tuple[str, ...] = ()
    max_requests_inflight: int = 4000
    max_mutating_requests_inflight: int = 4000
    min_request_timeout: int = 1800
    event_ttl: int = 3600
    kubernetes_version: str = "1.36"
    access_log: Path | None = None
    shutdown_grace: float = 10.0
    kubelet_client_certificate: Path | None = None
    kubelet_client_key: Path | None = None
    kubelet_certificate_authority: Path | None = None
    kubelet_preferred_address_types: tuple[str, ...] = ()
    simulated_network: str = ""
    namespace_controller: bool = True
    namespace_deletion_grace: float = 2.0
    garbage_collector_controller: bool = True
    service_account_controller: bool = True
    root_ca_controller: bool = True
    role_aggregation_controller: bool = True
    volume_protection_controller: bool = True
    service_cidr_controller: bool = False
    resource_quota_controller: bool = False
    extra_names: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        for name in _PATHS:
            value = getattr(self, name)
            if isinstance(value, str):
                object.__setattr__(self, name, Path(value))
        if self.etcd_servers and self.storage == "sqlite":
            object.__setattr__(self, "storage", "etcd")
        for name, check in _CHECKS.items():
            value = getattr(self, name)
            if complaint := check(value):
                raise ConfigError(f"{name.replace('_', '-')} {complaint}, not {value!r}")
        if (self.storage == "etcd") != bool(self.etcd_servers):
            raise ConfigError(f"storage {self.storage} does not go with etcd-servers {','.join(self.etcd_servers)!r}")

    @property
    def network(self) -> SimulatedNetwork | None:
        """That of simulated nodes, if there is one."""
        return SimulatedNetwork.parse(self.simulated_network) if self.simulated_network else None

    @property
    def twin(self) -> Twin:
        """Where the addresses of nodes and pods are."""
        return itself if self.network is None else self.network.twin

    @property
    def audiences(self) -> tuple[str, ...]:
        return self.api_audiences or (self.service_account_issuer,)
