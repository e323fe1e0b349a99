"""Small files written so that a crash leaves the old ones or the new ones, never half of one.

The data directory's credentials are written through this (`pki`, `data_dir`).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

PRIVATE: Final = 0o600
PUBLIC: Final = 0o644


class DataDirError(Exception):
    """The data directory cannot be used. The text names the file and is meant for people."""


def read_file(path: Path) -> bytes | None:
    """The content, None when there is no such file. Raises DataDirError when it cannot be read."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataDirError(f"cannot read {path}: {error.strerror}") from error


def write_files(directory: Path, files: Mapping[str, tuple[bytes, int]], *, sync: bool = True) -> None:
    """Write (content, mode) by name, in order: each appears whole, and none before those that precede it.

    With `sync` all are on disk before the first gets its name, and their names are when this returns.
    """
    if not files:
        return
    temporary = {name: directory / f".{name}.{os.getpid()}" for name in files}
    try:
        for name, (content, mode) in files.items():
            _write(temporary[name], content, mode, sync)
        for name in files:
            temporary[name].replace(directory / name)
        if sync:
            _sync_directory(directory)
    except OSError as error:
        for path in temporary.values():
            path.unlink(missing_ok=True)
        raise DataDirError(f"cannot write {error.filename or directory}: {error.strerror}") from error


def _write(path: Path, content: bytes, mode: int, sync: bool) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(content)
        file.flush()
        if sync:
            os.fsync(descriptor)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
