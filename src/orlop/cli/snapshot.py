"""`orlop snapshot save|restore|info`: the whole state of a data directory or an etcd in one file.

The work is done by `storage.snapshot_file` and, for etcd, by `server.snapshot_transfer`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from orlop import __version__
from orlop.cli.values import Items

if TYPE_CHECKING:
    from orlop.server.config import Config
    from orlop.storage.snapshot_file import Facts

_T = TypeVar("_T", bound=Callable[..., Any])
_EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False)
_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
_PLACE = (
    click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), default=Path(".orlop"),
                 show_default=True, help="The data directory of the server."),
    click.option("--etcd-servers", multiple=True, callback=Items(),
                 help="Endpoints of an etcd (https://HOST:PORT), comma-separated: it has the objects."),
    click.option("--etcd-prefix", default="/registry", show_default=True, help="What all keys in etcd begin with."),
    click.option("--etcd-cafile", type=_EXISTING, help="Certificates of the authorities that etcd's are checked by."),
    click.option("--etcd-certfile", type=_EXISTING, help="Client certificate shown to etcd."),
    click.option("--etcd-keyfile", type=_EXISTING, help="Its key."),
    click.option("--etcd-username", default="", help="User of an etcd with authentication."),
    click.option("--etcd-password-file", type=_EXISTING, help="File with that user's password."),
)
"""Where the objects live."""


def _place(command: _T) -> _T:
    for option in reversed(_PLACE):
        command = option(command)
    return command


@click.group()
def snapshot() -> None:
    """Save the whole state of a server to a file, and restore it."""


@snapshot.command()
@_FILE
@_place
def save(file: Path, **place: Any) -> None:
    """Write a snapshot to FILE, which is replaced if it exists.

    Servers may be running: they are not disturbed, and the snapshot shows one revision.
    """
    from orlop.server import snapshot_transfer

    with _told():
        facts = snapshot_transfer.save(_config(place), file, taken=time.time(), version=__version__)
    click.echo(f"saved {facts.objects} objects at revision {facts.revision} to {file}")


@snapshot.command()
@_FILE
@_place
@click.option("--encryption-provider-config", type=_EXISTING,
              help="EncryptionConfiguration, for a snapshot of etcd into a data directory or the other way round.")
@click.option("--force", is_flag=True, help="Replace the database that is there.")
@click.option("--bump", type=click.IntRange(1),
              help="How far to skip above the newest known revision. [default: 1 if the directory knows its newest "
                   "revision, else 1000000]")
def restore(file: Path, force: bool, bump: int | None, **place: Any) -> None:
    """Make what is in FILE the state of a data directory or an etcd.

    A data directory: no server may be running there. Revisions go on above those of the snapshot and of the database
    that is replaced, so that clients which know later ones are told to list anew.

    An etcd: what differs is written, what is not in the snapshot is deleted; servers may be running.
    """
    from orlop.server import snapshot_transfer

    with _told():
        config = _config(place)
        if config.etcd_servers:
            reached = snapshot_transfer.restore_etcd(config, file, now=time.time())
            click.echo(f"restored {file} to etcd at revision {reached}")
        else:
            assert config.data_dir is not None
            reached = snapshot_transfer.restore_directory(config, config.data_dir, file, force=force, bump=bump)
            click.echo(f"restored {file} to {config.data_dir}; revisions go on above {reached}")


@snapshot.command()
@_FILE
def info(file: Path) -> None:
    """Verify the snapshot in FILE and say what it holds."""
    from orlop.storage import snapshot_file

    with _told():
        facts, sizes = snapshot_file.read(file)
    for name, value in _description(facts, file.stat().st_size).items():
        click.echo(f"{name:<9} {value}")
    click.echo()
    for resource, (objects, size) in sorted(_by_resource(sizes).items()):
        click.echo(f"{objects:>9} {_size(size):>10}  {resource}")


def _config(place: dict[str, Any]) -> Config:
    from orlop.server.config import Config

    return Config(**place)


def _description(facts: Facts, size: int) -> dict[str, str]:
    taken = datetime.fromtimestamp(facts.taken, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "revision": str(facts.revision), "taken": taken, "by": f"orlop {facts.version}", "storage": facts.layout,
        "objects": str(facts.objects), "size": _size(size), "checksum": f"{facts.checksum} (verified)",
    }  # fmt: skip


def _by_resource(sizes: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Objects and bytes of each resource."""
    from orlop.kinds.catalog import RESOURCES

    known = {resource.prefix: str(resource.group_resource) for resource in RESOURCES}
    found: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for key, size in sizes.items():
        first, second = (*key.removeprefix("/registry/").split("/"), "")[:2]
        place = f"{first}/{second}"
        resource = known.get(place) or known.get(first) or (f"{second}.{first}" if "." in first else first)
        objects, total = found[resource]
        found[resource] = objects + 1, total + size
    return found


def _size(number: int) -> str:
    size = float(number)
    for unit in ("B", "KiB", "MiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} GiB"


@contextmanager
def _told() -> Iterator[None]:
    """What goes wrong is said in one line."""
    from orlop.server.config import ConfigError
    from orlop.server.files import DataDirError
    from orlop.storage.errors import StorageError

    try:
        yield
    except (StorageError, DataDirError, ConfigError, OSError) as error:
        raise click.ClickException(str(error)) from error
