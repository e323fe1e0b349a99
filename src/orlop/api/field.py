"""Field paths and field errors: what a validation says of one place in an object.

Strategies and validators make them; `orlop.api.errors.invalid` turns a list of them into a 422 Status whose causes
clients read. The texts equal apimachinery's `util/validation/field/errors.go`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

NOT_FOUND = "FieldValueNotFound"
REQUIRED = "FieldValueRequired"
DUPLICATE = "FieldValueDuplicate"
INVALID = "FieldValueInvalid"
NOT_SUPPORTED = "FieldValueNotSupported"
FORBIDDEN = "FieldValueForbidden"
TOO_LONG = "FieldValueTooLong"
TOO_MANY = "FieldValueTooMany"
TOO_FEW = "FieldValueTooFew"
INTERNAL = "InternalError"
TYPE_INVALID = "FieldValueTypeInvalid"
TOO_SHORT = "FieldValueTooShort"

_WORDS = {
    NOT_FOUND: "Not found",
    REQUIRED: "Required value",
    DUPLICATE: "Duplicate value",
    INVALID: "Invalid value",
    NOT_SUPPORTED: "Unsupported value",
    FORBIDDEN: "Forbidden",
    TOO_LONG: "Too long",
    TOO_MANY: "Too many",
    TOO_FEW: "Too few",
    INTERNAL: "Internal error",
    TYPE_INVALID: "Invalid value",
    TOO_SHORT: "Too short",
}
_WITHOUT_VALUE = frozenset({REQUIRED, FORBIDDEN, TOO_LONG, TOO_SHORT, INTERNAL})


class GoText(str):
    """A bad value that upstream prints in Go's own notation: shown as it is, neither quoted nor encoded."""


class _Omitted:
    """Marks a bad value that the message leaves out."""


OMITTED = _Omitted()


class FieldError:
    """One thing wrong with one field.

    `kind` is the cause's reason on the wire (FieldValueInvalid, ...), `field` a path such as `spec.ports[0].name`.
    """

    __slots__ = ("detail", "field", "kind", "value")

    def __init__(self, kind: str, field: str, value: Any, detail: str) -> None:
        self.kind, self.field, self.value, self.detail = kind, field, value, detail

    def body(self) -> str:
        """The message without the field's name."""
        word = _WORDS[self.kind]
        if self.kind not in _WITHOUT_VALUE and self.value is not OMITTED:
            word = f"{word}: {go_value(self.value)}"
        return f"{word}: {self.detail}" if self.detail else word

    def __str__(self) -> str:
        return f"{self.field}: {self.body()}"

    def __repr__(self) -> str:
        return f"<{self}>"

    def cause(self) -> dict[str, str]:
        """The Status cause. Empty members are left out, as Go's omitempty does."""
        cause = {"reason": self.kind, "message": self.body()}
        if self.field:
            cause["field"] = self.field
        return cause


def go_value(value: Any) -> str:
    """A bad value as upstream prints it: %v of scalars, %q of strings, JSON of everything else."""
    if isinstance(value, GoText):
        return str(value)
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


_ESCAPES = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v",
            "\\": "\\\\", '"': '\\"'}


def quote(text: str) -> str:
    """`text` as Go's strconv.Quote writes it."""
    out = []
    for char in text:
        if char in _ESCAPES:
            out.append(_ESCAPES[char])
        elif char.isprintable():
            out.append(char)
        elif ord(char) < 0x80:
            out.append(f"\\x{ord(char):02x}")
        elif ord(char) < 0x10000:
            out.append(f"\\u{ord(char):04x}")
        else:
            out.append(f"\\U{ord(char):08x}")
    return '"' + "".join(out) + '"'


class Path:
    """A place in an object. Built only where something is wrong or a walk needs it; joins lazily."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def child(self, *names: str) -> Path:
        text = ".".join(names)
        return Path(f"{self._text}.{text}" if self._text else text)

    def index(self, position: int) -> Path:
        return Path(f"{self._text}[{position}]")

    def key(self, key: str) -> Path:
        return Path(f"{self._text}[{key}]")

    def __str__(self) -> str:
        return self._text or "<nil>"

    def __repr__(self) -> str:
        return f"Path({self._text!r})"


def not_found(path: Path, value: Any) -> FieldError:
    return FieldError(NOT_FOUND, str(path), value, "")


def required(path: Path, detail: str = "") -> FieldError:
    return FieldError(REQUIRED, str(path), "", detail)


def duplicate(path: Path, value: Any) -> FieldError:
    return FieldError(DUPLICATE, str(path), value, "")


def invalid(path: Path, value: Any, detail: str) -> FieldError:
    return FieldError(INVALID, str(path), value, detail)


def type_invalid(path: Path, value: Any, detail: str) -> FieldError:
    return FieldError(TYPE_INVALID, str(path), value, detail)


def not_supported(path: Path, value: Any, valid: Iterable[str] = ()) -> FieldError:
    """`valid` is printed in the order given: callers sort where upstream sorts."""
    known = ", ".join(quote(v) for v in valid)
    return FieldError(NOT_SUPPORTED, str(path), value, f"supported values: {known}" if known else "")


def forbidden(path: Path, detail: str) -> FieldError:
    return FieldError(FORBIDDEN, str(path), "", detail)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def too_long(path: Path, most: int, unit: str = "byte") -> FieldError:
    """`unit` is byte or character; a negative `most` leaves the number out."""
    detail = f"may not be more than {_count(most, unit)}" if most >= 0 else "value is too long"
    return FieldError(TOO_LONG, str(path), "<value omitted>", detail)


def too_short(path: Path, value: Any, least: int) -> FieldError:
    detail = f"must be at least {_count(least, 'character')}" if least >= 0 else "value is too short"
    return FieldError(TOO_SHORT, str(path), value, detail)


def too_many(path: Path, actual: int, most: int) -> FieldError:
    """A negative `actual` leaves the value out, a negative `most` the bound."""
    detail = f"must have at most {_count(most, 'item')}" if most >= 0 else "has too many items"
    return FieldError(TOO_MANY, str(path), actual if actual >= 0 else OMITTED, detail)


def too_few(path: Path, actual: int, least: int) -> FieldError:
    detail = f"must have at least {_count(least, 'item')}"
    return FieldError(TOO_FEW, str(path), actual if actual >= 0 else OMITTED, detail)


def internal(path: Path, error: object) -> FieldError:
    return FieldError(INTERNAL, str(path), None, str(error))


def aggregate(errors: Sequence[FieldError]) -> str:
    """The errors as one text: as it is when there is one, in brackets without repeats when there are more."""
    texts = list(dict.fromkeys(str(e) for e in errors))
    return texts[0] if len(texts) == 1 else "[" + ", ".join(texts) + "]"
