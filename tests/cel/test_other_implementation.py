"""Random expressions against an implementation of CEL that shares no line with cel-go's: cel-cpp, by cel-expr-python.

Where the two real ones differ, this one follows cel-go. `typed_expressions` leaves out five of the places: a duration's
getMilliseconds() is what is left of the second in cel-cpp and the whole in cel-go; timestamps are printed with three
digits or as many as there are; the order of a map's keys; `''.split('')`; substring(a, b) up to the end and
indexOf(text, offset) behind it, which cel-cpp refuses. The other two are told apart here."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from library_facts import read_type
from typed_expressions import LITERALS, VARIABLES, expressions, values

from orlop.cel.environment import Environment
from orlop.cel.issues import CompileError, ProgramError
from orlop.cel.library_strings import STRINGS
from orlop.cel.values import NANOS, CelError, Duration, Timestamp, TypeValue, Uint

cel = pytest.importorskip("cel_expr_python.cel")
extensions = [pytest.importorskip("cel_expr_python.ext.ext_strings").ExtStrings(),
              pytest.importorskip("cel_expr_python.ext.ext_optional").ExtOptional()]  # fmt: skip

SIMPLE = {"int": cel.Type.INT, "uint": cel.Type.UINT, "double": cel.Type.DOUBLE, "string": cel.Type.STRING,
          "bytes": cel.Type.BYTES, "bool": cel.Type.BOOL, "timestamp": cel.Type.TIMESTAMP, "dyn": cel.Type.DYN,
          "duration": cel.Type.DURATION, "list(int)": cel.Type.List(cel.Type.INT),
          "list(string)": cel.Type.List(cel.Type.STRING),
          "map(string, int)": cel.Type.Map(cel.Type.STRING, cel.Type.INT)}  # fmt: skip
OTHER = cel.NewEnv(variables={name: SIMPLE[kind] for name, kind in VARIABLES.items()}, extensions=extensions)
OURS = Environment({name: read_type(kind.replace(" ", "")) for name, kind in VARIABLES.items()}, (STRINGS,))
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Outcome = tuple[str, Any]
ERROR, EARLY, UNORDERED = ("error", None), ("early", None), ("unordered", None)
"""An error; a literal that cannot be converted, refused before evaluation as cel-go does, though it may not matter; a
comparison with NaN, which is an error in cel-go and false in cel-cpp."""


def shown(value: Any) -> Any:
    """A value of either, so that equal ones of equal types are equal."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return "double", repr(value) if math.isfinite(value) else str(value)
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    if isinstance(value, dict):
        return {key: shown(item) for key, item in value.items()}
    if isinstance(value, Timestamp):
        return "timestamp", value.nanos // 1000
    if isinstance(value, Duration):
        return "duration", value.nanos // 1000
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return "timestamp", (moment - EPOCH) // timedelta(microseconds=1)
    if isinstance(value, timedelta):
        return "duration", value // timedelta(microseconds=1)
    if isinstance(value, TypeValue):
        return "type", value.name
    return "bytes", bytes(value)


def told_by_other(text: str, bound: dict[str, Any]) -> Outcome:
    """The value by cel-cpp, or that there is none."""
    seen = {**bound, "when": EPOCH + timedelta(seconds=bound["when"]), "span": timedelta(seconds=bound["span"])}
    result = OTHER.compile(text).eval(data=seen)
    return ERROR if result.type() == cel.Type.ERROR else ("value", shown(result.plain_value()))


def told_by_ours(text: str, bound: dict[str, Any]) -> Outcome:
    """The value by this room, or why there is none."""
    seen = {**bound, "when": Timestamp(bound["when"] * NANOS), "span": Duration(bound["span"] * NANOS),
            "u": Uint(bound["u"])}  # fmt: skip
    try:
        return "value", shown(OURS.compile(text).evaluate(seen))
    except CompileError as error:
        assert "invalid timestamp argument" in error.text, error.text
        return EARLY
    except ProgramError:
        return EARLY
    except CelError as error:
        return UNORDERED if error.message == "NaN values cannot be ordered" else ERROR


@given(st.sampled_from(sorted(LITERALS)).flatmap(expressions), values())
@settings(max_examples=500)
def test_two_implementations_agree(text: str, bound: dict[str, Any]) -> None:
    """Expressions of every type have the same value, or are an error, in both."""
    ours = told_by_ours(text, bound)
    if ours not in (EARLY, UNORDERED):
        assert ours == told_by_other(text, bound)
