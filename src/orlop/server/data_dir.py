"""The server's own directory: made at the first start, locked while a server runs, complete before it serves.

`server.run` opens it first of all, passes its files to the listener, the authenticators and the storage,
and calls `write_kubeconfig` once the port is known. Certificates and keys are the business of `pki`.
"""

from __future__ import annotations

import base64
import fcntl
import os
import secrets
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Final

from orlop.server.files import PRIVATE, DataDirError, read_file, write_files
from orlop.server.pki import Credentials, FilesToWrite, ensure_credentials
from orlop.world.clock import Clock

ADMIN_TOKEN: Final = "admin.token"
KUBECONFIG: Final = "admin.kubeconfig"
LOCK: Final = "lock"

_TEMPLATE: Final = """\
apiVersion: v1
kind: Config
clusters:
- name: orlop
  cluster:
    server: {server}
    certificate-authority-data: {authority}
contexts:
- name: orlop
  context:
    cluster: orlop
    user: orlop-admin
current-context: orlop
users:
- name: orlop-admin
  user:
    client-certificate-data: {certificate}
    client-key-data: {key}
"""


class DataDirLock:
    """At most one server per directory. The lock goes with the process, also when that is killed."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / LOCK
        self._file: IO[bytes] | None = None

    def acquire(self) -> None:
        """Raises DataDirError naming the process that has it."""
        try:
            file = os.fdopen(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE), "r+b")
        except OSError as error:
            raise DataDirError(f"cannot open {self._path}: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = file.read(20).decode(errors="replace").strip() or "unknown"
            file.close()
            raise DataDirError(f"data directory {self._path.parent} is in use by another server "
                               f"(process {holder})") from error
        file.truncate(0)
        file.write(b"%d\n" % os.getpid())
        file.flush()
        self._file = file

    def release(self) -> None:
        """Idempotent. The file stays: removing it would let two servers lock two files of the same name."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> DataDirLock:
        self.acquire()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.release()


class DataDir:
    """The directory's credentials, read or made by `open`, which must come after the lock was acquired."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.credentials: Credentials
        self.admin_token: str

    def make(self) -> None:
        """Make the directory, for its owner alone, unless it is there. Raises DataDirError."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise DataDirError(f"cannot make data directory {self.path}: {error.strerror}") from error

    def open(self, clock: Clock, addresses: Sequence[str]) -> None:
        """Read the credentials, make what is missing, renew what expires or lacks one of `addresses` (names
        and IP addresses that the serving certificate must be good for). Raises DataDirError."""
        files: FilesToWrite = {}
        self.credentials = ensure_credentials(self.path, clock.now(), addresses, files)
        self.admin_token = self._ensure_token(files)
        write_files(self.path, files)

    def _ensure_token(self, files: FilesToWrite) -> str:
        path = self.path / ADMIN_TOKEN
        content = read_file(path)
        if content is None:
            token = secrets.token_urlsafe(32)
            files[ADMIN_TOKEN] = (token.encode() + b"\n", PRIVATE)
            return token
        token = content.decode("ascii", errors="replace").strip()
        if not token or not token.isprintable() or not token.isascii() or " " in token:
            raise DataDirError(f"{path} holds no token; remove it to get a new one")
        return token

    def write_kubeconfig(self, server: str) -> Path:
        """Make the administrator's kubeconfig for the server at the URL `server`; returns its path. It is
        made anew at every start, so it is not synced."""
        found = self.credentials
        text = _TEMPLATE.format(server=server, authority=_base64(found.ca_certificate),
                                certificate=_base64(found.admin_certificate), key=_base64(found.admin_key))
        path = self.path / KUBECONFIG
        if read_file(path) != text.encode():
            write_files(self.path, {KUBECONFIG: (text.encode(), PRIVATE)}, sync=False)
        return path


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()
