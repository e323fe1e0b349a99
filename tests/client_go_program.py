"""The Go programs of `clients/go` and `clients/go_old`: built, started, listened to. The first uses client-go as nearly
every controller does; beside it stands a newer kubectl than the machine's. In the other an older client-go.

Used by the tests of `clients` and `replicas`.
"""

from __future__ import annotations

import fcntl
import json
import os
import queue
import shutil
import subprocess
import threading
from pathlib import Path
from typing import Any, Final

import pytest

from api_caller import ApiCaller
from server_process import ServerProcess

SECONDS: Final = 60.0
"""The longest wait for a line; a right one takes far less."""
SOURCES: Final = Path(__file__).parent / "clients"
BUILD_SECONDS: Final = 900
"""A first build compiles all of client-go and of kubectl, while another worker waits for it."""
Line = dict[str, Any]


def built_program(directory: Path) -> Path:
    """The program that uses client-go, built there. Skips where that cannot be done."""
    return _built("go", ".", directory / "clientgo")


def built_kubectl(directory: Path) -> Path:
    """A newer kubectl than the machine's."""
    return _built("go", "./kubectl", directory / "kubectl")


def built_older(directory: Path) -> Path:
    """Streams as clients had them before they were WebSockets."""
    return _built("go_old", ".", directory / "older")


def _built(module: str, package: str, target: Path) -> Path:
    go = shutil.which("go")
    if go is None:
        pytest.skip("go is not installed")
    with (SOURCES / module / "main.go").open() as lock:  # go.mod is locked by go itself
        fcntl.flock(lock, fcntl.LOCK_EX)  # two workers at once would compile everything twice
        built = subprocess.run([go, "build", "-buildvcs=false", "-o", str(target), package], cwd=SOURCES / module,
                               capture_output=True, text=True, timeout=BUILD_SECONDS)  # fmt: skip
    if "dial tcp" in built.stderr:
        pytest.skip("the Go modules are not in the cache and there is no network")
    assert built.returncode == 0, built.stderr
    return target


def make_namespace(server: ServerProcess, name: str) -> str:
    caller = ApiCaller(server)
    assert caller.call("POST", "/api/v1/namespaces", {"metadata": {"name": name}}).code == 201
    caller.close()
    return name


def write_map(caller: ApiCaller, namespace: str, name: str, value: str, method: str = "POST") -> None:
    """Create or replace a config map with one value."""
    path = f"/api/v1/namespaces/{namespace}/configmaps" + (f"/{name}" if method == "PUT" else "")
    answer = caller.call(method, path, {"metadata": {"name": name}, "data": {"v": value}})
    assert answer.code in (200, 201), answer


class Informers:
    """The informers scenario (or another that listens) while it runs: its lines come on a queue, orders go to its
    standard input. `environment` is added to the process's."""

    def __init__(self, program: Path, server: ServerProcess, namespace: str, *flags: str,
                 scenario: str = "informers", **environment: str) -> None:  # fmt: skip
        arguments = ["-kubeconfig", str(server.kubeconfig), "-namespace", namespace, *flags, scenario]
        self.process = subprocess.Popen([str(program), *arguments], text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        env={**os.environ, **environment})  # fmt: skip
        self._lines: queue.Queue[Line] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(json.loads(line))

    def until(self, **wanted: str) -> list[Line]:
        """The lines up to the first that has the values wanted."""
        seen: list[Line] = []
        while not seen or any(seen[-1].get(key) != value for key, value in wanted.items()):
            try:
                seen.append(self._lines.get(timeout=SECONDS))
            except queue.Empty:
                pytest.fail(f"never came: {wanted}; came: {seen}")
        return seen

    def have(self) -> Line:
        """What the caches hold now."""
        self.order("have")
        return self.until(step="have")[-1]

    def order(self, text: str) -> None:
        """One line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def no_more_orders(self) -> None:
        """Close its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.stdin = None

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()
