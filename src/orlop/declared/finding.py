"""Finds the kinds that a module declares, by what a user types: `MODULE`, `MODULE:CLASS`, `path/to/file.py:CLASS`.

Used by the commands `orlop serve --kinds` and `orlop crd`. A module is imported as `python` itself would import it from
the current directory, a file as `python FILE` would run it, but not as `__main__`. What goes wrong on the way is told
in a line, with the place in the user's own code.
"""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
import traceback
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, Final

from orlop.declared.declaration import declared
from orlop.declared.errors import DeclarationError

_NOT_THEIRS: Final = (str(Path(__file__).parents[1]), *map(sysconfig.get_path, ("stdlib", "purelib", "platlib")))
"""Where the code is that no user of ours has written."""


class NotFound(Exception):
    """No kinds where somebody said that there are some; the text is for people."""


def find(places: Iterable[str]) -> list[type[Any]]:
    """The kinds at all places, each once, in their order. Raises NotFound."""
    return list(dict.fromkeys(kind for place in places for kind in _at(place)))


def _at(place: str) -> list[type[Any]]:
    name, _, wanted = place.partition(":")
    module = _module(name)
    if not wanted:
        found = [value for value in vars(module).values() if declared(value) is not None]
        if not found:
            raise NotFound(f"{name} declares no kinds: decorate a class with orlop.kind(...)")
        return found
    kind = getattr(module, wanted, None)
    if kind is None:
        raise NotFound(f"there is no {wanted} in {name}")
    if declared(kind) is None:
        raise NotFound(f"{wanted} in {name} is no kind: decorate it with orlop.kind(...)")
    return [kind]


def _module(name: str) -> ModuleType:
    is_file = name.endswith(".py")
    _look_in(Path(name).parent if is_file else Path())
    try:
        return _file(Path(name)) if is_file else import_module(name)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if not is_file and (name == missing or name.startswith(missing + ".")):
            raise NotFound(f"there is no module {name}{_hint(name)}") from error
        raise NotFound(_told(name, error)) from error
    except Exception as error:  # whatever a module does when it is imported: its author is told
        raise NotFound(_told(name, error)) from error


def _look_in(folder: Path) -> None:
    place = str(folder.resolve())
    if place not in sys.path:
        sys.path.insert(0, place)


def _file(path: Path) -> ModuleType:
    """A file as the module that its neighbours would import."""
    if not path.is_file():
        raise NotFound(f"there is no file {path}")
    loaded = sys.modules.get(path.stem)
    if loaded is not None and getattr(loaded, "__file__", None) == str(path.resolve()):
        return loaded
    if loaded is not None or path.stem in sys.stdlib_module_names:
        raise NotFound(f"{path} cannot be imported: another module has the name {path.stem}")
    spec = importlib.util.spec_from_file_location(path.stem, path.resolve())
    assert spec is not None and spec.loader is not None
    module = sys.modules[path.stem] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[path.stem]
        raise
    return module


def _hint(name: str) -> str:
    file = Path(name)
    return f"; did you mean {name}.py?" if file.with_name(f"{file.name}.py").is_file() else ""


def _told(name: str, error: Exception) -> str:
    """What went wrong while a module was imported, and at which line of the user's."""
    if isinstance(error, NotFound):
        return str(error)
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}: {error.msg}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    theirs = [frame for frame in frames if not frame.filename.startswith(_NOT_THEIRS)]
    what = str(error) if isinstance(error, DeclarationError) else f"{type(error).__name__}: {error}"
    return f"{theirs[-1].filename}, line {theirs[-1].lineno}: {what}" if theirs else f"{name}: {what}"
