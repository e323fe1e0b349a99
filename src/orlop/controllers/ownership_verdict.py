"""What becomes of an object, from how its owners stand: stay, lose references, or be deleted.

Asked by `garbage_collector` with what is stored right now; pure. Behaviour: kube-controller-manager
`pkg/controller/garbagecollector/garbagecollector.go` attemptToDeleteItem.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from enum import Enum
from typing import NamedTuple

from orlop.controllers.ownership_graph import Wait


class Standing(Enum):
    """Of one reference.

    SOLID      the owner is there and stays, or goes without its dependents being its business
    ABSENT     there is no such object
    DELETING   the owner waits for its dependents to be deleted
    ORPHANING  the owner waits for its dependents to let go of it
    UNKNOWN    nobody can tell: the kind is not known, or an object of the cluster names one of a namespace
    """

    SOLID = "solid"
    ABSENT = "absent"
    DELETING = "deleting"
    ORPHANING = "orphaning"
    UNKNOWN = "unknown"


class Verdict(NamedTuple):
    """`policy` "": not deleted. `drop`: uids of owners whose references go. `unblock`: first the references become
    such as block no owner."""

    policy: str = ""
    drop: frozenset[str] = frozenset()
    unblock: bool = False


LEAVE = Verdict()


def standing(there: bool, wait: Wait) -> Standing:
    if not there:
        return Standing.ABSENT
    if wait is Wait.DEPENDENTS:
        return Standing.DELETING
    return Standing.ORPHANING if wait is Wait.ORPHANS else Standing.SOLID


def judge(standings: Sequence[tuple[str, Standing]], finalizers: Collection[str], has_dependents: bool,
          may_be_cycle: bool) -> Verdict:
    """`standings` of the references by uid; the object itself is not being deleted."""
    kinds = {each for _, each in standings}
    if not kinds or Standing.UNKNOWN in kinds:
        return LEAVE
    if Standing.SOLID in kinds or Standing.ORPHANING in kinds:
        return Verdict(drop=frozenset(uid for uid, each in standings if each is not Standing.SOLID))
    if Standing.DELETING in kinds and has_dependents:
        return Verdict("Foreground", unblock=may_be_cycle)
    if Wait.ORPHANS.value in finalizers:
        return Verdict("Orphan")
    return Verdict("Foreground" if Wait.DEPENDENTS.value in finalizers else "Background")


def wait_of(metadata: Mapping[str, object]) -> Wait:
    """What a stored object waits for."""
    finalizers = metadata.get("finalizers")
    if not metadata.get("deletionTimestamp") or not isinstance(finalizers, list):
        return Wait.NOTHING
    return next((wait for wait in (Wait.ORPHANS, Wait.DEPENDENTS) if wait.value in finalizers), Wait.NOTHING)
