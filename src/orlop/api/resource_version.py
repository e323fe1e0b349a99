"""resourceVersion as clients write it, read for each use, with each use's own refusal.

Called by stores. A list says 400, a get and a watch 500, an update and a create 500 with a barer text: that
is how errors travel through upstream (apiserver `pkg/storage/api_object_versioner.go`,
`pkg/storage/interfaces.go`, `pkg/registry/generic/registry/store.go`).
"""

from __future__ import annotations

from orlop.api import errors
from orlop.api.errors import APIError
from orlop.api.field import Path, invalid
from orlop.api.gotext import NumberError, parse_uint64

_LONGEST_FAST = 18
"""Decimal digits that fit 64 bits whatever they are."""


def _parse(text: str) -> int:
    if not text:
        return 0
    if len(text) <= _LONGEST_FAST and text.isascii() and text.isdigit():
        return int(text)
    return parse_uint64(text)


def _field_text(text: str, error: NumberError) -> str:
    return str(invalid(Path("resourceVersion"), text, str(error)))


def parse_list(text: str) -> int:
    """For a list; 0 means any. Raises 400."""
    try:
        return _parse(text)
    except NumberError as error:
        raise errors.bad_request(f"invalid resource version: {_field_text(text, error)}") from None


def parse_get(text: str) -> int:
    """For a get; 0 means any. Raises 500 without a reason."""
    try:
        return _parse(text)
    except NumberError as error:
        raise errors.unknown(_field_text(text, error)) from None


parse_watch = parse_get
"""A watch refuses as a get does."""


def parse_update(text: str) -> int:
    """Of the object in an update; 0 means unconditional. Raises 500 without a reason."""
    try:
        return _parse(text)
    except NumberError as error:
        raise errors.unknown(str(error)) from None


def check_create(text: str) -> None:
    """A new object may not carry a version, unless it is 0 or no number at all. Raises 500 without a
    reason."""
    try:
        found = _parse(text)
    except NumberError:
        return
    if found:
        raise errors.unknown("resourceVersion should not be set on objects to be created")


def too_large(wanted: int, current: int, retry: int = 1) -> APIError:
    """A read of the future that did not come in time."""
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    return errors.timeout(f"Too large resource version: {wanted}, current: {current}", retry, [cause])


def too_old(wanted: int, oldest: int) -> APIError:
    """A watch from before the events that are remembered; `oldest` is the revision of the first of them."""
    return errors.expired(f"too old resource version: {wanted} ({oldest - 1})")
