"""The recordings and how a server is compared with them: which scenarios there are, how long one may take, which
answers are known to differ.

`test_recordings` and `update` stand on it; the playing and comparing itself is `replay`.
"""

from __future__ import annotations

import argparse
import copy
import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

import replay
from server_process import ServerProcess

DATA: Final = Path(__file__).parent.parent / "data" / "replay"
DIFFERENCES: Final = Path(os.environ.get("ORLOP_DIFFERENCES", Path(__file__).with_name("differences.json")))
TOKENS: Final = DATA / "tokens.csv"
AREAS: Final = ("rest", "kinds", "flow", "crds", "access")
WITH_TOKENS: Final = frozenset({"crds", "access"})
"""Areas that switch between the users of TOKENS; their administrator is its first line."""
SCENARIO_SECONDS: Final = 60.0
"""A scenario that takes longer counts as unanswered from there on, and the next one gets its turn."""
KNOWN_PATIENCE: Final = 0.5
"""Seconds that a step known to differ may poll or wait for events; it would mostly wait in vain."""

Steps: TypeAlias = dict[int, list[str]]
"""Numbers of steps that differ, from 1, each with what differs."""
Differences: TypeAlias = dict[str, dict[str, list[int]]]
"""area → scenario → steps known to differ."""


def files(area: str) -> list[Path]:
    return sorted((DATA / area / "scenarios").glob("*.yaml"))


def scenarios(file: Path) -> Iterator[dict[str, Any]]:
    for _, scenario in replay.load([str(file)]):
        yield scenario


def flags(area: str) -> list[str]:
    """What the server of an area is started with."""
    return ["--token-auth-file", str(TOKENS)] if area in WITH_TOKENS else []


def load_differences() -> Differences:
    found: Differences = json.loads(DIFFERENCES.read_text()) if DIFFERENCES.exists() else {}
    return found


def target(area: str, server: ServerProcess) -> Any:
    """The server as `replay` reaches it, with the administrator's token of the area."""
    where = replay.Server(argparse.Namespace(server=server.url, ca=str(server.ca), kubeconfig=None, token_file=None,
                                             cert=None, key=None, insecure=False))  # fmt: skip
    token = TOKENS.read_text().partition(",")[0] if area in WITH_TOKENS else server.token
    where.headers = {"Authorization": f"Bearer {token}"}
    return where


class Player(replay.Runner):  # type: ignore[misc]
    """Loses patience: once a poll of a scenario ran dry, its later steps wait in vain too."""

    def __init__(self, where: Any) -> None:
        super().__init__(where)
        self._ran_dry = False

    def _step(self, step: dict[str, Any], variables: dict[str, str], streams: dict[str, Any]) -> Any:
        if self._ran_dry:
            _cut(step, KNOWN_PATIENCE)
        began = time.monotonic()
        answer = super()._step(step, variables, streams)
        if "retry" in step and time.monotonic() - began > step["retry"]["for"]:
            self._ran_dry = True
        return answer


def play(area: str, scenario: dict[str, Any], where: Any, known: list[int], patience: float = 1e9) -> Steps:
    """Play one scenario and compare: the steps that differ. Steps in `known` wait KNOWN_PATIENCE at most, others poll
    for `patience` at most."""
    scenario = copy.deepcopy(scenario)
    asked = [step for step in scenario["steps"] if "do" in step or "read" in step]
    for number, step in enumerate(asked, 1):
        if number in known:
            _cut(step, KNOWN_PATIENCE)
        elif "retry" in step:
            step["retry"]["for"] = min(step["retry"].get("for", 0), patience)
    answers = _within_time(scenario, where)
    golden = json.loads((DATA / area / "golden" / f"{scenario['name']}.json").read_text())
    steps: Steps = {}
    for number, (step, want) in enumerate(zip(asked, golden, strict=True), 1):
        got = answers[number - 1] if number <= len(answers) else {"code": "no answer"}
        found = replay.differences(want, got)
        if found:
            steps[number] = [step.get("do") or f"read {step['read']}", *found]
    return steps


def _cut(step: dict[str, Any], seconds: float) -> None:
    if "retry" in step:
        step["retry"]["for"] = min(step["retry"].get("for", 0), seconds)
    if "read" in step:
        step["within"] = min(step.get("within", 5), seconds)


def _within_time(scenario: dict[str, Any], where: Any) -> list[Any]:
    """The normalized answers; none when time was up or the scenario could not be played at all."""
    answers: list[Any] = []

    def run() -> None:
        try:
            answers.extend(replay.normalize(scenario, Player(where).run(scenario)))
        except Exception as error:
            answers.append({"code": f"{type(error).__name__}: {error}"})

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(SCENARIO_SECONDS)
    return [] if thread.is_alive() else answers
