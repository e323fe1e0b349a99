"""Keeping the write-ahead log short without stalling commits.

Owned by `sqlite`, told of every commit. SQLite would copy the log into the database within a commit, while
that commit's writers wait. Here a second worker copies it while the writer goes on; what was written
meanwhile, the writer copies itself between two batches: little enough not to be noticed, and the log can
begin anew.
"""

from __future__ import annotations

import logging
from asyncio import AbstractEventLoop, Future
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from orlop.storage.errors import CannotOpen
from orlop.storage.limits import WAL_PAGES
from orlop.storage.pending import Accepted
from orlop.storage.sqlite_file import open_checkpointer
from orlop.storage.sqlite_schema import PAGE_SIZE
from orlop.storage.sqlite_trust import Trust
from orlop.storage.sqlite_writer import Job, Worker, checkpoint

_log: Final = logging.getLogger(__name__)


class Checkpointer:
    """`begin_chore` has the writer checkpoint the rest. The thread is started when it is first needed."""

    def __init__(
        self,
        database: Path,
        loop: AbstractEventLoop,
        trust: Trust,
        begin_chore: Callable[[Job], Future[int]],
    ) -> None:
        self._database, self._loop, self._trust, self._begin_chore = database, loop, trust, begin_chore
        self._pages = 0
        self._worker: Worker | None = None
        self._stopping = False

    def written(self, batch: Sequence[Accepted]) -> None:
        """Note a commit. SQLite's own count is not to be had; an estimate will do."""
        size = sum(write.size for write in batch)
        self.wrote(4 + len(batch) // 2 + size // PAGE_SIZE)

    def wrote(self, pages: int) -> None:
        """Note pages that went into the log otherwise."""
        self._pages += pages
        if self._pages >= WAL_PAGES and not self._stopping:
            self._begin()

    def _begin(self) -> None:
        if self._worker is None:
            try:
                connection = open_checkpointer(self._database)
            except CannotOpen as error:
                _log.warning("the write-ahead log cannot be copied into the database: %s", error)
                return
            self._worker = Worker("orlop-checkpoint", connection, self._loop, self._trust, mends=False)
        if not self._worker.busy:
            self._pages = 0
            self._worker.submit(checkpoint, self._done)

    def _done(self, _: int, error: Exception | None) -> None:
        if error is not None:
            _log.warning("the write-ahead log could not be copied into the database: %s", error)
        elif not self._stopping:
            self._begin_chore(checkpoint).add_done_callback(_note_failure)

    async def stop(self) -> None:
        self._stopping = True
        if self._worker is not None:
            await self._worker.idle()
            self._worker.stop()
            self._worker = None


def _note_failure(chore: Future[int]) -> None:
    if not chore.cancelled() and chore.exception() is not None:
        _log.warning("the write-ahead log could not be copied into the database: %s", chore.exception())
