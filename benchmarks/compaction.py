"""What compaction adds to the latency of writes: p50 and p99 of a steady load with and without it.

    python benchmarks/compaction.py [--rounds 16] [--seconds 1.5] [--rate 2000] [--clients 64]

The storage alone, in this process: clients update objects of about 1 kB at a fixed rate in all, whether the answers are
slow or not, so that a stall shows in all that waits behind it. Rounds without and with compaction take turns on the
same database. A sweep is spread over four fifths of the interval between two, so while it is going on it removes
revisions a quarter faster than they come: that is what a round with compaction does from its beginning to its end.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import uvloop

from orlop.storage.interface import Entry, Write
from orlop.storage.sqlite import SqliteStorage
from orlop.storage.sqlite_limits import SPREAD

KEYS = 5_000
FILLING = "x" * 900


@dataclass
class Measured:
    rounds: list[list[float]] = field(default_factory=list)
    swept: int = 0

    def at(self, share: float) -> float:
        """Milliseconds: the median of the rounds, so that what else the machine does in one of them does not count."""
        return median(sorted(one)[int(len(one) * share)] for one in self.rounds) * 1000


class Load:
    def __init__(self, storage: SqliteStorage, options: argparse.Namespace) -> None:
        self.storage, self.options = storage, options
        self.written = 0

    async def write(self) -> None:
        self.written += 1
        number = self.written
        body = b'{"metadata":{"name":"n"},"number":%d,"filling":"%s"}' % (number, FILLING.encode())

        def update(_: Entry | None) -> Write:
            return Write(body)

        await self.storage.guaranteed_update(f"/registry/things/n{number % KEYS}", update)

    async def client(self, index: int, measured: Measured) -> None:
        """Write at fixed times; a late answer makes the following ones late, too."""
        gap = self.options.clients / self.options.rate
        due = time.perf_counter() + gap * index / self.options.clients
        end = due + self.options.seconds
        while due < end:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            await self.write()
            measured.rounds[-1].append(time.perf_counter() - due)
            due += gap

    async def steady(self, measured: Measured) -> None:
        measured.rounds.append([])
        await asyncio.gather(*(self.client(index, measured) for index in range(self.options.clients)))

    async def fill(self, revisions: int) -> None:
        """Make history as fast as can be."""
        for _ in range(revisions // 500):
            await asyncio.gather(*(self.write() for _ in range(500)))

    async def compacting(self, measured: Measured) -> None:
        """Keep compaction going while the load is measured."""
        sweeper = self.storage._sweeper
        before = sweeper.swept
        sweeper.aim(self.storage.revision)
        sweeper.sweep_aside()
        await self.steady(measured)
        measured.swept += sweeper.swept - before


async def main(options: argparse.Namespace, directory: Path) -> float:
    storage = SqliteStorage(directory, compaction_interval=options.seconds / SPREAD)
    await storage.start()
    load, without, within = Load(storage, options), Measured(), Measured()
    await load.fill(4 * KEYS)
    await storage.compact(storage.revision)
    for _ in range(options.rounds):
        await load.steady(without)
        await load.fill(int(0.25 * options.rate * options.seconds))  # beside those of the round before
        await load.compacting(within)
        await storage.compact(storage.revision)
    await storage.close()
    for name, measured in (("without", without), ("with", within)):
        figures = "  ".join(f"p{share:g} {measured.at(share / 100):6.2f} ms" for share in (50, 90, 99, 99.9))
        print(f"{name:8} {figures}  ({sum(map(len, measured.rounds))} writes, {measured.swept} revisions compacted)")
    added = within.at(0.99) / without.at(0.99) - 1
    print(f"compaction adds {added:+.0%} to p99")
    return added


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=1.5)
    parser.add_argument("--rate", type=float, default=2_000.0)
    parser.add_argument("--clients", type=int, default=64)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="orlop-compaction-") as scratch:
        uvloop.install()
        sys.exit(asyncio.run(main(given, Path(scratch))) > 0.2)
