"""The vocabulary in which kinds write their rules: small checks of one value at one place.

Called by the rules of kinds (one file a kind); each check hands back the errors found, none when the value is fine,
so that a kind's rules read like a table. Texts: kubernetes `pkg/apis/core/validation/validation.go` and apimachinery
`pkg/api/validation`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Final, TypeAlias

from orlop.api import names, quantity
from orlop.api.field import FieldError, Path, forbidden, invalid, not_supported, required
from orlop.api.gotext import json_value
from orlop.api.validation import IMMUTABLE

Errors: TypeAlias = list[FieldError]

PROTOCOLS: Final = ("SCTP", "TCP", "UDP")
NOT_NEGATIVE: Final = "must be greater than or equal to 0"
NOT_POSITIVE: Final = "must be greater than 0"
NOT_INTEGER: Final = "must be an integer"
SPEC: Final = Path("spec")
STATUS: Final = Path("status")


def said(path: Path, value: Any, complaints: Iterable[str]) -> Errors:
    """What a check of texts complains about, as errors of a field."""
    return [invalid(path, value, text) for text in complaints]


def dns_label(path: Path, text: str) -> Errors:
    return said(path, text, names.dns1123_label(text))


def dns_subdomain(path: Path, text: str) -> Errors:
    return said(path, text, names.dns1123_subdomain(text))


def qualified_name(path: Path, text: str) -> Errors:
    return said(path, text, names.qualified_name(text))


def label_name(path: Path, text: str) -> Errors:
    return said(path, text, names.label_key(text))


def port_number(path: Path, number: int) -> Errors:
    return said(path, number, names.port_number(number))


def port_number_or_name(path: Path, value: int | str) -> Errors:
    if isinstance(value, str):
        return said(path, value, names.port_name(value))
    return port_number(path, value)


def one_of(path: Path, value: str, valid: Collection[str]) -> Errors:
    """`valid` in the order in which upstream prints it."""
    return [] if value in valid else [not_supported(path, value, valid)]


def chosen(path: Path, value: str | None, valid: Collection[str]) -> Errors:
    """A value that must be there and be one of a few."""
    return one_of(path, value, valid) if value else [required(path)]


def present(path: Path, value: Any, detail: str = "") -> Errors:
    return [] if value else [required(path, detail)]


def absent(path: Path, value: Any, detail: str) -> Errors:
    return [forbidden(path, detail)] if value else []


def not_negative(path: Path, number: int | None) -> Errors:
    return [invalid(path, number, NOT_NEGATIVE)] if number is not None and number < 0 else []


def unchanged(path: Path, new: Any, old: Any, shown: Any = None) -> Errors:
    """An immutable field. `shown` is the new value as upstream prints it, when that is not its JSON."""
    if new == old:
        return []
    return [invalid(path, printed(new) if shown is None else shown, IMMUTABLE)]


def printed(value: Any) -> Any:
    """A bad value as the messages show it: JSON of everything that is no text or number; an absent one as null."""
    return json_value(value) if value is None or isinstance(value, dict | list) else value


def quantity_not_negative(path: Path, text: str) -> Errors:
    return [invalid(path, text, NOT_NEGATIVE)] if quantity.parse(text).sign < 0 else []


def quantity_positive(path: Path, text: str) -> Errors:
    """For storage: more than nothing."""
    return [invalid(path, text, "must be greater than zero")] if quantity.parse(text).sign <= 0 else []


def each(path: Path, items: Sequence[Any] | None, check: Callable[[Path, Any], Errors]) -> Errors:
    """A check of every item of a list."""
    found: Errors = []
    for index, item in enumerate(items or ()):
        found += check(path.index(index), item)
    return found
