"""Names of field managers from user agents."""

from __future__ import annotations

import pytest

from orlop.api.field_manager import MAX_LENGTH, from_user_agent


@pytest.mark.parametrize(("user_agent", "manager"), [
    ("kubectl/v1.36.0 (linux/amd64)", "kubectl"), ("plain words", "plain words"), ("", ""), ("/x", ""),
    ("a\tb\x00c/1", "abc"), ("x" * 200, "x" * MAX_LENGTH), ("é" * 100, "é" * 64),
    ("x" * 127 + "é", "x" * 127),
])
def test_from_user_agent(user_agent: str, manager: str) -> None:
    """What precedes the first slash, printable characters only, cut to 128 bytes of whole characters."""
    assert from_user_agent(user_agent) == manager
