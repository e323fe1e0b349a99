"""Indexes from the value of one label or field to the keys that have it.

Owned by one `watch_cache`, asked by `selection`. An index is built when a selector first names its label or
field with values (`=`, `in`), kept up by every event after that, and dropped when too many others were used
since. With it a LIST costs in proportion to what it returns.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Literal, NamedTuple, TypeAlias

from orlop.api.label_requirement import DOUBLE_EQUALS, EQUALS, IN
from orlop.storage.interface import DELETED, Attributes, Entry, Event
from orlop.storage.predicate import Predicate

AttributesOfEntry: TypeAlias = Callable[[Entry], Attributes]
"""The attributes of an entry, computed and kept at the first need."""


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
    __slots__ = ("_keys", "subject")

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self._keys: dict[str, set[str]] = {}

    def add(self, key: str, attributes: Attributes) -> None:
        value = self.subject.value(attributes)
        if value is not None:
            self._keys.setdefault(value, set()).add(key)

    def remove(self, key: str, attributes: Attributes) -> None:
        value = self.subject.value(attributes)
        if value is not None:
            keys = self._keys[value]
            keys.remove(key)
            if not keys:
                del self._keys[value]

    def change(self, key: str, old: Attributes, new: Attributes) -> None:
        if self.subject.value(old) != self.subject.value(new):
            self.remove(key, old)
            self.add(key, new)

    def keys(self, values: Iterable[str]) -> list[set[str]]:
        return [self._keys[value] for value in values if value in self._keys]

    def pairs(self) -> Iterator[tuple[str, str]]:
        return ((value, key) for value, keys in self._keys.items() for key in keys)


class Indexes:
    """`entries`: the live keyspace that the indexes are over."""

    __slots__ = ("_attributes", "_entries", "_indexes", "_most")

    def __init__(self, entries: dict[str, Entry], attributes: AttributesOfEntry, most: int) -> None:
        self._entries, self._attributes, self._most = entries, attributes, most
        self._indexes: dict[Subject, _Index] = {}

    def __len__(self) -> int:
        return len(self._indexes)

    def candidates(self, predicate: Predicate) -> list[str] | None:
        """Keys among which are all live ones that match, from the requirement that leaves fewest; unordered.
        None: no requirement helps."""
        best: list[set[str]] | None = None
        fewest = len(self._entries) + 1
        for subject, values in named_values(predicate):
            sets = self._index(subject).keys(values)
            number = sum(map(len, sets))
            if number < fewest:
                best, fewest = sets, number
        return None if best is None else [key for keys in best for key in keys]

    def _index(self, subject: Subject) -> _Index:
        index = self._indexes.pop(subject, None)
        if index is None:
            index = self._build(subject)
            if len(self._indexes) >= self._most:
                del self._indexes[next(iter(self._indexes))]
        self._indexes[subject] = index  # the newest used is last
        return index

    def _build(self, subject: Subject) -> _Index:
        index = _Index(subject)
        for key, entry in self._entries.items():
            index.add(key, self._attributes(entry))
        return index

    def apply(self, event: Event) -> None:
        """Follow an event that the keyspace follows, too."""
        if not self._indexes:
            return
        key, before = event.entry.key, event.previous
        for index in self._indexes.values():
            if before is None:
                index.add(key, self._attributes(event.entry))
            elif event.type == DELETED:
                index.remove(key, self._attributes(before))
            else:
                index.change(key, self._attributes(before), self._attributes(event.entry))

    def check_invariants(self) -> None:
        assert len(self._indexes) <= self._most
        for subject, index in self._indexes.items():
            fresh = self._build(subject)
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
