"""Figures of the storage, of encryption at rest and of the leader election, for /metrics.

Set up by `server.run`; read at scrape time. Names are upstream's where it has the figure (apiserver
`storage/etcd3/metrics`, `server/options/encryptionconfig/metrics`; component-base `metrics/prometheus/clientgo`),
`orlop_…` otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from orlop.server.encryption_reload import EncryptionReload
from orlop.server.metrics import RequestMetrics
from orlop.storage.interface import Storage


@runtime_checkable
class Measured(Protocol):
    """A storage that has figures of its own."""

    def figures(self) -> Mapping[str, float]:
        """By metric name."""


_ABOUT: Mapping[str, str] = {
    "apiserver_storage_size_bytes": "Size of the storage database file physically allocated in bytes.",
    "orlop_storage_log_bytes": "Size of the write-ahead log that is not yet in the database.",
    "orlop_storage_pending_writes": "Writes accepted and not yet committed.",
    "orlop_storage_restarts_total": "How often the watch on the storage broke and was opened anew.",
}


def add_storage(metrics: RequestMetrics, storage: Storage) -> None:
    metrics.gauge("orlop_storage_revision", "The newest revision known.", (), lambda: {(): storage.revision})
    metrics.gauge("orlop_storage_compacted_revision", "History below this revision is forgotten.", (),
                  lambda: {(): storage.compacted})
    metrics.gauge("orlop_storage_ready", "Whether writes can be accepted.", (),
                  lambda: {(): 0.0 if storage.ready() else 1.0})
    if isinstance(storage, Measured):
        for name in storage.figures():
            _add_own(metrics, storage, name)


def _add_own(metrics: RequestMetrics, storage: Measured, name: str) -> None:
    metrics.gauge(name, _ABOUT[name], (), lambda: {(): storage.figures()[name]})


def add_reload(metrics: RequestMetrics, reload: EncryptionReload) -> None:
    prefix = "apiserver_encryption_config_controller_automatic_reload"
    metrics.gauge(f"{prefix}s_total", "Total number of reload successes and failures of encryption configuration.",
                  ("status",), lambda: {("success",): reload.successes, ("failure",): reload.failures})
    metrics.gauge(f"{prefix}_last_timestamp_seconds", "Timestamp of the last reload of encryption configuration.", (),
                  lambda: {(): reload.last})


class Leadership(Protocol):
    leading: bool


def add_election(metrics: RequestMetrics, name: str, election: Leadership) -> None:
    metrics.gauge("leader_election_master_status", "Gauge of if the reporting system is master of the relevant lease, "
                  "0 indicates backup, 1 indicates master.", ("name",), lambda: {(name,): float(election.leading)})
