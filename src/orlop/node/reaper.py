"""Sees to it that no process outlives the node, whatever happens to the node.

Started by `process_runtime`, once: a small process that is told of every process group, and that kills those left over
when its standard input ends, as it does when the node is gone.
"""

from __future__ import annotations

import subprocess
import sys
from typing import IO, Final

_PROGRAM: Final = """
import os, signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
groups = set()
for line in sys.stdin:
    (groups.add if line[0] == "+" else groups.discard)(int(line[1:]))
for group in groups:
    try:
        os.killpg(group, signal.SIGKILL)
    except OSError:
        continue
"""


class Reaper:
    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-I", "-S", "-c", _PROGRAM], stdin=subprocess.PIPE,
                                         start_new_session=True)

    def watch(self, group: int) -> None:
        self._tell(f"+{group}\n")

    def release(self, group: int) -> None:
        self._tell(f"-{group}\n")

    def _tell(self, text: str) -> None:
        pipe: IO[bytes] | None = self._process.stdin
        if pipe is None or pipe.closed:
            return
        pipe.write(text.encode())
        pipe.flush()

    def close(self) -> None:
        """Kill what is left, and end."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
