"""Lists, sets and maps with a limit: past it only the number is complained about, never the contents.

Called by all rules of this package. Behaviour: kubernetes `pkg/apis/resource/validation/validation.go` (validateSlice,
validateSet, validateMap).
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final

from orlop.api import names
from orlop.api.field import Path, duplicate, too_many
from orlop.kinds.checks import Errors, each

Check = Callable[[Path, Any], Errors]

UNLIMITED: Final = -1
_LEAST_SHOWN: Final = 16
"""Keys are never cut shorter than this."""


def listed(path: Path, items: Sequence[Any] | None, most: int, check: Check) -> Errors:
    """At most so many items, each of them right."""
    if items and 0 <= most < len(items):
        return [too_many(path, len(items), most)]
    return each(path, items, check)


def _itself(item: Any) -> Any:
    return item


def unique(path: Path, items: Sequence[Any] | None, most: int, check: Check, *,
           key: Callable[[Any], Hashable] = _itself, shown: Callable[[Any], Any] = _itself) -> Errors:
    """As `listed`, no two items with the same key; `shown` is the key as messages print it."""
    if items and 0 <= most < len(items):
        return [too_many(path, len(items), most)]
    found = each(path, items, check)
    seen: set[Hashable] = set()
    for index, item in enumerate(items or ()):
        mark = key(item)
        if mark in seen:
            found.append(duplicate(path.index(index), shown(mark)))
        seen.add(mark)
    return found


def mapped(path: Path, members: Mapping[str, Any] | None, most: int, longest: int, check_key: Check,
           check: Check) -> Errors:
    """At most so many members, keys and values right; in paths keys are cut to `longest` bytes."""
    if members and 0 <= most < len(members):
        return [too_many(path, len(members), most)]
    found: Errors = []
    for name, value in (members or {}).items():
        found += check_key(path, name)
        found += check(path.key(_shortened(name, longest)), value)
    return found


def _shortened(text: str, longest: int) -> str:
    longest = max(longest, _LEAST_SHOWN)
    if names.length(text) <= longest:
        return text
    raw, left = text.encode(), longest - 3
    cut = raw[: (left + 1) // 2] + b"..." + raw[len(raw) - left // 2:]
    return cut.decode("utf-8", "replace")
