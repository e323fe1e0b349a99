"""Every storage keeps every promise of the contract."""

from __future__ import annotations

from pathlib import Path

import pytest
from conformance import PROMISES, Promise
from storage_worlds import WORLDS, run, title


@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("promise", PROMISES, ids=title)
def test_promise(promise: Promise, world: str, tmp_path: Path) -> None:
    """The promise named by the function, in the world named by the parameter."""
    run(WORLDS[world], tmp_path, promise)
