"""Who made a write: what the storage was told, else what the object tells."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from orlop.registry.history import who
from orlop.registry.origin import Origin
from orlop.storage.interface import ADDED, DELETED, MODIFIED, Entry, Event

NOTE = b'[1700000000.5,"alice","kubectl-edit"]'
CREATED = "2026-01-01T00:00:00Z"


def entry(revision: int, *managers: tuple[str, str]) -> Entry:
    managed = [{"manager": name, "time": time} for name, time in managers]
    metadata = {"resourceVersion": str(revision), "name": "a", "creationTimestamp": CREATED, "managedFields": managed}
    return Entry("/registry/a", revision, orjson.dumps({"metadata": metadata}))


def test_what_the_storage_was_told() -> None:
    """The note that came with the write says all."""
    told = Origin(1700000000.5, "alice", "kubectl-edit")
    assert who(Event(MODIFIED, entry(2), entry(1), NOTE)) == told
    assert who(Event(DELETED, entry(2), entry(1), NOTE)) == told


EARLY, LATE = ("early", "2026-01-01T00:00:10Z"), ("late", "2026-01-01T00:00:20Z")


@pytest.mark.parametrize(("event", "manager", "known"), [
    (Event(ADDED, entry(1, EARLY), None), "early", True),
    (Event(ADDED, entry(1), None), "", True),
    (Event(MODIFIED, entry(2, EARLY, LATE), entry(1, EARLY)), "late", True),
    (Event(MODIFIED, entry(2, ("early", "2026-01-01T00:00:30Z"), LATE), entry(1, EARLY, LATE)), "early", True),
    (Event(MODIFIED, entry(2, EARLY), entry(1, EARLY)), "", False),
    (Event(MODIFIED, entry(2), entry(1), b"not a note"), "", False),
    (Event(DELETED, entry(2, EARLY), entry(1, EARLY)), "", False),
])  # fmt: skip
def test_what_the_object_tells(event: Any, manager: str, known: bool) -> None:
    """The manager that wrote last, if this write is its; a creation has its time anyway. Nothing is made up."""
    found = who(event)
    assert (found.user, found.manager, bool(found.time)) == ("", manager, known)
