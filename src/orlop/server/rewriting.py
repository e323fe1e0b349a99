"""Writing anew what is stored with an older key or in an older form, without a server.

Called by `orlop storage rewrite`; the work is `storage.rewrite`'s. (With a server running on the directory, clients
do it: they replace the objects with what they got.)
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from orlop.api.context import SYSTEM_USER, Context
from orlop.registry import origin
from orlop.server.config import Config, ConfigError
from orlop.server.data_dir import DataDirLock
from orlop.server.storages import make_storage, protection
from orlop.storage.rewrite import Rewritten
from orlop.storage.rewrite import rewrite as rewrite_under
from orlop.world.clock import SystemClock

ROOT = "/registry/"
_EVENTS = ROOT + "events/"
WRITTEN_BY = "orlop-storage-rewrite"
"""What history says of these writes."""


async def rewrite(config: Config, report: Callable[[Rewritten], None]) -> Rewritten:
    """Raises StorageError, ConfigError, DataDirError."""
    directory = config.data_dir
    if directory is None or config.storage == "memory":
        raise ConfigError("there is nothing stored to write anew")
    clock = SystemClock()
    async with contextlib.AsyncExitStack() as stack:
        if config.storage == "sqlite":
            if not directory.is_dir():
                raise ConfigError(f"{directory} is no data directory")
            stack.enter_context(DataDirLock(directory))
        storage = make_storage(config, directory, clock, protection(config, clock).encryption)
        await storage.start()
        stack.push_async_callback(storage.close)
        note = origin.note(Context(SYSTEM_USER), clock.now(), WRITTEN_BY)
        return await rewrite_under(storage, ROOT, origin=note, report=report,
                                   time_to_live=lambda key: config.event_ttl if key.startswith(_EVENTS) else 0)
