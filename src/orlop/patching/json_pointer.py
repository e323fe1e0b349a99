"""Where the pointers of a JSON patch lead: tokens, positions in lists, and the members of one container.

Used by `json_patch`, which walks from container to container. Positions read as evanphx/json-patch reads
them, with negative ones allowed; what cannot be reached is a `Malformed` with the library's text.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from orlop.api.field import quote
from orlop.api.tree import Value
from orlop.patching.json_operation import Malformed

Container: TypeAlias = dict[str, Any] | list[Any]

_INTEGER = re.compile(r"[+-]?[0-9]+")
_TOO_LARGE = 1 << 63
_MOST_DIGITS = 19


def unescape(token: str) -> str:
    """A token of RFC 6901 without its escapes."""
    return token.replace("~1", "/").replace("~0", "~") if "~" in token else token


def position(key: str, size: int, limit: int) -> int:
    """A position below `limit` in a list; negative ones count back from `size`."""
    place = _integer(key)
    if not -size <= place < limit:
        raise Malformed(f"Unable to access invalid index: {place}: invalid index referenced")
    return place + size if place < 0 else place


def _integer(key: str) -> int:
    if _INTEGER.fullmatch(key) is None:
        raise Malformed(f"strconv.Atoi: parsing {quote(key)}: invalid syntax")
    place = int(key) if len(key.lstrip("+-0")) <= _MOST_DIGITS else _TOO_LARGE
    if not -_TOO_LARGE <= place < _TOO_LARGE:
        raise Malformed(f"strconv.Atoi: parsing {quote(key)}: value out of range")
    return place


def get(container: Container, key: str) -> Value:
    """The value under a key, None if an object has none."""
    if isinstance(container, dict):
        return container.get(key)
    return container[position(key, len(container), len(container))]


def put(container: Container, key: str, value: Value) -> None:
    """Insert into a list, set in an object."""
    if isinstance(container, dict):
        container[key] = value
    elif key == "-":
        container.append(value)
    else:
        try:
            _integer(key)
        except Malformed as fault:
            raise Malformed(f"value was not a proper array index: '{key}': {fault}") from None
        size = len(container) + 1
        container.insert(position(key, size, size), value)


def drop(container: Container, key: str) -> None:
    if isinstance(container, list):
        del container[position(key, len(container), len(container))]
    elif key in container:
        del container[key]
    else:
        raise Malformed(f"Unable to remove nonexistent key: {key}: missing value")
