"""`orlop crd`: the CustomResourceDefinitions of kinds that are declared in Python, for any cluster.

Imports the module that has them, as `python` itself would from the current directory, and prints what
`declared.definition` makes of them.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import yaml

from orlop.declared.declaration import declared
from orlop.declared.errors import DeclarationError
from orlop.declared.printing import crd_yaml


@click.command()
@click.argument("places", metavar="MODULE[:CLASS]...", nargs=-1, required=True)
@click.option("--conversion", type=click.Path(path_type=Path, dir_okay=False, exists=True),
              help="YAML file of the spec.conversion of all of them, for clusters that cannot run your functions.")
def crd(places: tuple[str, ...], conversion: Path | None) -> None:
    """Print the CustomResourceDefinitions of kinds declared in Python.

    MODULE is a module as Python imports it, from the current directory too; without CLASS, all kinds in it.
    """
    sys.path.insert(0, str(Path.cwd()))
    try:
        kinds = list(dict.fromkeys(kind for place in places for kind in _kinds(place)))
        tree = None if conversion is None else yaml.safe_load(conversion.read_text())
        click.echo(crd_yaml(*kinds, conversion=tree), nl=False)
    except DeclarationError as error:
        raise click.ClickException(str(error)) from error


def _kinds(place: str) -> list[type[Any]]:
    name, _, wanted = place.partition(":")
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
        raise click.ClickException(f"there is no module {name}") from error
    if wanted:
        found = getattr(module, wanted, None)
        if found is None:
            raise click.ClickException(f"there is no {wanted} in {name}")
        return [found]
    kinds = _declared_in(module)
    if not kinds:
        raise click.ClickException(f"{name} declares no kinds")
    return kinds


def _declared_in(module: ModuleType) -> list[type[Any]]:
    """All kinds in a module, in their order; other versions are told with the kind they are of."""
    return [value for value in vars(module).values() if declared(value) is not None]
