"""Kinds of flag values that click does not have: kube-apiserver's lists and Go's durations."""

from __future__ import annotations

import re
from typing import Any, Final

import click

_UNITS: Final = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
_PART: Final = re.compile(r"(\d+(?:\.\d+)?)(h|ms|m|s)")


class Items:
    """A callback: comma-separated and repeated values together."""

    def __call__(self, context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(part for text in value for part in text.split(",") if part)


class Duration(click.ParamType[float]):
    """Seconds from Go's notation (`5m0s`) or from a plain number of seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        try:
            return float(value)
        except ValueError:
            pass
        parts = _PART.findall(value)
        if not parts or "".join(number + unit for number, unit in parts) != value:
            self.fail(f"{value!r} is no duration such as 5m0s", param, ctx)
        return sum(float(number) * _UNITS[unit] for number, unit in parts)
