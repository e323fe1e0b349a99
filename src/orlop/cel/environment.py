"""The front door: declarations in, compiled programs out.

Rooms that have rules make one `Environment` per set of variables and compile each expression once; `issues` tells what
is wrong with a text, `program` evaluates. Behaviour: cel-go cel/env.go as Kubernetes configures it (apiserver
pkg/cel/environment/base.go, version 1.36).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final

from orlop.cel import macros
from orlop.cel.ast import Checked, Reference
from orlop.cel.checker import Declarations, check
from orlop.cel.functions import Function, Library, Macro
from orlop.cel.issues import Issues
from orlop.cel.optionals import COMPREHENSIONS, OPTIONALS
from orlop.cel.parser import MacroKey, parse
from orlop.cel.program import Program, room_to_recurse
from orlop.cel.standard import STANDARD
from orlop.cel.types import Declared, Type, type_of
from orlop.cel.validators import validate

BASE: Final[tuple[Library, ...]] = (STANDARD, OPTIONALS, COMPREHENSIONS)
"""The libraries every environment of Kubernetes has and that are part of the language here."""


class Environment:
    """Variables, functions and macros an expression may use."""

    def __init__(self, variables: Mapping[str, Type | Declared], libraries: Sequence[Library] = ()) -> None:
        self.variables: dict[str, Declared | None] = {
            name: found if isinstance(found, Declared) else None for name, found in variables.items()
        }
        types = {name: found.type if isinstance(found, Declared) else found for name, found in variables.items()}
        self._functions, self._macros, named = _collected(tuple(libraries))
        self._declarations = Declarations(self._functions, {**named, **declared_variables(types)})

    def extended(self, variables: Mapping[str, Type | Declared]) -> Environment:
        """This environment with more variables."""
        other = object.__new__(Environment)
        other.variables = {
            **self.variables,
            **{name: found if isinstance(found, Declared) else None for name, found in variables.items()},
        }
        types = {name: found.type if isinstance(found, Declared) else found for name, found in variables.items()}
        other._functions, other._macros = self._functions, self._macros
        other._declarations = Declarations(self._functions, {**self._declarations.idents, **declared_variables(types)})
        return other

    def check(self, text: str) -> Checked:
        """The checked tree of an expression; `CompileError` with cel-go's text where it is none."""
        issues = Issues(text)
        with room_to_recurse():
            parsed = parse(text, self._macros, issues)
            checked = None if parsed is None else check(parsed, self._declarations, issues)
            if checked is not None:
                validate(checked, issues)
        if checked is None or issues.count:
            raise issues.error()
        return checked

    def compile(self, text: str) -> Program:
        """The program of an expression; `CompileError`, or `ProgramError` for a literal that cannot be converted."""
        return self.program(self.check(text))

    def program(self, checked: Checked) -> Program:
        """The program of a tree this environment checked."""
        with room_to_recurse():
            return Program(checked, self._functions, self.variables)


@lru_cache(maxsize=32)
def _collected(
    libraries: tuple[Library, ...],
) -> tuple[dict[str, Function], dict[MacroKey, Macro], dict[str, tuple[Type, Reference]]]:
    """Functions, macros and named types of the base and these libraries."""
    functions: dict[str, Function] = {}
    macro_table: dict[MacroKey, Macro] = {_key(macro): macro for macro in macros.STANDARD}
    named: dict[str, tuple[Type, Reference]] = {}
    for library in (*BASE, *libraries):
        for function in library.functions:
            known = functions.get(function.name)
            functions[function.name] = function if known is None else _merged(known, function)
        macro_table.update({_key(macro): macro for macro in library.macros})
        named.update({name: (type_of(found), Reference(name)) for name, found in library.types.items()})
        named.update(constants(library.constants))
    return functions, macro_table, named


def _merged(known: Function, more: Function) -> Function:
    """A function with the overloads of a library added; those of an id it has already replace it."""
    overloads = {overload.id: overload for overload in known.overloads}
    overloads.update({overload.id: overload for overload in more.overloads})
    dispatch = known.dispatch if more.dispatch is None and known.name.startswith("_") else more.dispatch
    return replace(known, overloads=tuple(overloads.values()), dispatch=dispatch)


def _key(macro: Macro) -> MacroKey:
    return macro.name, macro.member, macro.arguments


def declared_variables(declared: Mapping[str, Type]) -> dict[str, tuple[Type, Reference]]:
    """Declarations of variables."""
    return {name: (type_, Reference(name)) for name, type_ in declared.items()}


def constants(declared: Mapping[str, tuple[Type, Any]]) -> dict[str, tuple[Type, Reference]]:
    """Declarations of constants."""
    return {
        name: (type_, Reference(name, value=value, constant=True)) for name, (type_, value) in declared.items()
    }
