"""Every storage keeps every promise of the contract."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from conformance import PROMISES, THEMES, Promise
from storage_worlds import WORLDS, run, title

TESTS = Path(__file__).parents[1]


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("promise", PROMISES, ids=title)
def test_promise(promise: Promise, world: str, tmp_path: Path) -> None:
    """The promise named by the function, in the world named by the parameter."""
    run(WORLDS[world], tmp_path, promise)


def test_every_theme_has_promises_of_its_own() -> None:
    """No module is left out, no name is taken twice."""
    assert {theme.__name__ for theme in THEMES} == {one.__module__ for one in PROMISES}
    assert {path.stem for path in Path(__file__).parent.glob("conformance_*.py")} == {one.__name__ for one in THEMES}
    assert len({one.__name__ for one in PROMISES}) == len(PROMISES)


def test_the_table_of_upstreams_tests_names_what_is_there() -> None:
    """Promises, test functions, validators and files that README.md stands upon exist."""
    lines = (TESTS / "storage" / "README.md").read_text().splitlines()
    ours = " ".join(line.split("|")[2] for line in lines if line.startswith("| Run"))
    rooms = (TESTS / "storage", TESTS / "histories")
    written = "\n".join(path.read_text() for room in rooms for path in room.glob("*.py"))
    names = {name for name in re.findall(r"\b[a-z]+(?:_[a-z]+){2,}\b(?!\.py)", ours) if "/" not in name}
    assert len(names) > 50
    for name in names:
        assert f"def {name}(" in written, name
    for file in re.findall(r"(?:tests/\w+/)?\b\w+\.py", ours):
        assert (TESTS.parent / file if "/" in file else TESTS / "storage" / file).exists(), file
