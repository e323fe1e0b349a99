"""How to reach etcd, and what to do there. Read from flags by `server`, handed to `EtcdStorage`.

The flags are kube-apiserver's: --etcd-servers, --etcd-prefix, --etcd-cafile, --etcd-certfile, --etcd-keyfile,
--etcd-compaction-interval (apiserver `pkg/server/options/etcd.go`).
"""

from __future__ import annotations

from dataclasses import dataclass

from orlop.storage.limits import COMPACTION_SECONDS, ETCD_START_REVISIONS


@dataclass(frozen=True, slots=True)
class EtcdTls:
    """Paths of PEM files; "" for none. Without `ca` the system's are trusted. `certificate` and `key` prove who we
    are."""

    ca: str = ""
    certificate: str = ""
    key: str = ""


@dataclass(frozen=True, slots=True)
class EtcdOptions:
    """`endpoints`: "http://host:port" or "https://host:port", one per member. `user`: "" for no authentication by
    password. `origins`: keep who wrote (costs one more key in every transaction). `compaction`: seconds between
    compactions, 0 for never. `look_back`: revisions of the past that a start reads, so that who watched another replica
    goes on here."""

    endpoints: tuple[str, ...]
    prefix: str = "/registry"
    tls: EtcdTls = EtcdTls()
    user: str = ""
    password: str = ""
    origins: bool = True
    compaction: float = COMPACTION_SECONDS
    look_back: int = ETCD_START_REVISIONS
