"""Between snapshot files and the places where servers keep objects, as a server's settings name them.

Called by `orlop snapshot`. Builds the storage and the layouts that the settings ask for; the work is done by
`storage.snapshot_file` (data directories) and `storage.snapshot_etcd`.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from orlop.api.context import Context
from orlop.kinds import catalog
from orlop.registry import origin
from orlop.schema.kind import builtin
from orlop.server import encryption_config, encryption_plan
from orlop.server.config import Config
from orlop.server.data_dir import DataDirLock
from orlop.server.snapshots import RESTORED_BY
from orlop.server.storages import etcd_options
from orlop.storage import snapshot_etcd, snapshot_file
from orlop.storage.encryption import Encryption
from orlop.storage.interface import Revision, Storage
from orlop.storage.snapshot_etcd import Layout, Raw
from orlop.storage.snapshot_file import ETCD, SQLITE, Facts, Row
from orlop.storage.transformer import Transformers

_T = TypeVar("_T")


def save(config: Config, target: Path, *, taken: float, version: str) -> Facts:
    """Write a snapshot of the settings' etcd or data directory. Raises StorageError, OSError."""
    if not config.etcd_servers:
        assert config.data_dir is not None
        return snapshot_file.save(config.data_dir, target, taken=taken, version=version)
    content = _with_etcd(config, lambda storage: snapshot_etcd.fetch(storage, taken))
    return snapshot_file.compose(target, content.rows, content.revision, taken=taken, version=version, layout=ETCD)


def restore_directory(config: Config, directory: Path, file: Path, *, force: bool, bump: int | None) -> Revision:
    """Make a snapshot the database of a directory in which no server runs; returns the revision from which it goes on.
    Raises StorageError, DataDirError, ConfigError, OSError."""
    facts, _ = snapshot_file.read(file)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with ExitStack() as stack:
        stack.enter_context(DataDirLock(directory))
        if facts.layout != SQLITE:
            other = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=directory, prefix=".restoring-"))) / "file"
            rows = snapshot_etcd.translated(snapshot_file.rows(file), layout(config, ETCD), layout(config, SQLITE))
            snapshot_file.compose(other, rows, facts.revision, taken=facts.taken, version=facts.version, layout=SQLITE)
            file = other
        return snapshot_file.install(file, directory, force=force, bump=bump)


def restore_etcd(config: Config, file: Path, *, now: float) -> Revision:
    """Make a snapshot the state of an etcd; returns the revision reached. Raises StorageError, ConfigError, OSError."""
    facts, _ = snapshot_file.read(file)
    rows: list[Row] = list(snapshot_file.rows(file))
    if facts.layout != ETCD:
        rows = list(snapshot_etcd.translated(rows, layout(config, SQLITE), layout(config, ETCD)))
    note = origin.note(Context(), now, RESTORED_BY)
    return _with_etcd(config, lambda storage: snapshot_etcd.put(storage, rows, now, note))


def layout(config: Config, name: str) -> Layout:
    """How a backend stores objects under these settings. Raises ConfigError."""
    path = config.encryption_provider_config
    plan = encryption_plan.plain() if path is None else encryption_config.load(path).plan
    if name == SQLITE:
        return Layout(True, Encryption(plan))
    from orlop.kinds.stored_form import StoredForm

    form = StoredForm(catalog.RESOURCES, builtin())
    return Layout(False, Transformers((form, Encryption(plan, config.etcd_prefix))))


def _with_etcd(config: Config, work: Callable[[Storage], Awaitable[_T]]) -> _T:
    """Do something with the settings' etcd, whose values are taken as they are. Raises StorageError."""
    from orlop.storage.etcd import EtcdStorage

    async def session() -> _T:
        storage = EtcdStorage(replace(etcd_options(config), compaction=0), Raw())
        await storage.start()
        try:
            return await work(storage)
        finally:
            await storage.close()

    return asyncio.run(session())
