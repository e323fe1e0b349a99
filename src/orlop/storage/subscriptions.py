"""Watchers of one resource: which events each is shown, and as what.

Owned by one `watch_cache`; `endpoints.watch` subscribes. Watchers with equal predicates form a group, for
which an event is judged once. Groups are found by what they name: one key, one namespace, one value of a
label or field; an event costs nothing for groups that name others. Judging an event is apiserver
`storage/cacher/cache_watcher.go` convertToWatchEvent, finding groups its `indexedWatchers`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from orlop.storage.interface import ADDED, DELETED, Event, Revision
from orlop.storage.label_index import AttributesOfEntry, Subject, named_values
from orlop.storage.predicate import Predicate, PredicateKey, Scope

_log: Final = logging.getLogger(__name__)

OnEvents: TypeAlias = Callable[[Sequence[Event]], None]
OnBroken: TypeAlias = Callable[[Exception], None]


class Subscriber:
    """One watcher. `cancel` ends it at once, also from within its own callback. `lasting`: it stays when the storage
    breaks the watch off."""

    __slots__ = ("_group", "active", "after", "lasting", "on_broken", "on_events")

    def __init__(self, group: _Group, on_events: OnEvents, on_broken: OnBroken | None, after: Revision,
                 lasting: bool) -> None:  # fmt: skip
        self._group, self.on_events, self.on_broken, self.after = group, on_events, on_broken, after
        self.lasting, self.active = lasting, True

    def cancel(self) -> None:
        if self.active:
            self.active = False
            self._group.leave(self)

    def end(self, error: Exception) -> None:
        self.cancel()
        if self.on_broken is not None:
            self.on_broken(error)


class _Group:
    __slots__ = ("_home", "members", "predicate")

    def __init__(self, predicate: Predicate, home: Subscriptions) -> None:
        self.predicate, self._home = predicate, home
        self.members: dict[Subscriber, None] = {}

    def leave(self, member: Subscriber) -> None:
        del self.members[member]
        if not self.members:
            self._home.drop(self)

    def hand(self, events: Sequence[Event]) -> None:
        for member in tuple(self.members):
            if not member.active:
                continue
            shown = events
            if member.after:
                shown = [event for event in events if event.revision > member.after]
            if shown:
                self._call(member, shown)

    @staticmethod
    def _call(member: Subscriber, events: Sequence[Event]) -> None:
        """A watcher that raises is ended, and the others never notice."""
        try:
            member.on_events(events)
        except Exception as error:
            _log.exception("a watcher failed and is ended")
            member.end(error)


class Judge:
    """What a watcher with a predicate sees of an event."""

    __slots__ = ("_attributes", "_scope")

    def __init__(self, scope: Scope, attributes: AttributesOfEntry) -> None:
        self._scope, self._attributes = scope, attributes

    def show(self, event: Event, predicate: Predicate) -> Event | None:
        """The event, or the ADDED or DELETED that it is for this predicate; None: nothing."""
        if predicate.everything:
            return event
        if not predicate.matches_key(event.entry.key, self._scope):
            return None
        if not predicate.needs_attributes:
            return event
        before = event.previous
        was = before is not None and predicate.matches_attributes(self._attributes(before))
        if event.type == DELETED:
            return event if was else None
        if predicate.matches_attributes(self._attributes(event.entry)):
            return event if was or event.type == ADDED else Event(ADDED, event.entry, None)
        departed = event.departed() if was else None
        return None if departed is None else Event(DELETED, departed, before)

    def values(self, event: Event, subject: Subject) -> set[str | None]:
        """The values of a label or field before and after."""
        states = (event.previous, event.entry)
        return {subject.value(self._attributes(one)) for one in states if one is not None}


class Subscriptions:
    """All groups of one resource, each in exactly one of the four places where events look for them."""

    __slots__ = ("_by_key", "_by_namespace", "_by_value", "_groups", "_judge", "_scope", "_wide")

    def __init__(self, scope: Scope, judge: Judge) -> None:
        self._scope, self._judge = scope, judge
        self._groups: dict[PredicateKey, _Group] = {}
        self._by_key: dict[str, list[_Group]] = {}
        self._by_namespace: dict[str, list[_Group]] = {}
        self._by_value: dict[Subject, dict[str | None, list[_Group]]] = {}
        self._wide: list[_Group] = []

    def __len__(self) -> int:
        return sum(len(group.members) for group in self._groups.values())

    def add(self, predicate: Predicate, on_events: OnEvents, on_broken: OnBroken | None = None, after: Revision = 0,
            lasting: bool = False) -> Subscriber:  # fmt: skip
        group = self._groups.get(predicate.key)
        if group is None:
            group = self._groups[predicate.key] = _Group(predicate, self)
            self._place(predicate).append(group)
        member = Subscriber(group, on_events, on_broken, after, lasting)
        group.members[member] = None
        return member

    def _place(self, predicate: Predicate) -> list[_Group]:
        only = predicate.range(self._scope).key
        if only:
            return self._by_key.setdefault(only, [])
        named = _equality(predicate)
        if named is not None:
            return self._by_value.setdefault(named[0], {}).setdefault(named[1], [])
        if predicate.namespace:
            return self._by_namespace.setdefault(predicate.namespace, [])
        return self._wide

    def drop(self, group: _Group) -> None:
        """Forget an empty group, and its place when nobody else is there."""
        predicate = group.predicate
        del self._groups[predicate.key]
        self._place(predicate).remove(group)
        named = _equality(predicate)
        if named is not None and not predicate.range(self._scope).key:
            values = self._by_value[named[0]]
            if not values[named[1]]:
                del values[named[1]]
            if not values:
                del self._by_value[named[0]]
        for places, place in (
            (self._by_key, predicate.range(self._scope).key),
            (self._by_namespace, predicate.namespace),
        ):
            if place in places and not places[place]:
                del places[place]

    def deliver(self, batch: Sequence[Event]) -> None:
        """Show a run of events to all whom they concern, one call each."""
        if not self._groups:
            return
        runs: dict[_Group, list[Event]] = {}
        show = self._judge.show
        for event in batch:
            for group in self._concerned(event):
                shown = show(event, group.predicate)
                if shown is not None:
                    runs.setdefault(group, []).append(shown)
        for group, events in runs.items():
            group.hand(events)

    def _concerned(self, event: Event) -> Iterator[_Group]:
        yield from self._wide
        key = event.entry.key
        if self._by_key:
            yield from self._by_key.get(key, ())
        if self._by_namespace:
            yield from self._by_namespace.get(self._scope.split(key)[0], ())
        for subject, values in self._by_value.items():
            for value in self._judge.values(event, subject):
                yield from values.get(value, ())

    def end(self, error: Exception, *, lasting: bool) -> None:
        """End all; those that last only if `lasting`."""
        for group in list(self._groups.values()):
            for member in tuple(group.members):
                if member.active and (lasting or not member.lasting):
                    member.end(error)

    @property
    def any_lasting(self) -> bool:
        return any(member.lasting for group in self._groups.values() for member in group.members)

    def check_invariants(self) -> None:
        placed = [*self._wide]
        homes: list[Mapping[Any, list[_Group]]] = [self._by_key, self._by_namespace, *self._by_value.values()]
        for places in homes:
            assert all(places.values()), "an empty place was kept"
            placed += [group for groups in places.values() for group in groups]
        assert all(self._by_value.values())
        assert sorted(map(id, placed)) == sorted(map(id, self._groups.values()))
        for key, group in self._groups.items():
            assert group.predicate.key == key and group.members
            assert all(member.active for member in group.members)


def _equality(predicate: Predicate) -> tuple[Subject, str] | None:
    """The first field or label that must have one value."""
    for subject, values in named_values(predicate):
        if len(values) == 1:
            return subject, next(iter(values))
    return None
