"""What the real thing says of an expression, and what this room says of it."""

import json
from pathlib import Path
from typing import Any

from orlop.cel import types as t
from orlop.cel.environment import Environment
from orlop.cel.issues import CompileError, ProgramError
from orlop.cel.values import CelError, Uint, type_of_value

DATA = Path(__file__).parent.parent / "data" / "cel"

VARIABLES = {
    "i": t.INT, "u": t.UINT, "d": t.DOUBLE, "s": t.STRING, "y": t.DYN, "ls": t.list_of(t.STRING),
    "li": t.list_of(t.INT), "m": t.map_of(t.STRING, t.INT), "b": t.BOOL,
}  # fmt: skip
VALUES = {
    "i": 5, "u": Uint(7), "d": 2.5, "s": "h\u00e9llo", "y": {"a": 1, "b": ["x", 1.5, None]}, "ls": ["a", "bb", "ccc"],
    "li": [3, 1, 2], "m": {"one": 1, "two": 2}, "b": True,
}  # fmt: skip


def loaded(name: str) -> dict[str, Any]:
    """A file of facts."""
    return json.loads((DATA / name).read_text())


def shown(value: Any) -> str:
    """A value as the facts write it: the type, and the value where it is a plain one."""
    name = type_of_value(value).name
    if name in ("int", "uint"):
        return f"{name} {int(value)}"
    return f"{name} {json.dumps(value, ensure_ascii=False)}" if name in ("bool", "string") else name


def outcome(environment: Environment, text: str, values: dict[str, Any]) -> dict[str, Any]:
    """What this room says."""
    try:
        program = environment.compile(text)
    except CompileError as error:
        return {"compile": error.text, "cost": 0}
    except ProgramError as error:
        return {"error": f"PROGRAM {error.message}", "cost": 0}
    said: dict[str, Any] = {"type": str(program.output), "cost": program.cost_of(values)}
    try:
        said["value"] = shown(program.evaluate(values))
    except CelError as error:
        said["error"] = error.message
    return said


def differences(environment: Environment, facts: list[dict[str, Any]], values: dict[str, Any]) -> list[Any]:
    """The facts this room disagrees with."""
    found = []
    for fact in facts:
        expected = {key: value for key, value in fact.items() if key != "expr"}
        said = outcome(environment, fact["expr"], values)
        if said != expected:
            found.append((fact["expr"], expected, said))
    return found
