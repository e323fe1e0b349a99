"""The tutorials about kinds in Python are true: their files are written, their programs run, their commands typed."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import doc_transcripts
from kubectl_command import Kubectl, Said, kubectl_for
from server_process import READY

ROOT = Path(__file__).parents[2]
_FILE = re.compile(r"^`([\w.-]+)`\n```\w+\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class _Place:
    """A folder with the files of a document, and the programs that it starts (`python FILE &`)."""

    def __init__(self, document: Path, folder: Path) -> None:
        self.folder, self.text = folder, document.read_text()
        for name, text in _FILE.findall(self.text):
            (folder / name).write_text(text)
        self.kubeconfig = folder / "state/admin.kubeconfig"
        self.environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                            "KUBECONFIG": str(self.kubeconfig)}  # fmt: skip
        self.kubectl: Kubectl = kubectl_for(self, folder)  # type: ignore[arg-type]
        self.started: list[subprocess.Popen[str]] = []

    def start(self, command: str) -> str | None:
        """Start a program. What a server says first is waited for; others may take their time."""
        said = self.folder / f"program-{len(self.started)}"
        with said.open("w") as output:
            started = subprocess.Popen(shlex.split(command)[:-1], cwd=self.folder, text=True, env=self.environment,
                                       stdout=subprocess.PIPE, stderr=output)  # fmt: skip
        self.started.append(started)
        assert started.stdout is not None
        if not command.startswith("python "):
            return None
        line = started.stdout.readline()
        assert line, said.read_text()
        return line

    def run(self, command: str) -> str | None:
        """What a command prints; None for what shells do."""
        if command.endswith("&"):
            return self.start(command)
        if command.startswith("kubectl "):
            said: Said = self.kubectl(*shlex.split(command)[1:], cwd=self.folder, ok=False)
            return said.out + said.err
        if command.startswith(("orlop ", "pytest ")):
            done = subprocess.run(command, shell=True, cwd=self.folder, env=self.environment,
                                  capture_output=True, text=True)  # fmt: skip
            assert done.returncode == 0, done.stdout + done.stderr
            return re.sub(r"in [\d.]+s", "in 2.41s", done.stdout)
        return None


@contextmanager
def place(document: Path, folder: Path) -> Iterator[_Place]:
    made = _Place(document, folder)
    try:
        yield made
    finally:
        for started in reversed(made.started):
            started.send_signal(signal.SIGINT)
            assert started.wait(20) == 0
            assert started.stdout is not None
            started.stdout.close()


@pytest.mark.parametrize("name", ["python-kinds", "operators"])
def test_transcripts_are_true(name: str, tmp_path: Path) -> None:
    """What a document shows is what one sees, but for times, ages and ports."""
    if name == "operators":
        pytest.importorskip("kopf")
    with place(ROOT / "docs" / f"{name}.md", tmp_path) as here:
        for command, shown in (step for block in doc_transcripts.blocks(here.text)
                               for step in doc_transcripts.steps(block)):  # fmt: skip
            printed = here.run(command)
            if printed is None:
                continue
            if command.endswith("&"):
                assert (READY.match(printed) is None) == (READY.match(shown) is None), printed
            else:
                assert doc_transcripts.alike(printed) == doc_transcripts.alike(shown), command


def test_the_pizzeria_has_40_lines() -> None:
    """As its heading says, without empty lines."""
    text = (ROOT / "docs/python-kinds.md").read_text()
    found = dict(_FILE.findall(text))["pizzeria.py"]
    assert "in 40 lines" in text and len([line for line in found.splitlines() if line.strip()]) <= 40
