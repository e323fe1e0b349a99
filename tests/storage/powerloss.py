"""What a disk may hold after the power was cut, from the journal that powerloss.c kept of a process's files.

What was synced is there. Everything else, each write by itself, may be there, or not, or some sectors of it may. After
a sync that failed this goes for what it should have synced for ever: no later sync makes up for it.
"""

from __future__ import annotations

import random
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

SECTOR: Final = 512
_HEAD: Final = struct.Struct("<cBqI")


class Library:
    """The compiled shim, and what a process is started with to have it."""

    def __init__(self, scratch: Path) -> None:
        self.path = scratch / "powerloss.so"
        source = Path(__file__).with_name("powerloss.c")
        command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(self.path), str(source), "-ldl", "-lpthread"]
        subprocess.run(command, check=True, capture_output=True)

    def environment(self, directory: Path, journal: Path, faults: Path) -> dict[str, str]:
        faults.write_bytes(bytes(16))
        return {
            "LD_PRELOAD": str(self.path),
            "POWERLOSS_DIRECTORY": str(directory),
            "POWERLOSS_JOURNAL": str(journal),
            "POWERLOSS_FAULTS": str(faults),
        }


@dataclass(slots=True)
class Record:
    kind: str
    name: str
    offset: int
    data: bytes


def records(journal: Path) -> list[Record]:
    content = journal.read_bytes()
    found: list[Record] = []
    at = 0
    while at + _HEAD.size <= len(content):
        kind, name_length, offset, length = _HEAD.unpack_from(content, at)
        at += _HEAD.size
        if at + name_length + length > len(content):
            break  # killed in the middle
        name = content[at : at + name_length].decode()
        at += name_length
        found.append(Record(kind.decode(), name, offset, content[at : at + length]))
        at += length
    return found


@dataclass(slots=True)
class Change:
    """A write or a truncation, and whether it is known to be on disk. What is `doomed` never will be known to."""

    record: Record
    certain: bool = False
    doomed: bool = False


@dataclass(slots=True)
class File:
    changes: list[Change] = field(default_factory=list)
    begun: dict[int, int] = field(default_factory=dict)
    """Syncs under way: how many changes there were when they began."""
    gone: bool = False
    """Unlinked, and the directory synced."""

    def apply(self, chance: random.Random) -> bytes:
        content = bytearray()
        mood = chance.choice((0.0, 0.1, 0.5, 0.9, 1.0))  # how much of what is not certain is there
        for change in self.changes:
            if change.certain or chance.random() < mood:
                _change(content, change.record, range(len(change.record.data) // SECTOR + 1))
            elif chance.random() < 0.2:
                sectors = range(len(change.record.data) // SECTOR + 1)
                _change(content, change.record, [one for one in sectors if chance.random() < 0.5])
        return bytes(content)


def _change(content: bytearray, record: Record, sectors: range | list[int]) -> None:
    if record.kind == "T":
        if sectors:
            del content[record.offset :]
            content.extend(bytes(record.offset - len(content)))
        return
    for sector in sectors:  # sectors of the disk, not of the write
        start = sector * SECTOR - (record.offset % SECTOR if sector else 0)
        end = (sector + 1) * SECTOR - record.offset % SECTOR
        part = record.data[start:end] if sector < len(record.data) // SECTOR else record.data[start:]
        at = record.offset + start
        if len(content) < at:
            content.extend(bytes(at - len(content)))
        content[at : at + len(part)] = part


class Disk:
    """Follows the journal, record by record."""

    def __init__(self) -> None:
        self._lives: dict[str, list[File]] = {}
        """Of each name the files that had it, one after the other; the last may be empty: unlinked."""
        self._unlinked: dict[int, list[File]] = {}
        """Syncs of the directory under way: which files had been unlinked when they began."""

    def follow(self, record: Record) -> None:
        if record.name == ".":
            self._directory_synced(record)
            return
        lives = self._lives.setdefault(record.name, [File()])
        match record.kind:
            case "W" | "T":
                lives[-1].changes.append(Change(record))
            case "B":
                lives[-1].begun[record.offset] = len(lives[-1].changes)
            case "E" | "L":
                for one in lives:
                    self._synced(one, record)
            case "U":
                lives.append(File())
            case "R":
                self._lives.setdefault(record.data.decode(), []).append(lives[-1])
                lives.append(File())

    def _directory_synced(self, record: Record) -> None:
        if record.kind == "B":
            self._unlinked[record.offset] = [one for lives in self._lives.values() for one in lives[:-1]]
        elif record.kind == "E":
            for one in self._unlinked.pop(record.offset):
                one.gone = True

    @staticmethod
    def _synced(file: File, record: Record) -> None:
        for change in file.changes[: file.begun.pop(record.offset, 0)]:
            if record.kind == "L":
                change.doomed = change.doomed or not change.certain
            elif not change.doomed:
                change.certain = True

    def after_a_cut(self, directory: Path, chance: random.Random) -> None:
        """Make the files as they may be if the power is cut now."""
        directory.mkdir()
        for name, lives in self._lives.items():
            oldest = 0
            for number, file in enumerate(lives):
                if any(one.certain for one in file.changes):
                    oldest = number
                if file.gone:
                    oldest = number + 1
            file = lives[chance.randrange(oldest, len(lives))]
            if file.changes:
                (directory / name).write_bytes(file.apply(chance))


def cuts(journal: list[Record], number: int, chance: random.Random) -> Iterator[tuple[int, Disk]]:
    """Moments at which the power may be cut: how many records there were, and the disk."""
    disk, done = Disk(), 0
    for cut in sorted(chance.randrange(1, len(journal)) for _ in range(number)):
        for record in journal[done:cut]:
            disk.follow(record)
        done = cut
        yield cut, disk
