"""What was taken from quotas for writes that may still be under way.

`ResourceQuota` notes each charge here; the quota controller, when it counts what there is, adds what has been charged
and not yet stored, so that a count between the two gives nothing away twice. A write that failed keeps its
charge until the note is too old; then a count sets it right. Upstream has no such thing: there such a count loses the
charge.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from orlop.api.amounts import Amounts, add
from orlop.api.gvk import GroupResource

LIFETIME: Final = 30.0
"""Seconds that a charge counts without its object being seen. Writes take milliseconds."""
MOST: Final = 10_000
"""Notes at most; beyond that the oldest goes."""

Place: TypeAlias = tuple[GroupResource, str, str]
"""An object: its resource, namespace and name."""


class Reservation(NamedTuple):
    """`version`: the object's resource version before the write, "" for a creation."""

    quota: str
    place: Place
    version: str
    amounts: Amounts
    until: float


Version = Callable[[Place], str]
"""The resource version of a stored object, "" when there is none."""


class Reservations:
    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._notes: dict[int, Reservation] = {}
        """By number, the oldest first."""
        self._of: dict[Place, set[int]] = {}
        self._next = 0

    def note(self, quota: str, place: Place, version: str, amounts: Amounts) -> int:
        """`quota` is namespace/name. Returns the number of the note."""
        now, number = self._now(), self._next
        while self._notes:
            oldest = next(iter(self._notes))
            if len(self._notes) < MOST and self._notes[oldest].until >= now:
                break
            self.drop(oldest)
        self._next += 1
        self._notes[number] = Reservation(quota, place, version, amounts, now + LIFETIME)
        self._of.setdefault(place, set()).add(number)
        return number

    def drop(self, number: int) -> None:
        """The write will not be made, or is known."""
        found = self._notes.pop(number, None)
        if found is not None:
            numbers = self._of[found.place]
            numbers.discard(number)
            if not numbers:
                del self._of[found.place]

    def seen(self, place: Place, gone: bool) -> bool:
        """An object was written: whatever was about to change it has done so, or will be judged again. One that is
        gone may be about to be made. Returns whether something was charged for it."""
        numbers = tuple(self._of.get(place, ()))
        for number in numbers:
            if not gone or self._notes[number].version:
                self.drop(number)
        return bool(numbers)

    def outstanding(self, quota: str, version: Version) -> Amounts:
        """Charges of a quota whose writes are not seen; forgets those that are."""
        now = self._now()
        total: Amounts = {}
        for number, one in tuple(self._notes.items()):
            if one.until < now or (one.quota == quota and version(one.place) != one.version):
                self.drop(number)
            elif one.quota == quota:
                add(total, one.amounts)
        return total
