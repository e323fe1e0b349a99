"""JSON patch against the suite that its implementers share, and against what kube-apiserver's library makes of it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from orlop.patching import json_patch
from orlop.patching.errors import PatchError

DATA = Path(__file__).parent.parent / "data" / "patching"
ROOT = "the library adds nothing at the root; only replace may put a value there"
NO_VALUE = "an absent value is null to the library"
ZEROS = "the library reads indices as Go reads numbers, which may begin with zeros"
DIFFERENCES = {
    ("tests", 10): "the library reads objects and lists only; no stored object is a scalar",
    ("tests", 11): ROOT,
    ("tests", 12): ROOT,
    ("tests", 19): "negative indices count from the end: kube-apiserver leaves that option on",
    ("tests", 63): ROOT,
    ("tests", 77): NO_VALUE,
    ("tests", 78): NO_VALUE,
    ("tests", 79): NO_VALUE,
    ("tests", 82): "the library copies null from where nothing is",
    ("tests", 85): "a member that occurs twice counts as it stands last",
    ("tests", 87): ZEROS,
    ("tests", 88): ZEROS,
}
"""Where kube-apiserver leaves the suite: file and number of the case, and why."""


class Case(NamedTuple):
    """One case of the suite, and what the library answered."""

    file: str
    number: int
    content: dict[str, Any]
    library: dict[str, Any]

    def outcome(self) -> dict[str, Any]:
        """What we make of it, in the shape of the library's answers."""
        document = copy.deepcopy(self.content["doc"])
        try:
            operations = json_patch.parse(orjson.dumps(self.content["patch"]))
            result = {"result": json_patch.apply(document, operations)}
        except PatchError as error:
            result = {"error": str(error)}
        assert document == self.content["doc"], "the document was changed"
        return result

    def as_published(self, outcome: dict[str, Any]) -> bool:
        """Whether an outcome is the one that the suite wants."""
        if "error" in self.content:
            return "result" not in outcome
        return "result" in outcome and outcome["result"] == self.content.get("expected", outcome["result"])


def suite() -> list[Case]:
    library = json.loads((DATA / "upstream.json").read_text())
    return [Case(file, number, content, library[file][number])
            for file in ("tests", "spec_tests")
            for number, content in enumerate(orjson.loads((DATA / f"{file}.json").read_bytes()))]  # fmt: skip


SUITE = suite()
NAMES = [f"{case.file}-{case.number}" for case in SUITE]


@pytest.mark.parametrize("case", SUITE, ids=NAMES)
def test_as_the_suite_wants_it(case: Case) -> None:
    """Every case ends as published, but for the listed ones; and those do end otherwise, as kube-apiserver's do."""
    assert case.as_published(case.outcome()) is ((case.file, case.number) not in DIFFERENCES)


@pytest.mark.parametrize("case", [case for case in SUITE if isinstance(case.content["doc"], dict | list)],
                         ids=lambda case: f"{case.file}-{case.number}")  # fmt: skip
def test_as_the_library_has_it(case: Case) -> None:
    """Results and the texts of errors are those of the library that kube-apiserver uses."""
    outcome = case.outcome()
    if "result" in case.library:
        assert outcome == case.library
    else:
        text = case.library.get("error") or case.library["decode"]
        assert text in outcome["error"]
