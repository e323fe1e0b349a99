"""What a running server is at one revision, as a value: taken, restored, and the beginning of another server.

Called by `orlop.embedding`; `server.run` starts a server from a `Snapshot`. The state comes from the storage, with the
caches lending the entries that they have in memory anyway; `storage.restoration` knows the way back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from orlop.api.context import Context
from orlop.kinds.stored_form import RANGES, ROOT
from orlop.registry import origin
from orlop.server.application import Application
from orlop.server.config import Config
from orlop.server.data_dir import ADMIN_TOKEN
from orlop.server.files import PRIVATE, PUBLIC, read_file, write_files
from orlop.storage.interface import Entry, Revision
from orlop.storage.memory import MemoryStorage
from orlop.storage.restoration import Restorable, State, bring_back, capture

_EVENTS: Final = "/registry/events/"
_FILES: Final = {
    "ca.key": PRIVATE, "ca.crt": PUBLIC, "server.key": PRIVATE, "server.crt": PUBLIC, "admin.key": PRIVATE,
    "admin.crt": PUBLIC, "sa.key": PRIVATE, "sa.pub": PUBLIC, ADMIN_TOKEN: PRIVATE,
}  # fmt: skip
"""What of a data directory goes into a snapshot, with its mode."""
_PATIENCE: Final = 30.0
"""Seconds that a restoration waits until reads show it, where writes come back as news."""
RESTORED_BY: Final = "orlop-restore"
"""What history says of the writes of a restoration."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All objects of a server at `revision`, what makes another server the same to clients (certificates, keys, the
    administrator's token) and the settings. Immutable, and as cheap as a dictionary of references for as long as the
    objects do not change. It holds private keys."""

    state: State = field(repr=False)
    files: Mapping[str, bytes] = field(repr=False)
    config: Config = field(repr=False)

    @property
    def revision(self) -> Revision:
        return self.state.revision

    def __len__(self) -> int:
        """How many objects."""
        return len(self.state.entries)

    def __repr__(self) -> str:
        return f"<Snapshot of {len(self)} objects at revision {self.revision}>"

    def furnish(self, directory: Path) -> None:
        """Write the files into the directory of a server that begins with this. Raises DataDirError."""
        write_files(directory, {name: (content, _FILES[name]) for name, content in self.files.items()}, sync=False)


async def take(application: Application, directory: Path) -> Snapshot:
    """The newest state. Raises StorageError, and DataDirError when a file cannot be read."""
    state = await capture(application.storage, _prefixes(application), await _known(application))
    if not isinstance(application.storage, Restorable):
        state = replace(state, expires=_ends_of_events(application, state))
    found = {name: content for name in _FILES if (content := read_file(directory / name)) is not None}
    return Snapshot(state, found, application.config)


async def restore(application: Application, state: State) -> Revision:
    """Make the objects those of `state` again; returns the revision at which they are. Raises StorageError."""
    now = application.outside.clock.now()
    note = origin.note(Context(), now, RESTORED_BY)
    reached = await bring_back(application.storage, _prefixes(application), state, await _known(application), now,
                               origin=note)
    if not application.storage.exclusive:
        await asyncio.gather(*(cache.wait_for(reached, _PATIENCE) for cache in application.caches.values()))
    return reached


def _prefixes(application: Application) -> list[str]:
    """Of all that the server serves, and of the node ports taken; others may keep more in the same storage."""
    return [*(cache.scope.prefix for cache in application.caches.values()), f"{ROOT}/{RANGES.prefix}/"]


def _ends_of_events(application: Application, state: State) -> dict[str, float]:
    """When events expire, for a backend that does not tell: not before they would have."""
    end = application.outside.clock.now() + application.config.event_ttl
    return {key: end for key in state.entries if key.startswith(_EVENTS)}


async def _known(application: Application) -> dict[str, Entry]:
    """The entries of all caches."""
    known: dict[str, Entry] = {}
    if isinstance(application.storage, MemoryStorage) or not application.storage.exclusive:
        return known  # it has them itself, or does not look at them
    for cache in application.caches.values():
        page = await cache.list(cache.scope.prefix)
        known |= {entry.key: entry for entry in page.entries}
    return known
