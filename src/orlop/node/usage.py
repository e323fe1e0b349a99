"""What processes use, read from /proc: processor time, memory, and how many they are, session by session.

Called by `stats`, which knows the sessions of containers. Each container, and each command beside one, is a session of
its own (`process`); what daemons leave is not counted. Fields: proc_pid_stat(5).
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final, NamedTuple

_TICK_NANOSECONDS: Final = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_SESSION: Final = 3
_MINOR, _MAJOR = 7, 9
_TIMES: Final = slice(11, 15)
_RSS: Final = 21
"""Places in a line of /proc/PID/stat behind the program's name."""


class Usage(NamedTuple):
    """`cpu` in nanoseconds of processor time, `memory` in bytes."""

    cpu: int = 0
    memory: int = 0
    processes: int = 0
    faults: int = 0
    major_faults: int = 0

    def __add__(self, other: tuple[int, ...]) -> Usage:  # type: ignore[override]
        return Usage(*(a + b for a, b in zip(self, other, strict=True)))


def total(usages: Iterable[Usage]) -> Usage:
    return sum(usages, Usage())


def usages(sessions: Collection[int]) -> dict[int, Usage]:
    """By session; one that has ended is not there. Reads all of /proc: not for the event loop."""
    found: dict[int, Usage] = {}
    if not sessions:
        return found
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = place.read_bytes().rpartition(b")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        session = int(fields[_SESSION])
        if session in sessions:
            one = Usage(sum(map(int, fields[_TIMES])) * _TICK_NANOSECONDS, int(fields[_RSS]) * _PAGE, 1,
                        int(fields[_MINOR]), int(fields[_MAJOR]))
            found[session] = found.get(session, Usage()) + one
    return found
