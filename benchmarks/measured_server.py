"""A server process whose CPU time, memory and start-up time can be read.

Used by `run` and `growth`. The figures come from /proc (Linux): the CPU time of all threads, in clock ticks of usually
10 ms, and the resident memory. Whatever the clients spend is not in them.
"""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

READY = re.compile(r"orlop is ready at https://([^ ]+):(\d+) ")
STOP_SECONDS = 30.0
TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20


class Target(NamedTuple):
    """Where clients find the server, and as whom they come."""

    host: str
    port: int
    ca: str
    token: str


class MeasuredServer:
    """`command` is what comes before `serve`. Use as a context manager: started on entry, stopped on exit."""

    def __init__(self, command: Sequence[str], data_dir: Path, storage: str) -> None:
        self._arguments = [*command, "serve", "--data-dir", str(data_dir), "--secure-port", "0", "--storage", storage]
        self._data_dir = data_dir
        self._process: subprocess.Popen[str]
        self.start_seconds = 0.0
        self.target: Target

    def __enter__(self) -> MeasuredServer:
        began = time.monotonic()
        self._process = subprocess.Popen(self._arguments, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        self.start_seconds = time.monotonic() - began
        found = READY.match(line)
        if found is None:
            self._process.kill()
            raise SystemExit(f"the server did not start; it said {line!r}")
        token = (self._data_dir / "admin.token").read_text().strip()
        self.target = Target(found[1], int(found[2]), str(self._data_dir / "ca.crt"), token)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def cpu_seconds(self) -> float:
        """User and system time of the process so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_mib(self) -> float:
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / MIB
