"""Which storage a server keeps its objects in, and what lies between the objects and its bytes.

Called by `server.run` and by the commands that open a storage without a server (`cli`). The backends know nothing of
kinds and configuration files; both come together here. Heavy backends are imported when they are chosen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orlop.server import encryption_config, encryption_plan
from orlop.server.config import Config, ConfigError
from orlop.server.encryption_reload import EncryptionReload
from orlop.storage.encryption import Encryption
from orlop.storage.interface import Storage
from orlop.storage.memory import MemoryStorage
from orlop.world.clock import Clock

if TYPE_CHECKING:
    from orlop.storage.etcd_options import EtcdOptions


@dataclass(frozen=True, slots=True)
class Protection:
    """The encryption at rest, which refuses encrypted values where none is configured, and what follows the file."""

    encryption: Encryption
    reload: EncryptionReload | None = None

    def tick(self) -> None:
        if self.reload is not None:
            self.reload.tick()


def protection(config: Config, clock: Clock) -> Protection:
    """Raises ConfigError."""
    path = config.encryption_provider_config
    root = config.etcd_prefix if config.storage == "etcd" else "/registry"
    if path is None:
        if config.encryption_provider_config_automatic_reload:
            raise ConfigError("--encryption-provider-config-automatic-reload must be set with "
                              "--encryption-provider-config")
        return Protection(Encryption(encryption_plan.plain(), root))
    loaded = encryption_config.load(path)
    encryption = Encryption(loaded.plan, root)
    if not config.encryption_provider_config_automatic_reload:
        return Protection(encryption)
    return Protection(encryption, EncryptionReload(path, encryption, loaded, clock))


def make_storage(config: Config, directory: Path, clock: Clock, encryption: Encryption) -> Storage:
    """Not started. Raises StorageError and OSError with texts for people."""
    makers: dict[str, Callable[[Config, Path, Clock, Encryption], Storage]] = {
        "memory": _memory, "sqlite": _sqlite, "etcd": _etcd}
    return makers[config.storage](config, directory, clock, encryption)


def _memory(config: Config, directory: Path, clock: Clock, encryption: Encryption) -> Storage:
    return MemoryStorage(clock, compaction_interval=config.compaction_interval)


def _sqlite(config: Config, directory: Path, clock: Clock, encryption: Encryption) -> Storage:
    from orlop.storage.sqlite import SqliteStorage

    return SqliteStorage(directory, clock, transformer=encryption, compaction_interval=config.compaction_interval)


def _etcd(config: Config, directory: Path, clock: Clock, encryption: Encryption) -> Storage:
    from orlop.kinds import catalog
    from orlop.kinds.stored_form import StoredForm
    from orlop.schema.kind import builtin
    from orlop.storage.etcd import EtcdStorage
    from orlop.storage.transformer import Transformers

    form = StoredForm(catalog.RESOURCES, builtin())
    return EtcdStorage(etcd_options(config), Transformers([form, encryption]), clock)


def etcd_options(config: Config) -> EtcdOptions:
    """How to reach the etcd of a configuration. Raises OSError."""
    from orlop.storage.etcd_options import EtcdOptions, EtcdTls

    tls = EtcdTls(*(str(path or "") for path in (config.etcd_cafile, config.etcd_certfile, config.etcd_keyfile)))
    password = ""
    if config.etcd_password_file is not None:
        password = config.etcd_password_file.read_text().strip()
    return EtcdOptions(config.etcd_servers, config.etcd_prefix, tls, config.etcd_username or "", password,
                       compaction=config.compaction_interval)
