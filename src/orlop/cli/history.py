"""`orlop history`, `orlop at`, `orlop undo`: the past of objects on a running server, for people.

They ask orlop's own paths (`endpoints.past`) through `cli.remote` and print what comes back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
import yaml

from orlop.cli.remote import Credentials, Remote, Resource, kubeconfig_path, read_kubeconfig

_TABLE: Final = "application/json;as=Table;v=v1;g=meta.k8s.io"
_WIDTH: Final = 72
"""Characters of changed paths that a row shows; further ones are counted."""
_QUIET: Final = frozenset({"/metadata/generation"})
"""Changes that go with others and are not worth a place in a row."""
_SIGNS: Final = {"add": "+", "remove": "-", "replace": "~"}

_FLAGS: Final = (
    click.option("-n", "--namespace", default="", help="Namespace; default: the kubeconfig's, or default."),
    click.option("--kubeconfig", type=click.Path(path_type=Path, dir_okay=False),
                 help="Default: $KUBECONFIG, or DATA_DIR/admin.kubeconfig."),
    click.option("--context", default="", help="Context of the kubeconfig; default: the current one."),
    click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), default=Path(".orlop"),
                 show_default=True, help="Data directory of the server, for its admin.kubeconfig."),
    click.option("--server", default="", help="Address of the server, instead of a kubeconfig's."),
    click.option("--token", default="", help="Bearer token, instead of a kubeconfig's credentials."),
    click.option("--certificate-authority", type=click.Path(path_type=Path, dir_okay=False, exists=True),
                 help="File of the authority that the server's certificate is from."),
)


def _remote_flags(command: Callable[..., None]) -> Callable[..., None]:
    """The flags that say which server, and as whom."""
    for option in reversed(_FLAGS):
        command = option(command)
    return command


def _output(*choices: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option("-o", "--output", type=click.Choice(choices), help="Print the server's answer in this form.")


def _connect(kubeconfig: Path | None, context: str, data_dir: Path, server: str, token: str,
             certificate_authority: Path | None) -> Remote:
    found = Credentials(server, token=token)
    if not (server and token):
        found = read_kubeconfig(kubeconfig_path(kubeconfig, data_dir), context)
    if server:
        found = found._replace(server=server)
    if token:
        found = found._replace(token=token, certificate="", key="")
    if certificate_authority is not None:
        found = found._replace(authority=certificate_authority.read_text())
    return Remote(found)


class _Thing:
    """What TYPE and NAME mean on a server."""

    def __init__(self, type_: str, name: str, namespace: str, everywhere: bool, flags: dict[str, Any]) -> None:
        if "/" in type_ and not name:
            type_, _, name = type_.partition("/")
        self.remote = _connect(**flags)
        self.resource: Resource = self.remote.resource(type_)
        self.name = name
        self.namespace = "" if everywhere else namespace or self.remote.credentials.namespace or "default"
        self.path = self.resource.path(self.namespace, name)

    def __str__(self) -> str:
        group = f".{self.resource.group}" if self.resource.group else ""
        return f"{self.resource.plural}{group}/{self.name}"


@click.command()
@click.argument("type_", metavar="TYPE")
@click.argument("name", default="")
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="With no NAME: writes in all namespaces.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="Writes to show, newest first.")
@click.option("--changes", is_flag=True, help="Show each change: what was there and what is now.")
@_output("json", "yaml")
@_remote_flags
def history(type_: str, name: str, namespace: str, everywhere: bool, limit: int, changes: bool, output: str | None,
            **flags: Any) -> None:
    """Show who changed an object and what, newest first; without NAME, the writes of the whole collection.

    TYPE is a plural, singular, short name or kind, also TYPE.GROUP and TYPE/NAME. The server remembers the last five
    to ten minutes. Objects that were deleted meanwhile are found by their name.
    """
    thing = _Thing(type_, name, namespace, everywhere, flags)
    answer = thing.remote.request("GET", "/orlop/v1/history" + thing.path, {"limit": limit})
    if output:
        _print(answer, output)
        return
    items = answer["items"]
    if not items:
        click.echo(f"No writes since revision {answer['oldest']}, which is as far as the server remembers.")
        return
    named = not thing.name
    rows = [_row(item, named) for item in items]
    head = ["REVISION", "AGE", "TYPE", *(["OBJECT"] if named else []), "USER", "MANAGER", "CHANGES"]
    lines = _columns([head, *rows])
    click.echo(lines[0])
    for item, line in zip(items, lines[1:], strict=True):
        click.echo(line)
        if changes:
            for change in item.get("changes", ()):
                click.echo(f"    {_change(change)}")
    if answer["more"]:
        click.echo("There are older writes: see --limit.", err=True)
    elif not answer.get("complete", True):
        click.echo(f"What happened up to revision {answer['oldest']} is forgotten.", err=True)


@click.command()
@click.argument("revision", type=click.IntRange(1))
@click.argument("type_", metavar="TYPE")
@click.argument("name", default="")
@click.option("-A", "--all-namespaces", "everywhere", is_flag=True, help="With no NAME: all namespaces.")
@click.option("-l", "--selector", default="", help="Label selector, with no NAME.")
@_output("json", "yaml")
@_remote_flags
def at(revision: int, type_: str, name: str, namespace: str, everywhere: bool, selector: str, output: str | None,
       **flags: Any) -> None:
    """Show an object, or without NAME a collection, as it was at REVISION."""
    thing = _Thing(type_, name, namespace, everywhere, flags)
    path, query = f"/orlop/v1/at/{revision}{thing.path}", {"labelSelector": selector} if selector else None
    if output:
        _print(thing.remote.request("GET", path, query), output)
        return
    table = thing.remote.request("GET", path, query, accept=_TABLE)
    if not table.get("rows"):
        click.echo(f"There were no {thing.resource.plural} at revision {revision}.", err=True)
        return
    shown = [index for index, column in enumerate(table["columnDefinitions"]) if not column.get("priority")]
    rows = [[table["columnDefinitions"][index]["name"].upper() for index in shown]]
    rows += [[_plain(row["cells"][index]) for index in shown] for row in table["rows"]]
    if everywhere and thing.resource.namespaced:
        spaces = [row["object"]["metadata"].get("namespace", "") for row in table["rows"]]
        rows = [[space, *row] for space, row in zip(["NAMESPACE", *spaces], rows, strict=True)]
    for line in _columns(rows):
        click.echo(line)


@click.command()
@click.argument("type_", metavar="TYPE")
@click.argument("name", default="")
@click.option("--to", type=click.IntRange(1), help="Revision to go back to; default: the one before the newest change.")
@click.option("--if-revision", type=click.IntRange(1), help="Refuse unless the object is still at this revision.")
@click.option("--status", is_flag=True, help="Bring back the status, too.")
@click.option("--dry-run", is_flag=True, help="Let the server check everything and write nothing.")
@_output("json", "yaml")
@_remote_flags
def undo(type_: str, name: str, namespace: str, to: int | None, if_revision: int | None, status: bool, dry_run: bool,
         output: str | None, **flags: Any) -> None:
    """Make an object again as it was; one that was deleted is created anew."""
    thing = _Thing(type_, name, namespace, False, flags)
    if not thing.name:
        raise click.UsageError("a NAME is needed")
    asked = {"to": to, "resourceVersion": if_revision, "status": 1 if status else None,
             "dryRun": "All" if dry_run else None}
    query = {name: value for name, value in asked.items() if value is not None}
    answer = thing.remote.request("POST", "/orlop/v1/undo" + thing.path, query)
    if output:
        _print(answer, output)
        return
    where = f"as it was at revision {to}" if to else "as it was before its newest change"
    now = "" if dry_run else f", now at revision {answer['metadata']['resourceVersion']}"
    click.echo(f"{thing} {'would be' if dry_run else 'is'} {where}{now}" + (" (dry run)" if dry_run else ""))


# --- printing


def _print(answer: Any, form: str) -> None:
    if form == "json":
        click.echo(json.dumps(answer, indent=2, ensure_ascii=False))
    else:
        click.echo(yaml.safe_dump(answer, sort_keys=False, allow_unicode=True), nl=False)


def _plain(value: Any) -> str:
    """A cell on one line, without anything that could steer a terminal."""
    text = "" if value is None else str(value)
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _columns(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _row(item: Any, named: bool) -> list[str]:
    row = [item["revision"], _age(item.get("time", "")), item["type"]]
    if named:
        row.append("/".join(filter(None, (item.get("namespace"), item["name"]))))
    row += [item.get("user", "<unknown>"), item.get("manager", "<unknown>"), _paths(item.get("changes", ()))]
    return [_plain(cell) for cell in row]


def _paths(changes: Sequence[Any]) -> str:
    """As many of the changed places as there is room for."""
    paths = [change["path"] for change in changes if change["path"] not in _QUIET]
    shown: list[str] = []
    for path in paths:
        if shown and len(", ".join([*shown, path])) > _WIDTH:
            return f"{', '.join(shown)} and {len(paths) - len(shown)} more"
        shown.append(path)
    return ", ".join(shown)


def _change(change: Any) -> str:
    values = [json.dumps(change[side], ensure_ascii=False) for side in ("from", "to") if side in change]
    return _plain(f"{_SIGNS[change['op']]} {change['path']}: {' -> '.join(values)}")


def _age(time: str) -> str:
    """How long ago, roughly, as kubectl writes it."""
    if not time:
        return "<unknown>"
    seconds = max(int((datetime.now(UTC) - datetime.fromisoformat(time)).total_seconds()), 0)
    if seconds < 120:
        return f"{seconds}s"
    minutes, rest = divmod(seconds, 60)
    if minutes < 10:
        return f"{minutes}m{rest}s" if rest else f"{minutes}m"
    return f"{minutes}m" if minutes < 180 else f"{minutes // 60}h"
