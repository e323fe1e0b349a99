"""`orlop.kind` and `orlop.version`: the decorators that make a typed class a kind.

They leave the class as it is; `declaration` remembers what was said of it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeVar

from orlop.declared.columns import Column, Scale
from orlop.declared.declaration import Declaration, Version, check_class, declaration, note
from orlop.declared.errors import DeclarationError
from orlop.declared.markers import Rule

_C = TypeVar("_C", bound=type[Any])
_ES = ("s", "x", "z", "ch", "sh")


def kind(*, group: str, version: str = "v1", scope: Literal["Namespaced", "Cluster"] = "Namespaced", name: str = "",
         plural: str = "", singular: str = "", short_names: Sequence[str] = (), categories: Sequence[str] = (),
         printer_columns: Sequence[Column | str] = (), selectable_fields: Sequence[str] = (),
         scale: Scale | None = None, rules: Sequence[Rule] = (), stored_version: str = "",
         storage: Any = None) -> Callable[[_C], _C]:
    """Make a class a kind of Kubernetes. The class is a msgspec Struct or a Pydantic model; its fields are the object's
    (`spec`, `status`, or what you like), a field `status` makes the status a subresource. A field `metadata`, a
    dictionary, is there for functions that want to see it.

    `name` is the class's, `plural` and `singular` are made of it. `printer_columns` are `Column`s or paths. `rules` are
    about the whole object. `stored_version` is for kinds of several versions (see `version`). `storage` is a rest
    storage of your own.
    """
    if scope not in ("Namespaced", "Cluster"):
        raise DeclarationError(f"scope is Namespaced or Cluster, not {scope!r}")

    def declare(cls: _C) -> _C:
        check_class(cls)
        own = name or cls.__name__
        hub = Version(version, cls, columns=printer_columns, fields=selectable_fields, scale=scale, rules=rules)
        _look(hub)
        note(cls, Declaration(group, own, plural or _plural(own.lower()), singular or own.lower(),
                              scope == "Namespaced", tuple(short_names), tuple(categories), stored_version or version,
                              hub, storage))
        return cls

    return declare


def version(of: type[Any], name: str, *, served: bool = True, deprecated: bool = False, warning: str = "",
            printer_columns: Sequence[Column | str] = (), selectable_fields: Sequence[str] = (),
            scale: Scale | None = None, rules: Sequence[Rule] = ()) -> Callable[[_C], _C]:
    """Make a class another version of a kind. Its method `to_hub(self)` makes an object of the kind's own class, its
    class method `from_hub(cls, hub)` the reverse; a version that has neither differs in nothing but its name."""
    whole = declaration(of)

    def declare(cls: _C) -> _C:
        check_class(cls)
        made = Version(name, cls, served, deprecated, warning, printer_columns, selectable_fields, scale, rules)
        if hasattr(cls, "to_hub") != hasattr(cls, "from_hub"):
            raise made.wrong("to_hub and from_hub go together")
        if any(known.name == name for known in whole.versions):
            raise made.wrong(f"{whole.kind} has a version {name} already")
        _look(made)
        whole.others.append(made)
        return cls

    return declare


def _look(version: Version) -> None:
    """Say at once what is wrong with a class, unless it speaks of classes that follow."""
    with contextlib.suppress(NameError):
        _ = version.schema


def _plural(word: str) -> str:
    if word.endswith(_ES):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"
