"""The command line: `orlop COMMAND`. Each command is a module of its own, imported when it is asked for.

The commands read flags and print; what they do lies in the floors below.
"""

from __future__ import annotations

from importlib import import_module
from typing import Final

import click

from orlop import __version__

_COMMANDS: Final = {
    "serve": "serve",
    "history": "history",
    "at": "history",
    "undo": "history",
    "snapshot": "snapshot",
    "storage": "storage",
    "crd": "crd",
    "node": "node",
}
"""Command to the module of this package that has it, under the same name."""


class _Lazy(click.Group):
    """Imports a command's module when the command is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        found: click.Command = getattr(import_module(f"orlop.cli.{module}"), cmd_name)
        return found


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="orlop")
def main() -> None:
    """orlop: a Kubernetes-compatible API server in Python."""
