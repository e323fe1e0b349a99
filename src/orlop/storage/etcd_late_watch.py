"""A watch that begins before what the feed remembers: what happens meanwhile waits until the past is handed over.

Made by `etcd.watch`; a `Sink` in front of the watcher's own for as long as etcd's history is read.
"""

from __future__ import annotations

from collections.abc import Sequence

from orlop.storage.dispatch import Dispatch, Registration
from orlop.storage.interface import Event, Revision, Sink


class LateWatch:
    """Holds as many events as happen while the past is read."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._held: list[Event] = []
        self._error: Exception | None = None

    def events(self, batch: Sequence[Event]) -> None:
        self._held.extend(batch)

    def progress(self, revision: Revision) -> None:
        """Nobody can have asked yet."""

    def broken(self, error: Exception) -> None:
        self._error = error

    def release(self, dispatch: Dispatch, registration: Registration, past: Sequence[Event]) -> None:
        """From now on the sink is called directly."""
        if self._error is not None:
            self._sink.broken(self._error)
            return
        registration.sink = self._sink
        dispatch.catch_up(registration, [*past, *self._held])
