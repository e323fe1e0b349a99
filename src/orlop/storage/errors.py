"""Storage errors, one tree. They carry data; `registry.error_mapping` alone turns them into API errors.

StorageError
├── KeyExists            create on a key that is there
├── KeyNotFound          update or delete on a key that is not
├── RevisionCompacted    a read or watch from before the oldest revision kept
├── RevisionTooLarge     a read from a revision that does not exist yet
├── CommitFailed         the write was not made durable and never will be (disk full, I/O error, ...)
├── ReadFailed           the engine could not read what it stored (damaged file, I/O error)
├── Overloaded           refused: too many writes wait for the disk already; try again
├── CannotOpen           start: locked by another process, not a database, of a newer version, read-only, ...
└── Closed               the storage is not started or already closed
"""

from __future__ import annotations


class StorageError(Exception):
    """The root; never raised itself."""


class KeyExists(StorageError):
    def __init__(self, key: str) -> None:
        super().__init__(f"key {key} exists")
        self.key = key


class KeyNotFound(StorageError):
    def __init__(self, key: str) -> None:
        super().__init__(f"key {key} not found")
        self.key = key


class RevisionCompacted(StorageError):
    def __init__(self, revision: int, oldest: int) -> None:
        super().__init__(f"revision {revision} is gone, the oldest kept is {oldest}")
        self.revision, self.oldest = revision, oldest


class RevisionTooLarge(StorageError):
    def __init__(self, revision: int, current: int) -> None:
        super().__init__(f"revision {revision} does not exist yet, current is {current}")
        self.revision, self.current = revision, current


class CommitFailed(StorageError):
    """`cause` says what the engine reported."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class ReadFailed(StorageError):
    """`cause` says what the engine reported."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


class Overloaded(StorageError):
    def __init__(self, waiting: int) -> None:
        super().__init__(f"{waiting} writes are waiting for the disk, no more are taken in")
        self.waiting = waiting


class CannotOpen(StorageError):
    """`where` is the file or directory, `reason` a text for people."""

    def __init__(self, where: str, reason: str) -> None:
        super().__init__(f"cannot open the storage in {where}: {reason}")
        self.where, self.reason = where, reason


class Closed(StorageError):
    def __init__(self, text: str = "the storage is closed") -> None:
        super().__init__(text)
