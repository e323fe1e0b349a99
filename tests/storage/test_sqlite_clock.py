"""SQLite: the wall clock jumps, by hours, back and forward; intervals are measured by one that does not."""

from __future__ import annotations

from pathlib import Path

from sqlite_sessions import create, sessions, update
from storage_worlds import PREFIX, body

from orlop.storage.limits import COMPACTION_SECONDS
from orlop.storage.sqlite import SqliteStorage
from orlop.world.clock import ManualClock

HOUR = 3600.0


class JumpingClock(ManualClock):
    """`set_back` and the like move what people read, not what passes."""

    offset = 0.0

    def now(self) -> float:
        return super().now() + self.offset


def test_a_clock_set_forward_expires_keys_early_and_compacts_nothing(tmp_path: Path) -> None:
    """Times to live are told in the time of people; history is kept by the time that passes."""
    clock = JumpingClock()

    async def scenario(storage: SqliteStorage) -> None:
        await storage.tick()
        await storage.create(PREFIX + "event", body("event"), ttl=3600)
        await create(storage, "kept")
        clock.offset = 5 * HOUR
        await storage.tick()
        assert await storage.get(PREFIX + "event") is None
        assert await storage.get(PREFIX + "kept") is not None
        assert storage.compacted == 0
        assert len(await storage.history(PREFIX, 1, 99)) == 3

    sessions(tmp_path, scenario, clock=clock)


def test_a_clock_set_back_keeps_keys_longer_and_nothing_else(tmp_path: Path) -> None:
    """Compaction goes on by the time that passes, writes go on, and the keys go when their time comes again; also after
    a restart."""
    clock = JumpingClock()

    async def before(storage: SqliteStorage) -> None:
        await storage.tick()
        await storage.create(PREFIX + "event", body("event"), ttl=60)
        clock.offset = -5 * HOUR
        clock.advance(61)
        await storage.tick()
        assert await storage.get(PREFIX + "event") is not None
        await update(storage, "a", 1)
        clock.advance(COMPACTION_SECONDS)
        await storage.tick()
        clock.advance(COMPACTION_SECONDS)
        await storage.tick()
        assert storage.compacted == 3

    async def after(storage: SqliteStorage) -> None:
        await storage.tick()
        assert await storage.get(PREFIX + "event") is not None
        await storage.create(PREFIX + "later", body("later"), ttl=60)
        clock.advance(61)
        await storage.tick()
        assert await storage.get(PREFIX + "later") is None
        clock.offset = 0
        await storage.tick()
        assert await storage.get(PREFIX + "event") is None

    sessions(tmp_path, before, after, clock=clock)


def test_a_key_that_seems_to_have_expired_before_it_was_made(tmp_path: Path) -> None:
    """Goes with the next tick, once."""
    clock = JumpingClock()

    async def scenario(storage: SqliteStorage) -> None:
        clock.offset = -HOUR
        await storage.create(PREFIX + "event", body("event"), ttl=60)
        clock.offset = HOUR
        await storage.tick()
        await storage.tick()
        assert storage.revision == 3 and await storage.count(PREFIX) == 0

    sessions(tmp_path, scenario, clock=clock)
