"""What a person sees: recorded kubectl sessions against a real kube-apiserver, typed again at ours.

`misses.json` lists the commands that show something else, by script, each with the reason. Like the list of the
recordings it can only shrink: a new difference fails, and so does a command listed that shows the right thing now.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import transcript

from server_process import ServerProcess

DATA = Path(__file__).parent.parent / "data" / "kubectl"
MISSES: dict[str, dict[str, str]] = json.loads(Path(__file__).with_name("misses.json").read_text())


@pytest.mark.parametrize("script", sorted(DATA.glob("*.txt")), ids=lambda path: path.stem)
def test_shows_what_was_recorded(script: Path, fresh_server: Callable[..., ServerProcess]) -> None:
    """Each command shows what kube-apiserver made kubectl show."""
    server = fresh_server()
    want = transcript.parse(script.with_suffix(".golden").read_text())
    known = MISSES.get(script.stem, {})
    complaints: list[str] = []
    for (command, expected), (_, answer) in zip(want, transcript.run(script, str(server.kubeconfig)), strict=True):
        if expected != answer and command not in known:
            difference = difflib.unified_diff(expected, answer, "recorded", "shown", lineterm="", n=0)
            complaints.append("\n".join([f"$ {command}", *list(difference)[2:20]]))
        if expected == answer and command in known:
            complaints.append(f"$ {command}\nis right now: take it out of misses.json")
    assert not complaints, "\n".join(complaints)
