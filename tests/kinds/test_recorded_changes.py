"""One change after another to a rich object of every kind: what kube-apiserver said of each, as an update and as a new
object. Which fields never change is part of that.

`tests/data/kinds/changes.json.gz` has by kind a `base` (what kube-apiserver 1.36.3 made of a manifest) and `cases`: the
path of a member, its other value (null: without it), and field, reason and message of each cause that refuses it in a
PUT and in a POST; null where the answer was neither a success nor a list of causes.
"""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
from kind_bench import Kind, Tree, copied

from orlop.api.errors import APIError

DATA: Final = Path(__file__).parents[1] / "data" / "kinds" / "changes.json.gz"
RECORDED: Final[dict[str, Tree]] = json.loads(gzip.decompress(DATA.read_bytes()))
_UID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
UID: Final = "12345678-1234-1234-1234-123456789abc"
Causes = list[list[str]]
_EMPTY: Final = re.compile(r"(?<=[: ])(\[\]|\{\})")
OUTSIDE: Final[dict[str, frozenset[str]]] = {
    "pods.": frozenset({"tolerations", "priority", "preemptionPolicy"}),
    "services.": frozenset({"clusterIP", "clusterIPs", "healthCheckNodePort", "ipFamilies"}),
}
"""Members that admission or the allocators keep or fill in before the rules see them: not on a bench."""
KNOWN: Final[dict[str, frozenset[str]]] = {
    "horizontalpodautoscalers.autoscaling": frozenset({"policies"}),
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io": frozenset({"type", "limitResponse"}),
    "validatingadmissionpolicies.admissionregistration.k8s.io": frozenset({"variables"}),
}
"""Members with answers that differ still: an empty list of policies (decoding drops it, and the default comes),
missing types of flow control, and what is said of the uses of a variable without an expression."""


def with_change(base: Tree, path: list[str | int], value: Any) -> Tree:
    tree = copied(base)
    *outer, last = path
    place: Any = tree
    for step in outer:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    changed: Tree = tree
    return changed


def masked(causes: Causes) -> Causes:
    """Without what differs by chance; and an empty list or map, where it is printed, may be null: decoding drops it."""
    return [[_EMPTY.sub("null", _UID.sub("UID", text)) for text in cause] for cause in causes]


def said(refusal: APIError) -> Causes:
    return masked([[cause.get("field", ""), cause.get("reason", ""), cause["message"]]
                   for cause in (refusal.details or {}).get("causes", ())])


def updated(kind: Kind, base: Tree, tree: Tree) -> Causes:
    old = kind.decoded(base)
    old["metadata"].update({"uid": UID, "resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z"})
    try:
        kind.update(old, tree)
    except APIError as refusal:
        return said(refusal)
    return []


def created(kind: Kind, tree: Tree) -> Causes:
    name = tree["metadata"]["name"]
    tree["metadata"]["name"] = "10.99.0.10" if name == "10.99.0.9" else name.replace("x", "y", 1)
    try:
        kind.create(tree)
    except APIError as refusal:
        return said(refusal)
    return []


def removed(tree: Tree, base: Tree) -> Tree:
    """`Kind.update` keeps what is left out: nothing is."""
    return {**{name: None for name in base if name not in tree}, **tree}


@pytest.mark.parametrize("name", RECORDED)
def test_changes(name: str) -> None:
    """Every change is taken or refused as kube-apiserver does, for the same causes."""
    plural, _, group = name.partition(".")
    kind, recorded = Kind(plural, group), RECORDED[name]
    base, wrong = recorded["base"], []
    excepted = OUTSIDE.get(name, frozenset()) | KNOWN.get(name, frozenset())
    for path, value, update, create in recorded["cases"]:
        if excepted.intersection(path):
            continue
        tree = with_change(base, path, value)
        if update is not None:
            mine = updated(kind, base, removed(tree, base))
            if mine != masked(update):
                wrong.append(("PUT", path, value, mine, update))
        if create is not None:
            mine = created(kind, tree)
            if mine != masked(create):
                wrong.append(("POST", path, value, mine, create))
    assert wrong == []


def test_what_never_changes() -> None:
    """The recording is not empty: for nearly every kind it has changes that are refused, and some that are taken."""
    refusing = [name for name, recorded in RECORDED.items() if any(case[2] for case in recorded["cases"])]
    taking = [name for name, recorded in RECORDED.items() if any(case[2] == [] for case in recorded["cases"])]
    assert len(refusing) > 40
    assert len(taking) > 35
