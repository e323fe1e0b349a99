"""What a container says at its end."""

from __future__ import annotations

from pathlib import Path

import pytest

from orlop.node.log import Log
from orlop.node.termination import make_file, message_of

FALL_BACK = {"name": "main", "terminationMessagePolicy": "FallbackToLogsOnError"}


def log_of(text: bytes) -> Log:
    log = Log()
    log.write("stdout", text, 1.0)
    log.close(1.0)
    return log


def test_the_file_is_below_the_root_and_begins_empty(tmp_path: Path) -> None:
    """At the path that the container names, and nowhere above."""
    path = make_file({}, tmp_path)
    assert path == tmp_path / "dev" / "termination-log"
    path.write_text("of the run before")
    assert make_file({}, tmp_path).read_bytes() == b""
    assert make_file({"terminationMessagePath": "/../../out"}, tmp_path) == tmp_path / "out"


@pytest.mark.parametrize(("policy", "written", "code", "expected"), [
    ({}, b"said", 0, "said"), ({}, b"", 1, ""), (FALL_BACK, b"said", 1, "said"), (FALL_BACK, b"", 1, "one\ntwo\n"),
    (FALL_BACK, b"", 0, "")])
def test_what_is_said(tmp_path: Path, policy: dict[str, str], written: bytes, code: int, expected: str) -> None:
    """What is in the file; the log only for a failure that left the file empty, where that is asked for."""
    path = make_file(policy, tmp_path)
    path.write_bytes(written)
    assert message_of(policy, path, code, log_of(b"one\ntwo\n"), 1) == expected


def test_limits(tmp_path: Path) -> None:
    """The last 4 KiB of the file, the last 80 lines and 2 KiB of the log, and a share of what a pod may say."""
    path = make_file({}, tmp_path)
    path.write_bytes(b"a" * 100 + b"b" * 4096)
    assert message_of({}, path, 0, Log(), 1) == "b" * 4096
    assert len(message_of({}, path, 0, Log(), 12)) == 1024
    path.unlink()
    lines = b"".join(b"%d\n" % number for number in range(200))
    assert message_of(FALL_BACK, path, 1, log_of(lines), 1) == "".join(f"{number}\n" for number in range(120, 200))
    assert message_of(FALL_BACK, path, 1, log_of(b"x" * 5000), 1) == "x" * 2048
