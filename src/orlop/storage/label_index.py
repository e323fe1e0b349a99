"""Indexes from the value of one label or field to the keys that have it.

Owned by one `watch_cache`, asked by `selection`. An index is built when a selector first names its label or
field with values (`=`, `in`), kept up by every event after that, and dropped when too many others were used
since. With it a LIST costs in proportion to what it returns.

Few entries (`INDEX_AT_ONCE`) are indexed at once, unless more than `INDEX_DECODES` would have to be decoded for it;
others a turn of the loop at a time, in order of key, while lists look at the entries themselves. An index that is not
finished follows events up to the key it has reached.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Literal, NamedTuple, TypeAlias

from orlop.api.label_requirement import DOUBLE_EQUALS, EQUALS, IN
from orlop.storage.interface import DELETED, Attributes, Entry, Event
from orlop.storage.keyspace import Keyspace
from orlop.storage.limits import DECODE_SLICE, INDEX_AT_ONCE, INDEX_DECODES, JUDGE_SLICE
from orlop.storage.predicate import Predicate

AttributesOfEntry: TypeAlias = Callable[[Entry], Attributes]
"""The attributes of an entry, computed and kept at the first need."""

_END = chr(0x10FFFF)
"""Behind every key."""


class Subject(NamedTuple):
    """What an index is over."""

    of: Literal["label", "field"]
    name: str

    def value(self, attributes: Attributes) -> str | None:
        """None: not in the index. An absent field counts as "", as selectors see it; an absent label has no
        value."""
        if self.of == "label":
            return attributes.labels.get(self.name)
        return attributes.fields.get(self.name, "")


class _Index:
    """`reached`: the keys below it are in."""

    __slots__ = ("_keys", "finished", "reached", "subject")

    def __init__(self, subject: Subject) -> None:
        self.subject, self.reached, self.finished = subject, "", False
        self._keys: dict[str, set[str] | str] = {}
        """A value that only one object has, as names often are, costs no set."""

    def reach(self, key: str) -> None:
        self.reached, self.finished = key, key == _END

    def fill(self, entries: Iterable[Entry], attributes: AttributesOfEntry) -> bool:
        """Put in all that there is, in one go. False, and nothing is in: too many had to be decoded for that."""
        keys, decoded, of_label, name = self._keys, 0, self.subject.of == "label", self.subject.name
        for entry in entries:
            known = entry.attributes
            if known is None:
                decoded += 1
                if decoded > INDEX_DECODES:
                    keys.clear()
                    return False
                known = attributes(entry)
            value = known.labels.get(name) if of_label else known.fields.get(name, "")
            if value is None:
                continue
            there = keys.setdefault(value, entry.key)
            if there is not entry.key:
                if type(there) is str:
                    keys[value] = {there, entry.key}
                else:
                    there.add(entry.key)  # type: ignore[union-attr]
        self.reach(_END)
        return True

    def add(self, key: str, attributes: Attributes) -> None:
        value = self.subject.value(attributes)
        if value is None:
            return
        known = self._keys.get(value)
        if known is None:
            self._keys[value] = key
        elif isinstance(known, str):
            self._keys[value] = {known, key}
        else:
            known.add(key)

    def remove(self, key: str, attributes: Attributes) -> None:
        value = self.subject.value(attributes)
        if value is None:
            return
        known = self._keys[value]
        if isinstance(known, str):
            assert known == key
            del self._keys[value]
            return
        known.remove(key)
        if not known:
            del self._keys[value]

    def change(self, key: str, old: Attributes, new: Attributes) -> None:
        if self.subject.value(old) != self.subject.value(new):
            self.remove(key, old)
            self.add(key, new)

    def keys(self, values: Iterable[str]) -> list[Collection[str]]:
        found = (self._keys.get(value) for value in values)
        return [(one,) if isinstance(one, str) else one for one in found if one is not None]

    def pairs(self) -> Iterator[tuple[str, str]]:
        for value, known in self._keys.items():
            for key in (known,) if isinstance(known, str) else known:
                yield value, key


class Indexes:
    """Over a live keyspace, as long as that is the cache's (`close`)."""

    __slots__ = ("_attributes", "_indexes", "_most", "_open", "_scheduled", "_space", "_unfinished")

    def __init__(self, space: Keyspace, attributes: AttributesOfEntry, most: int) -> None:
        self._space, self._attributes, self._most = space, attributes, most
        self._indexes: dict[Subject, _Index] = {}
        self._unfinished: dict[Subject, _Index] = {}
        self._open, self._scheduled = True, False

    def __len__(self) -> int:
        return len(self._indexes)

    def close(self) -> None:
        """Build no further."""
        self._open = False

    def narrowest(self, predicate: Predicate) -> list[Collection[str]] | None:
        """Sets of keys among which are all live ones that match, from the requirement that leaves fewest.
        None: no finished index helps (of few entries it is made at once)."""
        best: list[Collection[str]] | None = None
        fewest = len(self._space) + 1
        for subject, values in named_values(predicate):
            index = self._index(subject)
            if index is None:
                continue
            sets = index.keys(values)
            number = sum(map(len, sets))
            if number < fewest:
                best, fewest = sets, number
        return best

    def demand(self, predicate: Predicate) -> None:
        """Begin to make what would have helped."""
        for subject, _ in named_values(predicate):
            if subject not in self._indexes:
                self._begin(subject, at_once=False)

    def _index(self, subject: Subject) -> _Index | None:
        index = self._indexes.pop(subject, None)
        if index is not None:
            self._indexes[subject] = index  # the newest used is last
        elif len(self._space) <= INDEX_AT_ONCE:
            index = self._begin(subject, at_once=True)
        return index if index is not None and index.finished else None

    def _begin(self, subject: Subject, *, at_once: bool) -> _Index:
        index = _Index(subject)
        if len(self._indexes) >= self._most:
            dropped = next(iter(self._indexes))
            del self._indexes[dropped]
            self._unfinished.pop(dropped, None)
        if not (at_once and index.fill(self._space.entries.values(), self._attributes)):
            self._unfinished[subject] = index
            self._schedule()
        self._indexes[subject] = index
        return index

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._go_on)

    def _go_on(self) -> None:
        """One turn's worth of building, of the index that was asked for first."""
        self._scheduled = False
        if not (self._open and self._unfinished):
            return
        subject, index = next(iter(self._unfinished.items()))
        self._grow(index)
        if index.finished:
            del self._unfinished[subject]
        if self._unfinished:
            self._schedule()

    def _grow(self, index: _Index) -> None:
        keys = self._space.keys.run(index.reached, _END, JUDGE_SLICE)
        find, decoded = self._space.entries.__getitem__, 0
        for key in keys:
            if decoded == DECODE_SLICE:
                index.reach(key)
                return
            entry = find(key)
            decoded += entry.attributes is None
            index.add(key, self._attributes(entry))
        index.reach(keys[-1] + "\0" if len(keys) == JUDGE_SLICE else _END)

    def apply(self, event: Event) -> None:
        """Follow an event that the keyspace follows, too."""
        if not self._indexes:
            return
        key, before = event.entry.key, event.previous
        for index in self._indexes.values():
            if key >= index.reached:
                continue
            if before is None:
                index.add(key, self._attributes(event.entry))
            elif event.type == DELETED:
                index.remove(key, self._attributes(before))
            else:
                index.change(key, self._attributes(before), self._attributes(event.entry))

    def check_invariants(self) -> None:
        assert len(self._indexes) <= self._most
        assert all(self._indexes[subject] is index for subject, index in self._unfinished.items())
        for subject, index in self._indexes.items():
            assert index.finished != (subject in self._unfinished)
            fresh = _Index(subject)
            for key, entry in self._space.entries.items():
                if key < index.reached:
                    fresh.add(key, self._attributes(entry))
            assert set(index.pairs()) == set(fresh.pairs()), subject


def named_values(predicate: Predicate) -> Iterator[tuple[Subject, Collection[str]]]:
    """The fields and labels for which a predicate names the values that they may have."""
    for field in predicate.fields:
        if field.op == "=":
            yield Subject("field", field.field), (field.value,)
    if predicate.labels is not None:
        for label in predicate.labels.requirements:
            if label.op in (EQUALS, DOUBLE_EQUALS, IN):
                yield Subject("label", label.key), label.values
