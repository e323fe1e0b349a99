"""The node of values whose type nobody declared: what each is, is seen from the value itself.

Maps are merged member by member, lists are owned as a whole. Used for free-form objects, JSON without a schema, and
custom kinds that preserve unknown fields. Behaviour: structured-merge-diff `typed/parser.go` (DeducedParseableType).
"""

from __future__ import annotations

from typing import Final

from orlop.api.tree import Value
from orlop.apply import field_set
from orlop.apply.field_set import ITSELF, LEAF, FieldSet
from orlop.apply.node import MODIFIED, Difference, Node, equal
from orlop.apply.typed_errors import Complaint


class Anything(Node):
    def validate(self, value: Value, duplicates: bool = False) -> list[Complaint]:
        return []

    def fields(self, value: Value) -> FieldSet | None:
        if type(value) is not dict:
            return None if value is None else LEAF
        if not value:
            return None
        found = {"f:" + key: field_set.with_itself(self.fields(member) or LEAF) for key, member in value.items()}
        return field_set.ordered(found)

    def whole(self, value: Value) -> FieldSet:
        if type(value) is not dict or not value:
            return LEAF
        return {ITSELF: LEAF, **{"f:" + key: self.whole(value[key]) for key in sorted(value)}}

    def compare(self, old: Value, new: Value) -> Difference | None:
        if old is new:
            return None
        before = old if type(old) is dict else {}
        after = new if type(new) is dict else {}
        removed = {"f:" + key: self.whole(before[key]) for key in sorted(before) if key not in after}
        changed: FieldSet = {}
        for key in sorted(after):
            if key not in before:
                changed["f:" + key] = self.whole(after[key])
                continue
            difference = self.compare(before[key], after[key])
            if difference is not None:
                gone, came = difference
                if gone is not None:
                    removed["f:" + key] = gone
                if came is not None:
                    changed["f:" + key] = came
        modified = not self._both_maps(old, new) and not equal(old, new)
        if modified:
            changed = field_set.with_itself(changed)
        if not removed and not changed:
            return MODIFIED if modified else None
        return field_set.ordered(removed) or None, changed or (LEAF if modified else None)

    def _both_maps(self, old: Value, new: Value) -> bool:
        """Whether the two are compared by their members only: null counts as a map unless there is nothing else."""
        kinds = {type(old), type(new)}
        return kinds == {dict} or (kinds == {dict, type(None)} and bool(old or new))

    def merge(self, live: Value, config: Value) -> Value:
        if type(live) is not dict or not live:
            return live if equal(live, config) else config
        if config is None:
            return live
        if type(config) is not dict:
            return config
        merged: dict[str, Value] | None = None
        for key, value in config.items():
            if key in live:
                before = live[key]
                value = self.merge(before, value)
                if value is before:
                    continue
            if merged is None:
                merged = live.copy()
            merged[key] = value
        return live if merged is None else merged

    def remove(self, value: Value, items: FieldSet) -> Value:
        if type(value) is not dict:
            return None if type(value) is list else value
        kept = {}
        for key, member in value.items():
            below = items.get("f:" + key)
            if below is None:
                kept[key] = member
            elif not field_set.is_member(below):
                kept[key] = self.remove(member, below)
        return kept or None

    def extract(self, value: Value, items: FieldSet) -> Value:
        if type(value) is not dict or not value:
            return value
        kept = {}
        for key, member in value.items():
            below = items.get("f:" + key)
            if below is not None:
                # Upstream goes on with the outer set below a member of it; what it finds there is the same name again.
                kept[key] = self.extract(member, items if field_set.is_member(below) else below)
        return kept or None


ANYTHING: Final = Anything()
