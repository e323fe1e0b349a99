"""What is charged for writes that are not seen yet."""

from __future__ import annotations

import pytest

from orlop.admission import quota_reservations
from orlop.admission.quota_reservations import LIFETIME, Reservations
from orlop.api.amounts import ONE, written
from orlop.api.gvk import GroupResource

PODS = GroupResource("", "pods")


def test_charges_last_until_the_write_is_seen() -> None:
    """Or until it is too old to come, or is taken back."""
    now, stored = [0.0], dict[str, str]()
    reservations = Reservations(lambda: now[0])

    def outstanding() -> dict[str, str]:
        return written(reservations.outstanding("ns/q", lambda place: stored.get(place[2], "")))

    reservations.note("ns/q", (PODS, "ns", "a"), "", {"pods": ONE})
    reservations.note("ns/q", (PODS, "ns", "b"), "", {"pods": ONE})
    reservations.note("ns/other", (PODS, "ns", "b"), "", {"pods": ONE})
    taken_back = reservations.note("ns/q", (PODS, "ns", "c"), "", {"pods": ONE})
    assert outstanding() == {"pods": "3"}
    reservations.drop(taken_back)
    stored["a"] = "7"
    assert outstanding() == {"pods": "1"}
    reservations.note("ns/q", (PODS, "ns", "a"), "7", {"cpu": ONE})
    assert outstanding() == {"cpu": "1", "pods": "1"}
    stored["a"] = "8"
    now[0] = LIFETIME + 1
    assert outstanding() == {}


def test_a_write_that_was_seen_is_over() -> None:
    """Also when the object is gone before anybody counts; a deletion says nothing about a creation."""
    reservations = Reservations(lambda: 0.0)
    place = PODS, "ns", "a"
    reservations.note("ns/q", place, "", {"pods": ONE})
    reservations.seen(place, gone=True)
    assert written(reservations.outstanding("ns/q", lambda place: "")) == {"pods": "1"}
    reservations.seen(place, gone=False)
    assert reservations.outstanding("ns/q", lambda place: "") == {}


def test_notes_are_few(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit the oldest goes."""
    monkeypatch.setattr(quota_reservations, "MOST", 2)
    reservations = Reservations(lambda: 0.0)
    for name in "abc":
        reservations.note("ns/q", (PODS, "ns", name), "", {"pods": ONE})
    assert written(reservations.outstanding("ns/q", lambda place: "")) == {"pods": "2"}
