"""Every recorded answer of a real kube-apiserver against ours, over HTTPS from a real process.

`differences.json` is the list of answers that do not match yet. It can only shrink: a difference outside the list
fails, and so does an entry whose answer matches now. `python tests/replay/update.py` takes such entries out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import recordings

from server_process import ServerProcess

SHOWN = 8
"""Lines that a failure shows of one step."""

CASES = [
    pytest.param(area, file, marks=pytest.mark.xdist_group(f"replay-{area}"), id=f"{area}/{file.stem}")
    for area in recordings.AREAS
    for file in recordings.files(area)
]


@pytest.fixture(scope="module")
def server_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], ServerProcess]]:
    """The server of an area, started at its first use."""
    started: dict[str, ServerProcess] = {}

    def get(area: str) -> ServerProcess:
        if area not in started:
            started[area] = ServerProcess(tmp_path_factory.mktemp(area) / "data", *recordings.flags(area))
            started[area].start()
        return started[area]

    try:
        yield get
        for process in started.values():
            process.stop()
    finally:
        for process in started.values():
            process.kill()


@pytest.mark.parametrize(("area", "file"), CASES)
def test_answers_as_recorded(area: str, file: Path, server_of: Callable[[str], ServerProcess]) -> None:
    """Each answer equals the recorded one, but for the steps listed; each step listed still differs."""
    where = recordings.target(area, server_of(area))
    known = recordings.load_differences().get(area, {})
    complaints: list[str] = []
    for scenario in recordings.scenarios(file):
        name = scenario["name"]
        listed = known.get(name, [])
        found = recordings.play(area, scenario, where, listed)
        for number, lines in found.items():
            if number not in listed:
                complaints.append("\n    ".join([f"{name} step {number}: {lines[0]}", *lines[1 : SHOWN + 1]]))
        matching = [number for number in listed if number not in found]
        if matching:
            complaints.append(f"{name}: steps {matching} match now; run python tests/replay/update.py")
    assert not complaints, "\n".join(complaints)


def test_the_list_names_scenarios_that_exist() -> None:
    """A renamed or removed scenario leaves no entry behind."""
    for area, entries in recordings.load_differences().items():
        names = {scenario["name"] for file in recordings.files(area) for scenario in recordings.scenarios(file)}
        assert set(entries) <= names, area
