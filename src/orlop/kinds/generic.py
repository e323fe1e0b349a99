"""The strategies that most kinds share: a main store that owns all but the status, a status store that owns it.

Kinds with rules of their own subclass these. Made by `kinds.rooms` from the catalog's row and the traits below.
Behaviour: the `strategy.go` of each kind in kube-apiserver `pkg/registry`, which repeat these few patterns.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson

from orlop.api.context import Context
from orlop.api.gvk import GroupKind
from orlop.api.tree import Tree
from orlop.registry.strategy import Strategy
from orlop.storage.interface import Fields


@dataclass(frozen=True, slots=True)
class Form:
    """What a strategy must know of its kind. `empty` gives a fresh zero object (its status above all)."""

    kind: GroupKind
    namespaced: bool
    fields: Callable[[Tree], Fields]
    empty: Callable[[], Tree]
    has_status: bool


class MainStrategy(Strategy):
    """Owns metadata and spec. `counts_generation`: metadata.generation starts at 1 and moves with every change that
    is not status or metadata; of other kinds a generation sent on create is stored as it came."""

    counts_generation = False

    def __init__(self, form: Form) -> None:
        super().__init__(form.kind, form.namespaced, form.fields)
        self.form = form

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        if self.form.has_status:
            self.reset_status(obj)
        if self.counts_generation:
            obj["metadata"]["generation"] = 1

    def reset_status(self, obj: Tree) -> None:
        empty = self.form.empty()
        if "status" in empty:
            obj["status"] = empty["status"]
        else:
            obj.pop("status", None)

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        if self.form.has_status:
            carry(obj, old, "status")
        if self.counts_generation and self.changed(obj, old):
            obj["metadata"]["generation"] = (old["metadata"].get("generation") or 0) + 1

    def changed(self, obj: Tree, old: Tree) -> bool:
        """Whether this update moves the generation."""
        return bool(obj.get("spec") != old.get("spec"))


class CountingStrategy(MainStrategy):
    """A main store whose kind counts generations."""

    counts_generation = True


class StatusStrategy(Strategy):
    """Owns the status; everything else but metadata stays as stored. `keeps_metadata`: members of metadata that stay
    as stored too."""

    keeps_metadata: tuple[str, ...] = ()

    def __init__(self, form: Form) -> None:
        super().__init__(form.kind, form.namespaced, form.fields)
        self.form = form

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        for name in [n for n in obj if n not in ("metadata", "status", "kind", "apiVersion")]:
            if name not in old:
                del obj[name]
        for name, value in old.items():
            if name not in ("metadata", "status"):
                obj[name] = value
        for name in self.keeps_metadata:
            carry(obj["metadata"], old["metadata"], name)


def carry(obj: Tree, old: Tree, name: str) -> None:
    """`obj` gets the member `name` as `old` has it, or loses it."""
    if name in old:
        obj[name] = old[name]
    else:
        obj.pop(name, None)


def settle(tree: Tree, *names: str) -> None:
    """Empty lists that were told apart from none (`schema.structural.TOLD_APART`) are none from here on."""
    for name in names:
        if tree.get(name) == []:
            tree[name] = None


def copied(tree: Any) -> Any:
    """An independent copy of a JSON tree; cheaper than copy.deepcopy."""
    return orjson.loads(orjson.dumps(tree))
