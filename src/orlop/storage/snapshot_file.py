"""A storage's whole state in a file: a SQLite database of `sqlite`'s own schema without history, and a table that says
what it shows.

Used by `orlop snapshot`. Made of a data directory through `sqlite_backup`, or of what another backend lists (`compose`,
for `snapshot_etcd`); put in the place of a data directory's database by `install`. Values are kept as the backend
stores them, encrypted ones too; `Facts.layout` says which backend's they are. A file appears under its name when it is
complete and on disk; a database gives way to its successor in one rename.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final, NamedTuple

from orlop.storage import sqlite_schema as schema
from orlop.storage.errors import CannotOpen, StorageError
from orlop.storage.interface import Revision
from orlop.storage.sqlite_backup import backup, newest, raise_floor
from orlop.storage.sqlite_file import DataDirectory, describe, open_untouched, open_writer, witnessed

SQLITE: Final = "sqlite"
ETCD: Final = "etcd"
UNKNOWN_BUMP: Final = 1_000_000
"""How far revisions skip where it is not known what they had become: more than clients can have seen."""

_PART: Final = ".part"
_SIDES: Final = ("-wal", "-shm", "-journal")
_STRIP: Final = (
    "BEGIN IMMEDIATE",
    "DELETE FROM log WHERE rev NOT IN (SELECT rev FROM current)",
    "UPDATE log SET prev = 0",
    "CREATE TABLE snapshot (name TEXT PRIMARY KEY, value) WITHOUT ROWID",
)
_SEAL: Final = ("COMMIT", "VACUUM", "PRAGMA journal_mode = DELETE")
_CONTENT: Final = """SELECT l.key, l.rev, l.expires, l.value, l.origin FROM current c JOIN log l ON l.rev = c.rev
    ORDER BY c.key"""
_PUT: Final = "INSERT INTO log (rev, key, prev, expires, value, origin) VALUES (?, ?, 0, ?, ?, ?)"


class SnapshotFileError(StorageError):
    """A snapshot file, or what it is to replace, is not what it should be. A text for people."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")


class Facts(NamedTuple):
    """What a snapshot shows. `taken` in seconds since 1970; `version` of orlop; `layout` is SQLITE or ETCD: whose form
    the values have; `checksum` over all that is stored."""

    revision: Revision
    taken: int
    version: str
    layout: str
    objects: int
    checksum: str


class Row(NamedTuple):
    """One object as a backend stores it."""

    key: str
    revision: Revision
    expires: float | None
    value: bytes
    origin: bytes | None


def save(source: Path, target: Path, *, taken: float, version: str) -> Facts:
    """Write a snapshot of the data directory `source`, which a server may be using. An existing `target` is replaced.
    Raises StorageError and OSError."""
    with _unfinished(target) as part:
        revision = backup(source, part)
        return _seal(part, revision, int(taken), version, SQLITE)


def compose(target: Path, rows: Iterable[Row], revision: Revision, *, taken: float, version: str,
            layout: str) -> Facts:
    """Write a snapshot of these objects, stored as `layout` has them. Where several have the same revision (in etcd,
    written by something else in one transaction), all but one get a new one. Raises as `save`."""
    used: set[Revision] = set()
    with _unfinished(target) as part:
        with closing(open_writer(part)) as database:
            database.execute("BEGIN IMMEDIATE")
            for row in rows:
                at = row.revision
                if at in used:
                    at = revision = revision + 1
                used.add(at)
                database.execute(_PUT, (at, row.key, row.expires, row.value, row.origin))
            database.execute("COMMIT")
        return _seal(part, revision, int(taken), version, layout)


def read(path: Path) -> tuple[Facts, dict[str, int]]:
    """What a snapshot shows, verified, and how many bytes there are under each key. Raises SnapshotFileError."""
    with _opened(path) as database:
        facts, sizes = _facts(path, database), dict(database.execute("SELECT key, length(value) FROM log"))
        checksum, objects = _digest(database, facts)
        if (checksum, objects) != (facts.checksum, facts.objects):
            raise SnapshotFileError(path, "it is damaged: its content is not what the checksum was made of")
        return facts, sizes


def rows(path: Path) -> Iterator[Row]:
    """What a snapshot holds, in order of key. Raises SnapshotFileError."""
    with _opened(path) as database:
        for row in database.execute(_CONTENT):
            yield Row(*row)


def install(path: Path, directory: Path, *, force: bool = False, bump: int | None = None) -> Revision:
    """Make a snapshot of SQLite's layout the database of `directory`; returns the revision from which it goes on, which
    is above all that the directory's database and the snapshot knew, by `bump` at the least. An existing database is
    replaced with `force` only. None may be using it. Raises StorageError and OSError; then the old one is there still.
    """
    facts, _ = read(path)
    if facts.layout != SQLITE:
        raise SnapshotFileError(path, f"its objects are stored as {facts.layout} has them")
    place = DataDirectory(directory)
    place.acquire()
    try:
        if place.database.exists() and not force:
            raise SnapshotFileError(place.database, "there is a database; --force replaces it")
        old = _last_known(place.database)
        step = max(1, bump if bump is not None else 1 if old else UNKNOWN_BUMP)
        with _unfinished(place.database) as part:
            shutil.copyfile(path, part)
            with closing(open_writer(part)) as database:
                database.execute("DROP TABLE snapshot")
            reached = raise_floor(part, max(facts.revision, old) + step)
            _sync(part)
            _retire(place.database)
        return reached
    finally:
        place.release()


def _last_known(database: Path) -> Revision:
    """The newest revision that a directory's database had, as far as can be told; 0 when it cannot."""
    told = witnessed(database)
    if not database.exists():
        return told
    try:
        with closing(open_untouched(database)) as connection:
            return max(told, newest(connection))
    except (sqlite3.Error, CannotOpen, KeyError):
        return told  # damaged, or not one of ours: that is why it is being replaced


def _retire(database: Path) -> None:
    """Bring all that belongs to a database into its one file, so that nothing of it is left beside its successor."""
    if database.exists():
        try:
            with closing(sqlite3.connect(database, isolation_level=None)) as connection:
                busy = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.DatabaseError:
            busy = 0  # damaged, or not a database
        if busy:
            raise SnapshotFileError(database, "another program has it open")
    for side in _SIDES:
        database.with_name(database.name + side).unlink(missing_ok=True)


# --- making one


@contextmanager
def _unfinished(target: Path) -> Iterator[Path]:
    """A file to be filled, which gets the name `target` once it is on disk, or is removed."""
    part = target.with_name(target.name + _PART)
    _remove(part)
    try:
        yield part
        _sync(part)
        part.replace(target)
        _sync(target.parent)
    except sqlite3.Error as error:
        raise SnapshotFileError(target, f"cannot be written: {describe(error)}") from error
    finally:
        _remove(part)


def _remove(path: Path) -> None:
    for side in ("", *_SIDES):
        path.with_name(path.name + side).unlink(missing_ok=True)


def _seal(part: Path, revision: Revision, taken: int, version: str, layout: str) -> Facts:
    """Leave out history, add what the file shows, and make it one file that can be read from anywhere."""
    facts = Facts(revision, taken, version, layout, 0, "")
    with closing(open_writer(part)) as database:
        for statement in _STRIP:
            database.execute(statement)
        for name in ("compacted", "compacting", "floor"):
            database.execute(schema.SET_META, (revision, name))
        checksum, objects = _digest(database, facts)
        facts = facts._replace(objects=objects, checksum=checksum)
        database.executemany("INSERT INTO snapshot VALUES (?, ?)", facts._asdict().items())
        for statement in _SEAL:
            database.execute(statement).fetchall()
    return facts


def _digest(database: sqlite3.Connection, facts: Facts) -> tuple[str, int]:
    """The checksum, and how many objects it was made of."""
    digest, objects = hashlib.sha256(), 0
    digest.update(f"{facts.revision} {facts.taken} {facts.version} {facts.layout}\n".encode())
    for key, revision, expires, value, origin in database.execute(_CONTENT):
        name, note = key.encode(), origin or b""
        digest.update(b"%d %r %d %d %d\n" % (revision, expires, len(name), len(value), len(note)))
        digest.update(name)
        digest.update(value)
        digest.update(note)
        objects += 1
    return "sha256:" + digest.hexdigest(), objects


# --- reading one


@contextmanager
def _opened(path: Path) -> Iterator[sqlite3.Connection]:
    if not path.is_file():
        raise SnapshotFileError(path, "there is no such file")
    try:
        with closing(open_untouched(path)) as database:
            yield database
    except sqlite3.Error as error:
        raise SnapshotFileError(path, f"it is damaged ({error})") from error
    except CannotOpen as error:
        raise SnapshotFileError(path, error.reason) from error


def _facts(path: Path, database: sqlite3.Connection) -> Facts:
    application = database.execute("PRAGMA application_id").fetchone()[0]
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if application != schema.APPLICATION_ID:
        raise SnapshotFileError(path, "it is no snapshot of orlop")
    if version > schema.SCHEMA_VERSION:
        raise SnapshotFileError(
            path, f"a newer orlop wrote it (schema {version}; this one knows {schema.SCHEMA_VERSION})")
    if not database.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'snapshot'").fetchone()[0]:
        raise SnapshotFileError(path, "it is the database of a server, not a snapshot: save one of it")
    found = dict(database.execute("SELECT name, value FROM snapshot").fetchall())
    try:
        return Facts(**{name: found[name] for name in Facts._fields})
    except KeyError as error:
        raise SnapshotFileError(path, f"it is damaged: it does not say its {error.args[0]}") from error


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
