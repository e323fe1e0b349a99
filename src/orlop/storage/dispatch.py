"""Who watches what: from a committed event to the sinks that want it.

Filled by the `watch` of `memory`, `sqlite` and `watch_cache`; called by them once per commit. Finding the
sinks of an event costs one dict look-up, however many prefixes are watched: the answer is memoised by the
key's parent (prefixes end in "/", so that keys of one parent have the same watchers).
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final

from orlop.storage.interface import Event, Revision, Sink
from orlop.storage.limits import CATCH_UP, ROUTES

_log: Final = logging.getLogger(__name__)


class Registration:
    """One sink under one prefix; the `Subscription` that `watch` returns."""

    __slots__ = ("_dispatch", "active", "after", "prefix", "sink")

    def __init__(self, dispatch: Dispatch, prefix: str, sink: Sink, after: Revision) -> None:
        self._dispatch, self.prefix, self.sink, self.after = dispatch, prefix, sink, after
        self.active = True

    def cancel(self) -> None:
        self._dispatch.remove(self)

    def progress_at(self, revision: Revision) -> None:
        self._dispatch.promise(self, revision)


class Dispatch:
    """`revision`: up to where events were handed over. `ask`: called with a revision that was promised and not
    reached, when it takes asking to hear that it is."""

    __slots__ = ("_ask", "_promises", "_registrations", "_routes", "revision")

    def __init__(self, revision: Revision, ask: Callable[[Revision], None] | None = None) -> None:
        self.revision, self._ask = revision, ask
        self._registrations: dict[Registration, None] = {}
        self._routes: dict[str, tuple[Registration, ...]] = {}
        self._promises: dict[tuple[Registration, Revision], None] = {}

    def __len__(self) -> int:
        return len(self._registrations)

    def add(self, prefix: str, sink: Sink, after: Revision) -> Registration:
        """Hand later events above `after` to `sink`."""
        registration = Registration(self, prefix, sink, after)
        self._registrations[registration] = None
        self._routes.clear()
        return registration

    def catch_up(self, registration: Registration, past: Sequence[Event]) -> None:
        """Hand over events from before the registration."""
        for start in range(0, len(past), CATCH_UP):
            if registration.active:
                self._hand(registration, past[start : start + CATCH_UP])

    def remove(self, registration: Registration) -> None:
        if registration.active:
            registration.active = False
            del self._registrations[registration]
            for promise in [one for one in self._promises if one[0] is registration]:
                del self._promises[promise]
            self._routes.clear()

    def publish(self, batch: Sequence[Event], revision: Revision) -> None:
        """Hand over the events of one commit, which brought the storage to `revision`."""
        if self._registrations:
            for registration, run in self._runs(batch).items():
                if registration.after >= run[0].revision:
                    run = [event for event in run if event.revision > registration.after]
                if run and registration.active:
                    self._hand(registration, run)
        self.advance(revision)

    def _runs(self, batch: Sequence[Event]) -> dict[Registration, list[Event]]:
        runs: dict[Registration, list[Event]] = {}
        routes = self._routes
        for event in batch:
            key = event.entry.key
            parent = key[: key.rfind("/") + 1]
            route = routes.get(parent)
            if route is None:
                route = self._route(parent)
            for registration in route:
                run = runs.get(registration)
                if run is None:
                    runs[registration] = [event]
                else:
                    run.append(event)
        return runs

    def _route(self, parent: str) -> tuple[Registration, ...]:
        if len(self._routes) >= ROUTES:
            self._routes.clear()
        route = tuple(one for one in self._registrations if parent.startswith(one.prefix))
        self._routes[parent] = route
        return route

    def _hand(self, registration: Registration, run: Sequence[Event]) -> None:
        """A sink that raises breaks its promise: it is ended, and the others never notice."""
        try:
            registration.sink.events(run)
        except Exception as error:
            _log.exception("a watcher of %s failed and is ended", registration.prefix)
            self.remove(registration)
            registration.sink.broken(error)

    def advance(self, revision: Revision) -> None:
        """All events up to `revision` were handed over; keep the promises that this fulfils."""
        self.revision = revision
        if self._promises:
            for promise in [one for one in self._promises if one[1] <= revision]:
                if promise in self._promises:
                    del self._promises[promise]
                    promise[0].sink.progress(revision)

    def promise(self, registration: Registration, revision: Revision) -> None:
        if not registration.active:
            return
        if revision <= self.revision:
            registration.sink.progress(self.revision)
        else:
            self._promises[registration, revision] = None
            if self._ask is not None:
                self._ask(revision)

    @property
    def promised(self) -> Revision:
        """The smallest revision that somebody waits for, 0 for none."""
        return min((at for _, at in self._promises), default=0)

    def fail(self, key: str, error: Exception) -> None:
        """An event of `key` cannot be told: end the watches that would have been."""
        for registration in list(self._registrations):
            if key.startswith(registration.prefix):
                self.remove(registration)
                registration.sink.broken(error)

    def end(self, error: Exception) -> None:
        """End every watch."""
        for registration in list(self._registrations):
            self.remove(registration)
            registration.sink.broken(error)

    def check_invariants(self) -> None:
        assert all(one.active for one in self._registrations)
        assert all(one in self._registrations and at > self.revision for one, at in self._promises)
        for parent, route in self._routes.items():
            assert route == tuple(one for one in self._registrations if parent.startswith(one.prefix))
