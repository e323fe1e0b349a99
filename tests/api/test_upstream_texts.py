"""Names, selectors, options, tokens and metadata against answers of upstream's own Go functions.

The data file says where its answers come from; each case is an input and what upstream answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path as FilePath
from typing import Any

import pytest

from orlop.api import (
    addresses,
    continuation,
    domain_names,
    fields,
    go_json,
    label_selector_validation,
    labels,
    names,
    query_options,
    validation,
)
from orlop.api.errors import APIError
from orlop.api.field import FieldError, Path
from orlop.api.http import Request

CASES: dict[str, Any] = json.loads(
    (FilePath(__file__).parent.parent / "data" / "api" / "upstream_texts.json").read_text())
PLACE = Path("f")
Answer = Callable[[Any], Any]


def shown(found: Sequence[FieldError]) -> list[str]:
    return [f"{error.kind}|{error}" for error in found]


def selector(parse: Callable[[str], object]) -> Answer:
    def answer(text: str) -> str:
        try:
            return str(parse(text))
        except labels.SelectorError as error:
            return f"E:{error}"

    return answer


def refusal(parse: Callable[[Request], object]) -> Answer:
    def answer(query: str) -> str | list[str]:
        try:
            parse(Request("GET", "/", query))
        except APIError as error:
            if error.code == 400:
                return f"E:{error.message}"
            assert error.details is not None
            return ["{reason}|{field}: {message}".format(**cause) for cause in error.details["causes"]]
        return []

    return answer


def token(text: str) -> str:
    try:
        found = continuation.read(text, "/r/")
    except continuation.TokenError as error:
        return f"E:{error}"
    return f"{found.start} {found.revision}"


def label_selector(tree: Any) -> list[str]:
    place = Path("spec.selector")
    found = shown(label_selector_validation.validate_label_selector(tree, place))
    return [*found, selector(labels.from_label_selector)(tree)]


def at_place(check: Callable[[Path, str], list[FieldError]]) -> Answer:
    return lambda text: shown(check(PLACE, text))


ANSWERS: dict[str, Answer] = {
    "labels": selector(labels.parse),
    "fields": selector(fields.parse),
    "continue": token,
    "json": lambda text: go_json.syntax_error(text.encode()),
    "listopts": refusal(query_options.parse_list),
    "deleteopts": refusal(query_options.parse_delete),
    "patchopts": refusal(lambda request: query_options.parse_patch(request, apply=False)),
    "applyopts": refusal(lambda request: query_options.parse_patch(request, apply=True)),
    "meta": lambda tree: shown(validation.validate_object_meta(tree, True, names.name_is_dns_subdomain)),
    "change": lambda trees: shown(validation.validate_change(*trees)),
    "labelselector": label_selector,
    "ip": at_place(addresses.ip),
    "legacy_ip": at_place(lambda path, text: addresses.legacy_ip(path, text, strict=True)),
    "sloppy_ip": at_place(lambda path, text: addresses.legacy_ip(path, text, strict=False)),
    "ip_warnings": lambda text: addresses.ip_warnings(PLACE, text),
    "cidr": at_place(addresses.cidr),
    "legacy_cidr": at_place(lambda path, text: addresses.legacy_cidr(path, text, strict=True)),
    "sloppy_cidr": at_place(lambda path, text: addresses.legacy_cidr(path, text, strict=False)),
    "cidr_warnings": lambda text: addresses.cidr_warnings(PLACE, text),
    "interface_address": at_place(addresses.interface_address),
    "fqn": at_place(domain_names.fully_qualified_name),
    "fqdn": at_place(domain_names.fully_qualified_domain_name),
    "dppath": at_place(domain_names.domain_prefixed_path),
    "dpkey": at_place(domain_names.domain_prefixed_key),
}


@pytest.mark.parametrize(("function", "given", "wanted"), [
    pytest.param(function, given, wanted, id=f"{function}-{position}")
    for function, cases in CASES.items() if function != "origin"
    for position, (given, wanted) in enumerate(cases)])
def test_upstream_answers(function: str, given: Any, wanted: Any) -> None:
    """Our answer is upstream's, byte for byte, also the second time, when caches know the input."""
    answer = ANSWERS.get(function) or getattr(names, function)
    assert answer(given) == wanted
    assert answer(given) == wanted
