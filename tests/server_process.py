"""A real `orlop serve` process for tests: started, waited for, killed, started again on the same port and directory.

Used by the fixtures of `conftest` and by everything under `clients`, `replay` and `crash`. Tests that need no
process use the in-process transport instead.
"""

from __future__ import annotations

import os
import re
import selectors
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

READY: Final = re.compile(r"^orlop is ready at (https://[^ ]+:(\d+)) \(export KUBECONFIG=(.+)\)$")
START_SECONDS: Final = 30.0
"""Far above what a start takes, for machines that are busy with other tests."""
STOP_SECONDS: Final = 20.0
"""Above the server's own grace for requests under way."""
TAIL: Final = 4000
"""Characters of the server's standard error that a failure shows."""


class ServerFailed(AssertionError):
    """The process ended, or never got ready; carries its standard error."""


class ServerProcess:
    """One server and its data directory. `start` may be called again after `stop` or `kill`: same directory, same
    port. ORLOP_COMMAND puts another program in place of `python -m orlop` (an installed one, say)."""

    def __init__(self, data_dir: Path, *flags: str, storage: str = "sqlite") -> None:
        self.data_dir, self.flags, self.storage = data_dir, flags, storage
        self.port = 0
        self.url = ""
        self.process: subprocess.Popen[bytes] | None = None
        self._errors = data_dir.with_name(data_dir.name + ".stderr")

    @property
    def ca(self) -> Path:
        return self.data_dir / "ca.crt"

    @property
    def kubeconfig(self) -> Path:
        return self.data_dir / "admin.kubeconfig"

    @property
    def token(self) -> str:
        return (self.data_dir / "admin.token").read_text().strip()

    @property
    def pid(self) -> int:
        assert self.process is not None, "the server is not running"
        return self.process.pid

    def stderr(self) -> str:
        return self._errors.read_text(errors="replace") if self._errors.exists() else ""

    def start(self) -> ServerProcess:
        """Start and wait for the ready line. Raises ServerFailed."""
        command = shlex.split(os.environ.get("ORLOP_COMMAND", "")) or [sys.executable, "-m", "orlop"]
        arguments = ["serve", "--data-dir", str(self.data_dir), "--storage", self.storage,
                     "--secure-port", str(self.port), *self.flags]  # fmt: skip
        with self._errors.open("ab") as errors:
            self.process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=errors,
                                            stdin=subprocess.DEVNULL)  # fmt: skip
        line = self._first_line()
        found = READY.match(line)
        if found is None:
            self.kill()
            raise ServerFailed(f"the server did not get ready; it said {line!r}\n{self.stderr()[-TAIL:]}")
        self.url, self.port = found[1], int(found[2])
        assert Path(found[3]) == self.kubeconfig
        return self

    def _first_line(self) -> str:
        """The first line of standard output; what there is of it when the process ends or time is up."""
        assert self.process is not None and self.process.stdout is not None
        until, seen = time.monotonic() + START_SECONDS, b""
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in seen and selector.select(max(0.0, until - time.monotonic())):
                got = os.read(self.process.stdout.fileno(), 4096)
                if not got:
                    break
                seen += got
        return seen.decode(errors="replace").partition("\n")[0]

    def kill(self) -> None:
        """SIGKILL: no last words, no flush. Idempotent."""
        if self.process is not None:
            self.process.kill()
            self._reap()

    def stop(self) -> None:
        """SIGTERM, and wait for a clean end. Idempotent. Raises ServerFailed when the end was not clean."""
        if self.process is None:
            return
        self.process.terminate()
        try:
            code = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise ServerFailed(f"no end {STOP_SECONDS} s after SIGTERM\n{self.stderr()[-TAIL:]}") from None
        self._reap()
        if code != 0:
            raise ServerFailed(f"the server ended with {code}\n{self.stderr()[-TAIL:]}")

    def _reap(self) -> None:
        assert self.process is not None
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None


FreshServer = Callable[..., ServerProcess]
"""What the fixture `fresh_server` gives: starts servers of a test's own from flags."""
