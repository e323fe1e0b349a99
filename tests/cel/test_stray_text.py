"""Text that is no token, in the messages about what stands around it."""

from __future__ import annotations

import pytest

from orlop.cel import types as t
from orlop.cel.environment import Environment
from orlop.cel.issues import CompileError


def test_what_is_no_token_is_left_out_of_other_messages():
    """ANTLR joins the tokens of an input it cannot go on with, and what it skipped is none."""
    with pytest.raises(CompileError) as error:
        Environment({"self": t.DYN}).check("self.ä == 1")
    assert [issue.message for issue in error.value.issues] == [
        "Syntax error: token recognition error at: 'ä'", "Syntax error: no viable alternative at input '. =='"]
