"""The difference of two JSON trees, as operations that turn the one into the other.

Called by `endpoints.history` to say what a write changed. Pure. The operations are those of RFC 6902 that need no
search (add, remove, replace), in the order in which they apply; each also says what was there before.

Members of objects are compared by name, elements of lists by what people take for their identity: the member that
names them (see `_NAMES`) where all of them have one and no two the same, their whole value otherwise. So a container
put in front of others is one `add`, and its siblings are not mentioned.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from difflib import SequenceMatcher
from typing import Any, Final, Literal, NamedTuple

import orjson

from orlop.api.tree import Tree, Value

ADD: Final = "add"
REMOVE: Final = "remove"
REPLACE: Final = "replace"
Operator = Literal["add", "remove", "replace"]

MAX_ALIGNED: Final = 500
"""Elements of a list (between what is equal at its ends) that are put side by side by identity, which costs the square
of their number at worst; in longer ones the elements at the same place are compared."""

_NAMES: Final = ("name", "key", "uid", "type", "mountPath", "containerPort", "port", "ip")
"""Members by which elements of lists are told apart, best first. What differs in other members is a change of the
element, not another element."""


class Change(NamedTuple):
    """`path` is a JSON pointer. `before` is None for add, `after` for remove."""

    op: Operator
    path: str
    before: Value = None
    after: Value = None

    def operation(self) -> Tree:
        """As RFC 6902 has it."""
        made: Tree = {"op": self.op, "path": self.path}
        if self.op != REMOVE:
            made["value"] = self.after
        return made

    def tree(self) -> Tree:
        """For people: from what to what."""
        made: Tree = {"op": self.op, "path": self.path}
        if self.op != ADD:
            made["from"] = self.before
        if self.op != REMOVE:
            made["to"] = self.after
        return made


def difference(before: Tree, after: Tree, without: Collection[str] = ()) -> list[Change]:
    """What makes `after` of `before`. Pointers in `without` are not looked at, nor is what lies below them."""
    return list(_objects(before, after, "", without))


def _escape(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _values(before: Value, after: Value, path: str, without: Collection[str]) -> Iterator[Change]:
    kind = type(before)
    if kind is dict and type(after) is dict:
        yield from _objects(before, after, path, without)
    elif kind is list and type(after) is list:
        yield from _lists(before, after, path, without)
    elif kind is not type(after) or before != after:  # 1, 1.0 and True are equal only to Python
        yield Change(REPLACE, path, before, after)


def _objects(before: Tree, after: Tree, path: str, without: Collection[str]) -> Iterator[Change]:
    for name, old in before.items():
        place = f"{path}/{_escape(name)}"
        if place in without:
            continue
        if name in after:
            yield from _values(old, after[name], place, without)
        else:
            yield Change(REMOVE, place, old)
    for name, new in after.items():
        if name not in before:
            place = f"{path}/{_escape(name)}"
            if place not in without:
                yield Change(ADD, place, None, new)


def _lists(before: list[Any], after: list[Any], path: str, without: Collection[str]) -> Iterator[Change]:
    """Everything left of the place at hand is as in `after` already: so a place there is a place in `after`."""
    texts, new_texts = [_text(item) for item in before], [_text(item) for item in after]
    if texts == new_texts:
        return
    start = _shared(texts, new_texts)
    end = _shared(texts[start:][::-1], new_texts[start:][::-1])
    old, new = before[start : len(before) - end], after[start : len(after) - end]
    for tag, low, high, new_low, new_high in _alignment(old, new, texts[start:], new_texts[start:]):
        both = min(high - low, new_high - new_low) if tag in ("equal", "replace") else 0
        for offset in range(both):
            place = f"{path}/{start + new_low + offset}"
            yield from _values(old[low + offset], new[new_low + offset], place, without)
        for item in old[low + both : high]:
            yield Change(REMOVE, f"{path}/{start + new_low + both}", item)
        for offset in range(both, new_high - new_low):
            yield Change(ADD, f"{path}/{start + new_low + offset}", None, new[new_low + offset])


def _text(item: Value) -> bytes:
    return orjson.dumps(item, option=orjson.OPT_SORT_KEYS)


def _shared(one: Sequence[bytes], other: Sequence[bytes]) -> int:
    """How many elements are the same from the start on."""
    count = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        count += 1
    return count


def _alignment(old: list[Any], new: list[Any], texts: list[bytes],
               new_texts: list[bytes]) -> Sequence[tuple[str, int, int, int, int]]:
    """Runs of elements side by side, as difflib gives them."""
    if max(len(old), len(new)) > MAX_ALIGNED:
        return [("replace", 0, len(old), 0, len(new))]
    for name in _NAMES:
        named, new_named = _named(old, name), _named(new, name)
        if named is not None and new_named is not None:
            return SequenceMatcher(None, named, new_named, autojunk=False).get_opcodes()
    return SequenceMatcher(None, texts[: len(old)], new_texts[: len(new)], autojunk=False).get_opcodes()


def _named(items: list[Any], name: str) -> list[bytes] | None:
    """The identities of elements by one member, None where that does not tell them apart."""
    found: list[bytes] = []
    for item in items:
        if type(item) is not dict or name not in item:
            return None
        found.append(_text(item[name]))
    return found if len(set(found)) == len(found) else None
