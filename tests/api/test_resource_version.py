"""resourceVersion in each of its places, with each place's refusal."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from orlop.api import resource_version
from orlop.api.errors import APIError

READERS = [resource_version.parse_list, resource_version.parse_get, resource_version.parse_watch,
           resource_version.parse_update]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(("text", "number"), [
    ("", 0), ("0", 0), ("00", 0), ("12", 12), ("0000000000000000000000000000000005", 5),
    ("18446744073709551615", 2**64 - 1)])
def test_numbers(read: Callable[[str], int], text: str, number: int) -> None:
    """Decimal digits up to 64 bits are a version everywhere; nothing is 0."""
    assert read(text) == number


@pytest.mark.parametrize(("text", "why"), [
    ("abc", "invalid syntax"), ("-1", "invalid syntax"), ("1.5", "invalid syntax"), ("+1", "invalid syntax"),
    ("٣", "invalid syntax"), ("18446744073709551616", "value out of range"),
    ("9" * 5000, "value out of range")])
def test_refusals(text: str, why: str) -> None:
    """List: 400. Get and watch: 500 with the field. Update: 500 with Go's bare complaint. Never a reason on
    500."""
    bare = f'strconv.ParseUint: parsing "{text}": {why}'
    shown = f'resourceVersion: Invalid value: "{text}": {bare}'
    wanted = [(400, "BadRequest", f"invalid resource version: {shown}"), (500, "", shown), (500, "", shown),
              (500, "", bare)]
    for read, answer in zip(READERS, wanted, strict=True):
        with pytest.raises(APIError) as caught:
            read(text)
        assert (caught.value.code, caught.value.reason, caught.value.message) == answer


def test_create() -> None:
    """A new object may carry no version but 0 and nonsense."""
    for text in ("", "0", "abc", "-5"):
        resource_version.check_create(text)
    with pytest.raises(APIError) as caught:
        resource_version.check_create("5")
    assert caught.value.status() == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": 500,
        "message": "resourceVersion should not be set on objects to be created"}


def test_future_and_past() -> None:
    """A read of the future times out with a cause; a watch of the forgotten past is gone."""
    early = resource_version.too_large(99, 5)
    assert (early.code, early.reason, early.retry_after) == (504, "Timeout", 1)
    assert early.message == "Timeout: Too large resource version: 99, current: 5"
    assert early.details == {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1}
    late = resource_version.too_old(3, 10)
    assert (late.code, late.reason, late.message) == (410, "Expired", "too old resource version: 3 (9)")
