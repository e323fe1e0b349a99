"""`orlop snapshot save|restore|info`: the whole state of a data directory or an etcd in one file.

The work is done by `storage.snapshot_file` and, for etcd, by `server.snapshot_transfer`.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orlop import __version__
from orlop.cli.place import EXISTING, config_of, place, told

if TYPE_CHECKING:
    from orlop.storage.snapshot_file import Facts

_FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.group()
def snapshot() -> None:
    """Save the whole state of a server to a file, and restore it."""


@snapshot.command()
@_FILE
@place
def save(file: Path, **where: Any) -> None:
    """Write a snapshot to FILE, which is replaced if it exists.

    Servers may be running: they are not disturbed, and the snapshot shows one revision.
    """
    from orlop.server import snapshot_transfer

    with told():
        facts = snapshot_transfer.save(config_of(where), file, taken=time.time(), version=__version__)
    click.echo(f"saved {facts.objects} objects at revision {facts.revision} to {file}")


@snapshot.command()
@_FILE
@place
@click.option("--encryption-provider-config", type=EXISTING,
              help="EncryptionConfiguration, for a snapshot of etcd into a data directory or the other way round.")
@click.option("--force", is_flag=True, help="Replace the database that is there.")
@click.option("--bump", type=click.IntRange(1),
              help="How far to skip above the newest known revision. [default: 1 if the directory knows its newest "
                   "revision, else 1000000]")
def restore(file: Path, force: bool, bump: int | None, **where: Any) -> None:
    """Make what is in FILE the state of a data directory or an etcd.

    A data directory: no server may be running there. Revisions go on above those of the snapshot and of the database
    that is replaced, so that clients which know later ones are told to list anew.

    An etcd: what differs is written, what is not in the snapshot is deleted; servers may be running.
    """
    from orlop.server import snapshot_transfer

    with told():
        config = config_of(where)
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

    with told():
        facts, sizes = snapshot_file.read(file)
    for name, value in _description(facts, file.stat().st_size).items():
        click.echo(f"{name:<9} {value}")
    click.echo()
    for resource, (objects, size) in sorted(_by_resource(sizes).items()):
        click.echo(f"{objects:>9} {_size(size):>10}  {resource}")


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
