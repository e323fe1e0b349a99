"""Patch errors as the answers clients see."""

from __future__ import annotations

import pytest

from orlop.patching.errors import (
    BadPatch,
    PatchCrashed,
    PatchError,
    PatchFailed,
    TestFailed,
    TooManyOperations,
    Unprocessable,
)

GENERIC = "the server rejected our request due to an error in our request"
ANSWERS = [
    (BadPatch("why"), 400, "BadRequest", "why", None),
    (TooManyOperations("why"), 413, "RequestEntityTooLarge", "Request entity too large: why", None),
    (Unprocessable("why"), 422, "Invalid", GENERIC, {}),
    (TestFailed("why"), 422, "Invalid", GENERIC, {}),
    (PatchFailed("why"), 500, "", "why", None),
]


@pytest.mark.parametrize(("error", "code", "reason", "message", "details"), ANSWERS)
def test_answers(error, code, reason, message, details):
    """Each class answers with its status, and 422 never shows the text."""
    answer = error.answer()
    assert (answer.code, answer.reason, answer.message) == (code, reason, message)
    assert answer.details == details
    assert error.code == code


def test_all_are_patch_errors():
    """One except clause catches them all."""
    assert all(isinstance(case[0], PatchError) for case in ANSWERS)
    assert isinstance(PatchCrashed(), PatchError)


def test_a_crash_carries_the_text_of_the_panic_handler():
    """The body is plain text and ends in a newline."""
    assert PatchCrashed.BODY == "This request caused apiserver to panic. Look in the logs for details.\n"
    assert PatchCrashed().code == 500
