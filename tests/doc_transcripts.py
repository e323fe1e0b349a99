"""The transcripts in the documents: kubectl commands and what they printed, in blocks marked `console`.

`test_docs` plays them against a fresh server and compares. After a change that is meant, write them anew:

    python tests/doc_transcripts.py
"""

from __future__ import annotations

import re
import shlex
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from kubectl_command import Kubectl, kubectl_for
from server_process import ServerProcess

ROOT = Path(__file__).parents[1]
DOCUMENTS = ("README.md", "docs/first-minute.md")
_BLOCK = re.compile(r"(?<=^```console\n)(.*?)(?=^```$)", re.DOTALL | re.MULTILINE)
_VARYING = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"), "TIME"),
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UID"),
    (re.compile(r'resourceVersion: "\d+"'), "VERSION"),
    (re.compile(r"\b\d+(m\d+)?[sm]\b"), "AGE"),
    (re.compile(r"\b10\.0\.0\.\d+\b"), "ADDRESS"),
    (re.compile(r"https://127\.0\.0\.1:\d+"), "URL"),
    (re.compile(r" +"), " "),
)
"""What differs from run to run; columns are as wide as their cells."""


def steps(block: str) -> list[tuple[str, str]]:
    """Commands, each with what it printed. A line that begins with "$ " is a command."""
    found: list[tuple[str, str]] = []
    for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, _, printed = part.partition("\n")
        found.append((command, printed))
    return found


def play(kubectl: Kubectl, command: str) -> str | None:
    """What a command prints, from the repository's root; None for commands that are not kubectl's."""
    program, *arguments = shlex.split(command, comments=True)
    if program != "kubectl":
        return None
    said = kubectl(*arguments, cwd=ROOT, ok=False)
    return said.out + said.err


def alike(printed: str) -> str:
    """The text without what differs from run to run."""
    for pattern, name in _VARYING:
        printed = pattern.sub(name, printed)
    return printed.strip()


def blocks(text: str) -> list[str]:
    return _BLOCK.findall(text)


def _rewritten(text: str, run: Callable[[str], str | None]) -> str:
    def again(match: re.Match[str]) -> str:
        lines = []
        for command, before in steps(match[1]):
            printed = run(command)
            if printed is None or alike(printed) == alike(before):
                printed = before
            lines.append(f"$ {command}\n{printed.rstrip()}\n" if printed.strip() else f"$ {command}\n")
        return "".join(lines)

    return _BLOCK.sub(again, text)


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        for name in DOCUMENTS:
            document = ROOT / name
            server = ServerProcess(Path(home) / document.stem, storage="memory").start()
            try:
                place = Path(home) / f"{document.stem}-kubectl"
                place.mkdir()
                kubectl = kubectl_for(server, place)
                text = document.read_text()
                document.write_text(_rewritten(text, lambda command, at=kubectl: play(at, command)))  # type: ignore[misc]
                server.stop()
            finally:
                server.kill()
            print(f"{name} is as the server has it", file=sys.stderr)


if __name__ == "__main__":
    main()
