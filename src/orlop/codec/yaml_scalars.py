"""What an unquoted YAML scalar means: YAML 1.1 as upstream's parser understands it.

Used by `codec.yaml` both ways: to read scalars, and to know which strings must be quoted when written.
Behaviour: go.yaml.in/yaml/v2 `resolve.go` (`yes` and `on` are booleans, `0777` is octal, base 60 is text,
times stay text).
"""

from __future__ import annotations

import re
from typing import Final, TypeAlias

from orlop.api.times import days_in_month

Scalar: TypeAlias = "str | int | float | bool | None"

PREFIX: Final = "tag:yaml.org,2002:"
STR: Final = PREFIX + "str"
BOOL: Final = PREFIX + "bool"
INT: Final = PREFIX + "int"
FLOAT: Final = PREFIX + "float"
NULL: Final = PREFIX + "null"
TIMESTAMP: Final = PREFIX + "timestamp"
BINARY: Final = PREFIX + "binary"
MERGE: Final = PREFIX + "merge"

_RESOLVABLE: Final = frozenset({"", STR, BOOL, INT, FLOAT, NULL, TIMESTAMP})
_WORDS: Final[dict[str, tuple[str, Scalar]]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), (BOOL, True)),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), (BOOL, False)),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), (NULL, None)),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), (FLOAT, float("nan"))),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), (FLOAT, float("inf"))),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), (FLOAT, float("-inf"))),
}
_NUMBER_STARTS: Final = frozenset("+-0123456789")
_STYLE_FLOAT: Final = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_POINT_FLOAT: Final = re.compile(r"\.[0-9]+([eE][-+]?[0-9]+)?", re.ASCII)
_INTEGERS: Final = (
    (re.compile(r"[-+]?(0|[1-9][0-9]*)", re.ASCII), 10),
    (re.compile(r"[-+]?0[xX][0-9a-fA-F]+", re.ASCII), 16),
    (re.compile(r"[-+]?0[bB][01]+", re.ASCII), 2),
    (re.compile(r"[-+]?0[oO]?[0-7]+", re.ASCII), 8),
)
_BASE_60: Final = re.compile(r"[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?", re.ASCII)
_TIMESTAMP: Final = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})"
    r"(?:[Tt]([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?(?:Z|[-+][0-9]{2}:[0-9]{2})"
    r"| ([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,][0-9]+)?)?", re.ASCII)


class TagError(ValueError):
    """A scalar that is not what its tag says; the message is upstream's."""


def _integer(text: str) -> int | None:
    for pattern, base in _INTEGERS:
        if pattern.fullmatch(text):
            number = int(text.replace("o", "").replace("O", "") if base == 8 else text, base)
            signed = text[0] in "+-"
            if -(1 << 63) <= number < (1 << 63) or (not signed and number < 1 << 64):
                return number
    return None


def is_timestamp(text: str) -> bool:
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return False
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    if not 1 <= month <= 12 or not 1 <= day <= days_in_month(year, month):
        return False
    clock = [int(part) for part in match.groups()[3:] if part is not None]
    return not clock or (clock[0] < 24 and clock[1] < 60 and clock[2] < 60)


def _untagged(tag: str, text: str) -> tuple[str, Scalar]:
    start = text[:1]
    if text in _WORDS:
        return _WORDS[text]
    if start == "." and _POINT_FLOAT.fullmatch(text):
        return FLOAT, float(text)
    if start in _NUMBER_STARTS:
        if tag in ("", TIMESTAMP) and is_timestamp(text):
            return TIMESTAMP, text
        plain = text.replace("_", "")
        number = _integer(plain)
        if number is not None:
            return INT, number
        if _STYLE_FLOAT.fullmatch(plain) and abs(float(plain)) != float("inf"):
            return FLOAT, float(plain)
    return STR, text


def resolve(tag: str, text: str) -> tuple[str, Scalar]:
    """The tag and value of a scalar that carries `tag` ("" for none). TagError when they do not go
    together."""
    if tag not in _RESOLVABLE:
        return tag, text
    found, value = (STR, text) if tag == STR else _untagged(tag, text)
    if tag in ("", STR, found):
        return found, value
    if tag == FLOAT and found == INT and isinstance(value, int) and value < 1 << 63:
        return FLOAT, float(value)
    raise TagError(f"cannot decode {short(found)} `{text}` as a {short(tag)}")


def short(tag: str) -> str:
    return f"!!{tag[len(PREFIX):]}" if tag.startswith(PREFIX) else tag


def reads_as_text(text: str) -> bool:
    """Whether the text may be written without quotes and still be a string."""
    return resolve("", text)[0] == STR and not _BASE_60.fullmatch(text)
