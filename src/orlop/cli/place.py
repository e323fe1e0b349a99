"""Where the objects live, for commands that open a storage themselves: flags, the configuration made of them, errors.

Used by `snapshot` and `storage`; `serve` shares the flags of etcd.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from orlop.cli.values import Items

if TYPE_CHECKING:
    from orlop.server.config import Config

_T = TypeVar("_T", bound=Callable[..., Any])
EXISTING = click.Path(path_type=Path, exists=True, dir_okay=False)
_DATA_DIR = (
    click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), default=Path(".orlop"),
                 show_default=True, help="The data directory of the server."),
)
_ETCD = (
    click.option("--etcd-servers", multiple=True, callback=Items(),
                 help="Endpoints of an etcd (https://HOST:PORT), comma-separated: objects are there."),
    click.option("--etcd-prefix", default="/registry", show_default=True, help="What all keys in etcd begin with."),
    click.option("--etcd-cafile", type=EXISTING, help="Certificates of the authorities that etcd's are checked by."),
    click.option("--etcd-certfile", type=EXISTING, help="Client certificate shown to etcd."),
    click.option("--etcd-keyfile", type=EXISTING, help="Its key."),
    click.option("--etcd-username", help="User of an etcd with authentication."),
    click.option("--etcd-password-file", type=EXISTING, help="File with that user's password."),
)


def _with(options: Iterable[Callable[[_T], _T]], command: _T) -> _T:
    for option in reversed(tuple(options)):
        command = option(command)
    return command


def etcd(command: _T) -> _T:
    """How to reach an etcd: the flags of `serve` and of all commands that open one."""
    return _with(_ETCD, command)


def place(command: _T) -> _T:
    """A data directory or an etcd."""
    return _with((*_DATA_DIR, *_ETCD), command)


def config_of(flags: dict[str, Any]) -> Config:
    from orlop.server.config import Config

    return Config(**flags)


@contextmanager
def told() -> Iterator[None]:
    """What goes wrong is said in one line."""
    from orlop.server.config import ConfigError
    from orlop.server.files import DataDirError
    from orlop.storage.errors import StorageError

    try:
        yield
    except (StorageError, DataDirError, ConfigError, OSError) as error:
        raise click.ClickException(str(error)) from error

