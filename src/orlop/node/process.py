"""One process group of a container: spawned, fed, read, resized and killed.

Used by `process_runtime` for containers and for commands beside them. Output goes to a function, stream by stream, and
is not read further before that returns. With a terminal there is one stream, `stdout`.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import shutil
import signal
import struct
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from orlop.node.container import SIGNAL_BASE
from orlop.node.reaper import Reaper
from orlop.node.runtime import RUN_ERROR, OnOutput, StartFailure

_PIECE: Final = 64 * 1024
_ON_TERMINAL: Final = ("/bin/sh", "-c", 'exec <>"$0" >&0 2>&0 && exec "$@"')
"""Opens the terminal named next, which makes it that of the new session, and becomes the command."""


class Process:
    """A running group. Its leader's end is the end of all of it."""

    def __init__(self, process: asyncio.subprocess.Process, reaper: Reaper, terminal: int = -1,
                 far_side: int = -1) -> None:
        self._process, self._reaper, self._terminal, self._far_side = process, reaper, terminal, far_side
        self._writer: asyncio.StreamWriter | None = process.stdin
        self._killing: asyncio.TimerHandle | None = None
        reaper.watch(process.pid)

    @classmethod
    async def spawn(cls, command: Sequence[str], env: Mapping[str, str], directory: Path, stdin: bool, tty: bool,
                    reaper: Reaper) -> Process:
        """Raises StartFailure."""
        master, slave = pty.openpty() if tty else (-1, -1)
        pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        try:
            if tty and shutil.which(command[0], path=env.get("PATH")) is None and not (directory / command[0]).exists():
                raise FileNotFoundError(f"[Errno 2] No such file or directory: {command[0]!r}")
            if tty:
                child = await asyncio.create_subprocess_exec(
                    *_ON_TERMINAL, os.ttyname(slave), *command, stdin=nothing, stdout=nothing, stderr=nothing,
                    env=dict(env), cwd=directory, start_new_session=True)
            else:
                child = await asyncio.create_subprocess_exec(
                    *command, stdin=pipe if stdin else nothing, stdout=pipe, stderr=pipe, env=dict(env), cwd=directory,
                    start_new_session=True)
        except (OSError, ValueError) as error:
            for descriptor in (master, slave):
                if descriptor >= 0:
                    os.close(descriptor)
            raise StartFailure(RUN_ERROR, f"cannot run {command[0]}: {error}") from error
        return cls(child, reaper, master, slave)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def run(self, on_output: OnOutput) -> int:
        """Hand over all output; the exit code, 128 + N after signal N. What the group left running is killed when its
        leader ends."""
        if self._terminal >= 0:
            readers = [asyncio.create_task(self._read_terminal(on_output))]
        else:
            assert self._process.stdout is not None and self._process.stderr is not None
            readers = [asyncio.create_task(_read(self._process.stdout, "stdout", on_output)),
                       asyncio.create_task(_read(self._process.stderr, "stderr", on_output))]
        try:
            code = await self._process.wait()
            self.signal(signal.SIGKILL)
            self._close_far_side()  # now the reader sees the end
            await asyncio.gather(*readers)
        finally:
            self._ended()
            for reader in readers:
                reader.cancel()
        return code if code >= 0 else SIGNAL_BASE - code

    async def _read_terminal(self, on_output: OnOutput) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=_PIECE)
        source = os.fdopen(os.dup(self._terminal), "rb", buffering=0)
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
        try:
            await _read(reader, "stdout", on_output)
        finally:
            transport.close()

    def _close_far_side(self) -> None:
        if self._far_side >= 0:
            os.close(self._far_side)
            self._far_side = -1

    def _ended(self) -> None:
        self._close_far_side()
        if self._killing is not None:
            self._killing.cancel()
        self._reaper.release(self._process.pid)
        if self._terminal >= 0:
            os.close(self._terminal)
            self._terminal = -1

    # --- what is done to it --------------------------------------------------------------------------------------

    async def write(self, data: bytes) -> None:
        try:
            if self._terminal >= 0:
                await asyncio.get_running_loop().run_in_executor(None, _write_all, self._terminal, data)
            elif self._writer is not None:
                self._writer.write(data)
                await self._writer.drain()
        except OSError:
            return  # it has closed its standard input, or ended

    def close_input(self) -> None:
        if self._writer is not None and self._terminal < 0:
            self._writer.close()

    def resize(self, columns: int, rows: int) -> None:
        if self._terminal >= 0:
            fcntl.ioctl(self._terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def stop(self, grace: float) -> None:
        """SIGTERM, and SIGKILL when the grace is over."""
        if self._killing is not None:
            self._killing.cancel()
        if grace > 0:
            self.signal(signal.SIGTERM)
        self._killing = asyncio.get_running_loop().call_later(max(0.0, grace), self.signal, signal.SIGKILL)

    def signal(self, number: signal.Signals) -> None:
        try:
            os.killpg(self._process.pid, number)
        except ProcessLookupError:
            return  # it has ended


def _write_all(terminal: int, data: bytes) -> None:
    while data:
        data = data[os.write(terminal, data):]


async def _read(reader: asyncio.StreamReader, name: str, on_output: OnOutput) -> None:
    while True:
        try:
            data = await reader.read(_PIECE)
        except OSError:  # a terminal whose other side is closed says so
            data = b""
        await on_output(name, data)
        if not data:
            return
