"""`orlop crd`: the CustomResourceDefinitions of kinds that are declared in Python, for any cluster.

Imports the modules that have them (`declared.finding`), and prints what `declared.definition` makes of them.
"""

from __future__ import annotations

from pathlib import Path

import click
import yaml

from orlop.declared.errors import DeclarationError
from orlop.declared.finding import NotFound, find
from orlop.declared.printing import crd_yaml


@click.command()
@click.argument("places", metavar="MODULE[:CLASS]...", nargs=-1, required=True)
@click.option("--conversion", type=click.Path(path_type=Path, dir_okay=False, exists=True),
              help="YAML file of the spec.conversion of all of them, for clusters that cannot run your functions.")
def crd(places: tuple[str, ...], conversion: Path | None) -> None:
    """Print the CustomResourceDefinitions of kinds declared in Python.

    MODULE is a module as Python imports it, from the current directory too, or a .py file; without CLASS, all kinds in
    it.
    """
    try:
        tree = None if conversion is None else yaml.safe_load(conversion.read_text())
        click.echo(crd_yaml(*find(places), conversion=tree), nl=False)
    except (NotFound, DeclarationError) as error:
        raise click.ClickException(str(error)) from error
    except yaml.YAMLError as error:
        raise click.ClickException(f"{conversion}: {error}") from error
