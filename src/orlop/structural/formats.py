"""String formats: what `format` demands of a text.

`checking` and `validation` ask `checker` for the function of a format; formats that are not checked never get here
(`schema.supported_format`). What is accepted follows kube-openapi `pkg/validation/strfmt` and the govalidator that
it carries.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from orlop.structural.durations import is_duration
from orlop.structural.hosts import is_cidr, is_hostname, is_ipv4, is_ipv6, is_mac, is_request_uri
from orlop.structural.mail_address import is_address

Check: TypeAlias = Callable[[str], bool]

_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_CLOCK: Final = re.compile(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:.[0-9]+)?(?:z|[+-][0-9]{2}:[0-9]{2})")
_CARD: Final = re.compile(
    r"4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}"
    r"|3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35[0-9]{3})[0-9]{11}")
_COLOR: Final = r"[\t\n\f\r ]*(?:0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])[\t\n\f\r ]*"
_SHORT: Final = r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?"
_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def _form(pattern: str, flags: int = 0, most: int | None = None) -> Check:
    match = re.compile(pattern, re.ASCII | flags).fullmatch
    if most is None:
        return lambda text: match(text) is not None
    return lambda text: len(text) <= most and match(text) is not None


def _uuid(version: str, variant: str) -> Check:
    pattern = rf"[0-9a-f]{{8}}-?[0-9a-f]{{4}}-?{version}-?{variant}-?[0-9a-f]{{12}}"
    return _form(pattern, re.IGNORECASE)


def is_date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    if found is None:
        return False
    year, month, day = map(int, found.groups())
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        return False
    return (month, day) != (2, 29) or (year % 4 == 0 and (year % 100 != 0 or year % 400 == 0))


def is_date_time(text: str) -> bool:
    date, letter, clock = text.lower().partition("t")
    found = _CLOCK.fullmatch(clock.partition("t")[0])
    return bool(letter) and is_date(date) and found is not None \
        and found.group(1) <= "23" and found.group(2) <= "59" and found.group(3) <= "59"


def is_credit_card(text: str) -> bool:
    digits = re.sub("[^0-9]+", "", text)
    if not _CARD.fullmatch(digits):
        return False
    doubled = [int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits))]
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def is_isbn10(text: str) -> bool:
    digits = re.sub(r"[\t\n\f\r -]+", "", text)
    if not re.fullmatch("[0-9]{9}[0-9X]", digits):
        return False
    values = [10 if digit == "X" else int(digit) for digit in digits]
    return sum((index + 1) * value for index, value in enumerate(values)) % 11 == 0


def is_isbn13(text: str) -> bool:
    digits = re.sub(r"[\t\n\f\r -]+", "", text)
    if not re.fullmatch("[0-9]{13}", digits):
        return False
    return sum(int(digit) * (3 if index % 2 else 1) for index, digit in enumerate(digits)) % 10 == 0


_CHECKS: Final[dict[str, Check]] = {
    "uri": is_request_uri, "email": is_address, "hostname": is_hostname,
    "ipv4": is_ipv4, "ipv6": is_ipv6, "cidr": is_cidr, "mac": is_mac,
    "uuid": _uuid("[0-9a-f]{4}", "[0-9a-f]{4}"),
    "uuid3": _uuid("3[0-9a-f]{3}", "[0-9a-f]{4}"),
    "uuid4": _uuid("4[0-9a-f]{3}", "[89ab][0-9a-f]{3}"),
    "uuid5": _uuid("5[0-9a-f]{3}", "[89ab][0-9a-f]{3}"),
    "isbn": lambda text: is_isbn10(text) or is_isbn13(text), "isbn10": is_isbn10, "isbn13": is_isbn13,
    "creditcard": is_credit_card,
    "ssn": _form(r"\d{3}[- ]\d{2}[- ]\d{4}"),
    "hexcolor": _form("#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})"),
    "rgbcolor": _form(rf"rgb\({_COLOR},{_COLOR},{_COLOR}\)"),
    "byte": _form("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})"),
    "password": lambda text: True,
    "bsonobjectid": _form("[0-9a-fA-F]{24}"),
    "date": is_date, "datetime": is_date_time, "duration": is_duration,
    "k8sshortname": _form(_SHORT, most=63),
    "k8slongname": _form(rf"{_SHORT}(?:\.{_SHORT})*", most=253),
}


def checker(format: str) -> Check | None:
    """What judges a text under a format, dashes in whose name count for nothing; None for formats of numbers."""
    return _CHECKS.get(format.replace("-", ""))
