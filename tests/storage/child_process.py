"""Running a part of a test in a process of its own: with a small disk, a read-only one, or without root's rights.

A fork, so that what was imported needs no permission to be read again. What it raises, the test raises.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

CLONE_NEWNS: Final = 0x00020000
MS_RDONLY, MS_REMOUNT, MS_REC, MS_PRIVATE = 1, 32, 16384, 1 << 18
NOBODY: Final = 65534


def in_child(work: Callable[[], None]) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        said = ""
        try:
            work()
        except pytest.skip.Exception as error:
            said = f"skip {error}"
        except BaseException:
            said = traceback.format_exc()
        os.write(writing, pickle.dumps(said[-60_000:]))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    os.waitpid(child, 0)
    said = pickle.loads(content) if content else "the process ended without a word"
    if said.startswith("skip "):
        pytest.skip(said.removeprefix("skip "))
    assert said == "", said


def _mount(source: str, target: str, kind: str, flags: int, options: str = "") -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(source.encode(), target.encode(), kind.encode(), flags, options.encode()):
        pytest.skip(f"no file systems can be mounted here ({os.strerror(ctypes.get_errno())})")


def small_disk(directory: Path, kilobytes: int) -> None:
    """Mount one on `directory`, for this process alone."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNS):
        pytest.skip(f"no file systems can be mounted here ({os.strerror(ctypes.get_errno())})")
    _mount("none", "/", "", MS_REC | MS_PRIVATE)
    directory.mkdir(exist_ok=True)
    _mount("none", str(directory), "tmpfs", 0, f"size={kilobytes}k")


def read_only(directory: Path) -> None:
    """Of what `small_disk` mounted."""
    _mount("none", str(directory), "tmpfs", MS_REMOUNT | MS_RDONLY)


def without_rights() -> None:
    """Go on as nobody."""
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
