"""From accepted writes to committed ones: what the writer thread does next, and who is told.

Owned by `sqlite`, which puts writes in and publishes what comes out. Everything here runs on the event loop;
the thread (`sqlite_writer.Worker`) has one job at a time. A commit costs about as much as ten writes, so it
waits a moment for the writers of the commit before to come back with their next write; a lone writer never
waits.
"""

from __future__ import annotations

from asyncio import AbstractEventLoop, Future, Handle
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

from orlop.storage.errors import Closed, CommitFailed
from orlop.storage.interface import Event
from orlop.storage.limits import COMMIT_LINGER, COMMIT_LOAN, COMMIT_PATIENCE, COMMIT_WRITES
from orlop.storage.pending import Accepted, Pending
from orlop.storage.sqlite_file import describe
from orlop.storage.sqlite_limits import STALLED_SECONDS
from orlop.storage.sqlite_writer import Done, Job, Worker, probe

Publish: TypeAlias = Callable[[Sequence[Accepted]], None]
"""Makes a committed batch visible; must not raise."""


class _Chore(NamedTuple):
    """Housekeeping for the writer between batches."""

    job: Job
    future: Future[int]


class Pipeline:
    """`unwell`: why the last job failed, "" when it did not."""

    def __init__(
        self,
        worker: Worker,
        loop: AbstractEventLoop,
        pending: Pending,
        publish: Publish,
        commit: Callable[[Sequence[Accepted]], Job],
    ) -> None:
        self._worker, self._loop, self._publish, self._commit = worker, loop, publish, commit
        self.pending = pending
        self.unwell = ""
        self._expected = 1
        self._linger: Handle | None = None
        self._soon: Handle | None = None
        self._chores: deque[_Chore] = deque()
        self._chore_is_due = False
        self._patience: Handle
        """Runs when the job under way takes long; there is one whenever there is a job."""
        self._drained: Future[None] | None = None
        self._began = 0.0

    def accept(self, event: Event, expires: float | None) -> Accepted:
        """Take in a write at `pending.next_revision`. Raises Overloaded."""
        write = self.pending.accept(event, expires, self._loop.create_future())
        if self._soon is None and not self._worker.busy:
            self._arrange()
        return write

    def accept_together(self, events: Sequence[Event], expires: Sequence[float | None]) -> list[Accepted]:
        """Take in writes in a row that are committed all at once, also when they are more than a commit usually
        takes. Raises Overloaded."""
        self.pending.require_room()
        made = [
            self.pending.accept(event, at, self._loop.create_future(), joined=True)
            for event, at in zip(events, expires, strict=True)
        ]
        made[-1].joined = False
        if self._soon is None and not self._worker.busy:
            self._arrange()
        return made

    async def follow(self, write: Accepted) -> None:
        """Return when a pending write of somebody else is committed. Raises CommitFailed."""
        future: Future[None] = self._loop.create_future()
        if write.followers is None:
            write.followers = []
        write.followers.append(future)
        await future

    async def chore(self, job: Job) -> int:
        """Run `job` on the writer, between batches. Raises CommitFailed."""
        return await self.begin_chore(job)

    def begin_chore(self, job: Job) -> Future[int]:
        future: Future[int] = self._loop.create_future()
        self._chores.append(_Chore(job, future))
        self._arrange()
        return future

    def _arrange(self) -> None:
        """See to it that the idle writer gets something to do, if there is something."""
        if self._worker.busy or self._soon is not None:
            return
        waiting = self.pending.waiting
        if self._chores or waiting >= self._expected or (waiting and self._drained is not None):
            # not at once: whoever else is ready in this turn of the loop shall be in the batch
            self._soon = self._loop.call_soon(self._hand_over)
        elif waiting and self._linger is None:
            self._linger = self._loop.call_later(COMMIT_LINGER, self._hand_over)
        elif not waiting and self._drained is not None and not self._drained.done():
            self._drained.set_result(None)

    def _hand_over(self) -> None:
        if self._linger is not None:
            self._linger.cancel()
        self._linger = self._soon = None
        if self._worker.busy:
            return
        if self._chores and (self._chore_is_due or not self.pending.waiting):
            self._chore_is_due = False
            chore = self._chores.popleft()
            self._submit(chore.job, lambda result, error: self._chore_done(chore, result, error))
        elif self.pending.waiting:
            self._chore_is_due = True
            self._submit(self._commit(self.pending.take(COMMIT_WRITES)), self._committed)

    def _submit(self, job: Job, done: Done) -> None:
        self._began = self._loop.time()
        self._patience = self._loop.call_later(COMMIT_PATIENCE, self._lend, COMMIT_PATIENCE)
        self._worker.submit(job, done)

    def _lend(self, patience: float) -> None:
        """The job takes long: perhaps because the loop is busy, perhaps because of the disk. The longer it takes, the
        likelier it is the disk, and pausing does not help."""
        self._worker.lend(COMMIT_LOAN)
        self._patience = self._loop.call_later(2 * patience, self._lend, 2 * patience)

    def ready(self) -> str:
        """"" when writes can be accepted, else why not."""
        if self._worker.busy and (waited := self._loop.time() - self._began) > STALLED_SECONDS:
            return f"the disk has not finished a write for {waited:.0f} seconds"
        return self.unwell

    def _committed(self, _: int, error: Exception | None) -> None:
        self._patience.cancel()
        if error is not None:
            self._failed(describe(error))
        else:
            batch = self.pending.settle()
            self._expected = len(batch) + self.pending.waiting
            self.unwell = ""
            self._publish(batch)
            for write in batch:
                write.settle()
        self._arrange()

    def _failed(self, cause: str) -> None:
        """Throw away all that was computed upon the failed batch. The next write tries the disk again."""
        self.unwell = cause
        self._expected = 1
        for write in self.pending.drop():
            write.settle(cause)

    def _chore_done(self, chore: _Chore, result: int, error: Exception | None) -> None:
        self._patience.cancel()
        if error is not None:
            self.unwell = describe(error)
        if not chore.future.done():
            if error is None:
                chore.future.set_result(result)
            else:
                chore.future.set_exception(CommitFailed(self.unwell))
        self._arrange()

    async def try_again(self) -> None:
        """Find out whether writing works again after a failure. Raises CommitFailed."""
        await self.chore(probe)
        self.unwell = ""

    async def drain(self) -> None:
        """Return when every accepted write is settled; chores not begun are given up."""
        while self._chores:
            future = self._chores.popleft().future
            if not future.done():
                future.set_exception(Closed())
        if self.pending.outstanding or self._worker.busy:
            self._drained = self._loop.create_future()
            self._arrange()
            await self._drained

    def check_invariants(self) -> None:
        self.pending.check_invariants()
        if self.pending.waiting:
            assert self._worker.busy or self._soon is not None or self._linger is not None, "nobody will commit"
