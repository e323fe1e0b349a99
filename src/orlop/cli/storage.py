"""`orlop storage check|rewrite|accept-loss`: looks a database over, writes anew what an older key or form protects, and
goes on without what is lost."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orlop.cli.place import EXISTING, config_of, place, told

if TYPE_CHECKING:
    from orlop.storage.rewrite import Rewritten


@click.group()
def storage() -> None:
    """Look after stored objects."""


@storage.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True))
def check(path: Path) -> None:
    """Read the whole database in PATH (a data directory, a database, a snapshot) and say what is wrong with it.

    Changes nothing; a server may have it open. Ends with 1 when something is wrong.
    """
    from orlop.storage.sqlite_health import check

    with told():
        faults = check(path)
    for fault in faults:
        click.echo(fault)
    if faults:
        raise click.exceptions.Exit(1)
    click.echo(f"{path}: nothing is wrong")


@storage.command("accept-loss")
@click.option("--data-dir", type=click.Path(path_type=Path, exists=True, file_okay=False), default=Path(".orlop"),
              show_default=True, help="The data directory of the server.")
@click.confirmation_option(prompt="Acknowledged writes are lost. Go on without them?")
def accept_loss(data_dir: Path) -> None:
    """Go on with a database that lacks acknowledged writes.

    A server refuses to start when the newest writes that it acknowledged are not there: the write-ahead log was
    deleted or damaged, or an older copy put in the place of the database. Restore a snapshot, or accept the loss: what
    is there is kept, revisions go on above those that are lost, and clients list anew.
    """
    from orlop.server.data_dir import DataDirLock
    from orlop.storage.sqlite_backup import raise_floor
    from orlop.storage.sqlite_file import located

    with told(), DataDirLock(data_dir):
        revision = raise_floor(located(data_dir), 0)
    click.echo(f"goes on at revision {revision}")


@storage.command()
@place
@click.option("--encryption-provider-config", type=EXISTING,
              help="EncryptionConfiguration: what is stored otherwise is written anew.")
@click.option("--event-ttl", type=click.IntRange(1), default=3600, show_default=True,
              help="Seconds that events which are written anew are kept.")
def rewrite(**where: Any) -> None:
    """Write anew the objects that would be stored differently today: with another key, encrypted or no longer
    encrypted, as JSON instead of protobuf.

    A data directory: no server may be running there. An etcd: servers may be running, with the same configuration.
    May be cut off and started again.
    """
    from orlop.server import rewriting

    def report(done: Rewritten) -> None:
        click.echo(f"{done.seen} objects seen, {done.written} written", err=True)

    with told():
        done = asyncio.run(rewriting.rewrite(config_of(where), report))
    click.echo(f"wrote {done.written} of {done.seen} objects anew")
