"""Named formats: `format.dns1123Label().validate(x)` gives what is wrong with a text, or nothing.

The environment takes `NAMED_FORMATS`; the names' rules are `orlop.api.names`'. Behaviour: Kubernetes
pkg/cel/library/format.go over kube-openapi pkg/validation/strfmt.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from orlop.api import names
from orlop.api.times import days_in_month
from orlop.cel import types as t
from orlop.cel.functions import Library
from orlop.cel.library_signature import function, member, plain
from orlop.cel.library_url_parser import URLError, parse_request
from orlop.cel.values import NO_SUCH_OVERLOAD, NONE, CelError, Opaque, Optional

FORMAT_TYPE: Final = t.object_type("kubernetes.NamedFormat")
_UUID: Final = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}", re.IGNORECASE | re.ASCII)
_BASE64: Final = re.compile(
    r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})", re.ASCII
)
_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_TIME: Final = re.compile(r"([0-9]{2}):([0-9]{2}):([0-9]{2})(?:[^\n][0-9]+)?(?:z|[+-][0-9]{2}:[0-9]{2})", re.ASCII)
_UUID_PATTERN: Final = 70
_DATE_TIME_PATTERN: Final = 71
"""Lengths of the regular expressions upstream has for these formats: they make the price of a validation."""


class Format(Opaque):
    """A named format; `pattern_size` is how long its regular expression counts in costs."""

    __slots__ = ("name", "pattern_size", "problems")

    cel_type = FORMAT_TYPE

    def __init__(self, name: str, problems: Callable[[str], list[str]], pattern_size: int) -> None:
        self.name = name
        self.problems = problems
        self.pattern_size = pattern_size

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Format):
            raise CelError(NO_SUCH_OVERLOAD)
        return self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __str__(self) -> str:
        return self.name


def _uri(text: str) -> list[str]:
    try:
        parse_request(text)
    except URLError as error:
        return [str(error)]
    return []


def _is_date(text: str) -> bool:
    found = _DATE.fullmatch(text)
    if found is None:
        return False
    year, month, day = map(int, found.groups())
    return 1 <= month <= 12 and 1 <= day <= days_in_month(year, month)


def _is_date_time(text: str) -> bool:
    date, *rest = text.lower().split("t")
    found = _TIME.fullmatch(rest[0]) if rest and _is_date(date) else None
    return found is not None and found[1] <= "23" and found[2] <= "59" and found[3] <= "59"


def _told(is_right: Callable[[str], object], problem: str) -> Callable[[str], list[str]]:
    return lambda text: [] if is_right(text) else [problem]


FORMATS: Final = {
    "dns1123Label": Format("DNS1123Label", lambda text: names.name_is_dns_label(text, False), 30),
    "dns1123Subdomain": Format("DNS1123Subdomain", lambda text: names.name_is_dns_subdomain(text, False), 60),
    "dns1035Label": Format("DNS1035Label", lambda text: names.name_is_dns1035_label(text, False), 30),
    "qualifiedName": Format("QualifiedName", names.label_key, 60),
    "dns1123LabelPrefix": Format("DNS1123LabelPrefix", lambda text: names.name_is_dns_label(text, True), 30),
    "dns1123SubdomainPrefix": Format(
        "DNS1123SubdomainPrefix", lambda text: names.name_is_dns_subdomain(text, True), 60
    ),
    "dns1035LabelPrefix": Format("DNS1035LabelPrefix", lambda text: names.name_is_dns1035_label(text, True), 30),
    "labelValue": Format("LabelValue", names.label_value, 40),
    "uri": Format("URI", _uri, 1103),
    "uuid": Format("uuid", _told(_UUID.fullmatch, "does not match the UUID format"), _UUID_PATTERN),
    "byte": Format("byte", _told(_BASE64.fullmatch, "invalid base64"), 84),
    "date": Format("date", _told(_is_date, "invalid date"), _DATE_TIME_PATTERN),
    "datetime": Format("datetime", _told(_is_date_time, "invalid datetime"), _DATE_TIME_PATTERN),
}
"""The formats by the names expressions give them."""


def _named(name: str) -> Optional:
    found = FORMATS.get(name)
    return NONE if found is None else Optional(found)


def _validate(form: Format, text: str) -> Optional:
    problems = form.problems(text)
    return Optional(problems) if problems else NONE


def _constant(form: Format) -> Callable[[], Format]:
    return lambda: form


NAMED_FORMATS: Final = Library(
    "kubernetes.format",
    (
        function(
            "validate",
            member("format-validate", (FORMAT_TYPE, t.STRING), t.optional_of(t.list_of(t.STRING)), _validate),
        ),
        function("format.named", plain("format-named", (t.STRING,), t.optional_of(FORMAT_TYPE), _named)),
        *(
            function(f"format.{name}", plain(f"format.{name}", (), FORMAT_TYPE, _constant(form)))
            for name, form in FORMATS.items()
        ),
    ),
)
