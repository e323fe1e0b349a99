"""What an operator watches of a storage is in /metrics."""

from __future__ import annotations

import base64
from dataclasses import fields
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

import orlop


def figures(server: orlop.ThreadedServer) -> dict[str, float]:
    text = server.request("GET", "/metrics").body.decode()
    return {sample.name + "".join(f",{value}" for value in sample.labels.values()): sample.value
            for family in text_string_to_metric_families(text) for sample in family.samples}


@pytest.mark.parametrize("storage", ["memory", "sqlite"])
def test_revisions_are_shown(storage: str, tmp_path: Path) -> None:
    """The newest revision moves with writes; what only a database has is shown of a database."""
    quiet = {field.name: False for field in fields(orlop.Config) if field.name.endswith("_controller")}
    with orlop.Server.in_thread(listen=False, storage=storage, data_dir=tmp_path, **quiet) as server:
        before = figures(server)
        made = server.request("POST", "/api/v1/namespaces/default/configmaps", {"metadata": {"name": "a"}}).json()
        after = figures(server)
        assert after["orlop_storage_revision"] == float(made["metadata"]["resourceVersion"])
        assert before["orlop_storage_revision"] < after["orlop_storage_revision"]
        assert after["orlop_storage_ready"] == 1.0
        assert ("apiserver_storage_size_bytes" in after) == (storage == "sqlite")
        if storage == "sqlite":
            size = sum(file.stat().st_size for file in (tmp_path / "orlop.db", tmp_path / "orlop.db-wal"))
            assert after["apiserver_storage_size_bytes"] + after["orlop_storage_log_bytes"] == size
            assert after["orlop_storage_pending_writes"] == 0.0


def test_reloads_are_counted(tmp_path: Path) -> None:
    """Where the encryption configuration is followed, its reloads are figures."""
    file = tmp_path / "encryption.yaml"
    key = base64.b64encode(bytes(32)).decode()
    file.write_text("kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nresources:\n"
                    f"- resources: [secrets]\n  providers:\n  - aesgcm: {{keys: [{{name: a, secret: {key}}}]}}\n")
    with orlop.Server.in_thread(listen=False, data_dir=tmp_path / "data", encryption_provider_config=file,
                                encryption_provider_config_automatic_reload=True) as server:
        name = "apiserver_encryption_config_controller_automatic_reloads_total"
        found = figures(server)
        assert found[f"{name},success"] == found[f"{name},failure"] == 0.0


def test_the_leader_says_so() -> None:
    """Where servers are elected, each tells whether it leads."""
    with orlop.Server.in_thread(listen=False, leader_elect=True) as server:
        while figures(server)["leader_election_master_status,orlop-controllers"] != 1.0:
            pass
