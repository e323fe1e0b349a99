"""The first hour of docs/nodes.md, played: a server with a node in process mode, kubectl, a forwarded port."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import doc_transcripts
from kubectl_command import Kubectl, kubectl_for
from server_process import FreshServer

PAGE = doc_transcripts.ROOT / "docs" / "nodes.md"
SHOWN_PORT = "8080"
SECONDS = 30.0
"""The longest wait until something is as the page shows it."""
READS = ("get", "logs")
"""Commands that may be asked again: what they show comes a moment after what was done."""
_VARYING = (
    (re.compile(r"\bweb-[a-z0-9]{8,10}-[a-z0-9]{5}\b"), "POD"),
    (re.compile(r"\b(?:127|10)\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.\d+\.\d+\b"), "ADDRESS"),
    (re.compile(r"^Waiting for deployment .*\n", re.MULTILINE), ""),
    (re.compile(r"^Forwarding from \[::1].*\n?", re.MULTILINE), ""),
)
"""Beside what differs in every transcript: pods' names and addresses, how long it took, whether there is IPv6."""


def alike(printed: str) -> str:
    for pattern, name in _VARYING:
        printed = pattern.sub(name, printed)
    return doc_transcripts.alike(printed)


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return str(listening.getsockname()[1])


@dataclass
class Terminal:
    """Plays the page's commands. What runs in the background writes between the output of the others."""

    kubectl: Kubectl
    port: str = field(default_factory=free_port)
    behind: list[subprocess.Popen[str]] = field(default_factory=list)

    def play(self, command: str, shown: str) -> str | None:
        """What a command prints with the test's port for the page's; None for those that set the shell up."""
        words = shlex.split(command)
        if words[-1] == "&":
            return self._start(words[:-1], len(alike(shown).splitlines()))
        if words[0] == "curl":
            with urllib.request.urlopen(words[1].replace(SHOWN_PORT, self.port), timeout=SECONDS) as answer:
                fetched: str = answer.read().decode()
            return self._written(1) + fetched
        if words[0] != "kubectl":
            return None
        until = time.monotonic() + SECONDS
        printed = self._printed(words)
        while words[1] in READS and alike(printed) != alike(shown) and time.monotonic() < until:
            printed = self._printed(words)
        return printed

    def _printed(self, words: list[str]) -> str:
        """Both outputs in the order in which they were written, as on a terminal."""
        return subprocess.run([self.kubectl.program, *words[1:]], cwd=doc_transcripts.ROOT, text=True,
                              env=self.kubectl.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=2 * SECONDS).stdout  # fmt: skip

    def _start(self, words: list[str], lines: int) -> str:
        self._all_serve()
        words = [word.replace(f"{SHOWN_PORT}:", f"{self.port}:") for word in words]
        self.behind.append(subprocess.Popen([self.kubectl.program, *words[1:]], text=True, stdout=subprocess.PIPE,
                                            env=self.kubectl.environment))  # fmt: skip
        return self._written(lines)

    def _all_serve(self) -> None:
        """Wait until each pod listens: the page's log is of one, and the port may be the other's."""
        until = time.monotonic() + SECONDS
        while self.kubectl("logs", "-l", "app=web").out.count("Serving HTTP") < 2:
            assert time.monotonic() < until

    def _written(self, lines: int) -> str:
        """The next lines of what runs in the background that do not vary."""
        found = ""
        for line in self._from_behind():
            found += line.replace(self.port, SHOWN_PORT)
            if len(alike(found).splitlines()) == lines:
                break
        return found

    def _from_behind(self) -> Iterator[str]:
        stream = self.behind[-1].stdout
        assert stream is not None
        yield from iter(stream.readline, "")

    def close(self) -> None:
        for process in self.behind:
            process.terminate()
            process.communicate()


def test_the_first_hour_is_true(fresh_server: FreshServer, tmp_path: Path) -> None:
    """All commands of the page's first hour print what it shows, but for names of pods, addresses and ages."""
    text = PAGE.read_text().split("## A first hour\n", 1)[1].split("\n## ", 1)[0]
    (start,) = re.findall(r"^```\n\$ orlop serve (.*)\n```$", text, re.MULTILINE)
    terminal = Terminal(kubectl_for(fresh_server(*start.split(), storage="memory"), tmp_path))
    played = 0
    try:
        for command, shown in (step for block in doc_transcripts.blocks(text) for step in doc_transcripts.steps(block)):
            printed = terminal.play(command, shown)
            if printed is not None:
                assert alike(printed) == alike(shown), command
                played += 1
    finally:
        terminal.close()
    assert played >= 12
