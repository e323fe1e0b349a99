"""The node of lists: atomic ones, sets, and lists whose items have keys.

Made by `builtin` and `openapi`. The order of a merged list is upstream's: see `merge`. Behaviour: structured-merge-diff
`typed/` (doList and visitListItems of each walker), `typed/helpers.go` (listItemToPathElement).
"""

from __future__ import annotations

from typing import TypeAlias

from orlop.api.field import quote
from orlop.api.tree import Tree, Value
from orlop.apply import field_set, go_text, path_element
from orlop.apply.field_set import ITSELF, LEAF, FieldSet
from orlop.apply.node import MODIFIED, Difference, Node, equal
from orlop.apply.scalar import Leaf
from orlop.apply.shapes import Shapes
from orlop.apply.typed_errors import Complaint, TypedError

Key: TypeAlias = tuple[str, Value]
"""The name of a key and its default, None for none."""

_Found: TypeAlias = dict[str, list[Value]]
"""Items by their path element; more than one are duplicates."""

_NO_ITEM = object()


class Atomic(Leaf):
    """A list owned as a whole."""

    def __init__(self, element: Node) -> None:
        self.element = element

    def validate(self, value: Value, duplicates: bool = False) -> list[Complaint]:
        if type(value) is not list:
            return _no_list(value)
        return [complaint.within(f"[{index}]") for index, item in enumerate(value)
                for complaint in self.element.validate(item, duplicates)]

    def remove(self, value: Value, items: FieldSet) -> Value:
        return None

    def extract(self, value: Value, items: FieldSet) -> Value:
        return value if type(value) is list else None

    def reconciled(self, fields: FieldSet) -> FieldSet:
        return LEAF


class Associative(Node):
    """A list whose items are told apart: by their `keys`, or by what they are when it has none (a set)."""

    def __init__(self, element: Node, keys: tuple[Key, ...] = ()) -> None:
        self.element, self._names = element, [name for name, _ in keys]
        self._keys = tuple(sorted(keys))
        self._one = self._keys[0] if len(keys) == 1 else None
        self._shapes: Shapes[FieldSet] = Shapes()
        self._spelled: Shapes[str] = Shapes()

    def _name(self, item: Value) -> str:
        """The path element of an item. ValueError in upstream's words for an item that has none."""
        if not self._keys:
            return _name_in_set(item)
        if type(item) is not dict:
            if item is None:
                raise ValueError("associative list with keys may not have a null element")
            raise ValueError("associative list with keys may not have non-map elements")
        if self._one is not None:
            values = item.get(*self._one)
            if type(values) is not str and type(values) is not int:
                return self._spell(item)
        else:
            values = tuple([item.get(name, default) for name, default in self._keys])
            for value in values:
                if type(value) is not str and type(value) is not int:
                    return self._spell(item)
        return self._spelled.known.get(values) or self._spelled.keep(values, 1, self._spell(item))

    def _spell(self, item: Tree) -> str:
        present = [(name, item.get(name, default)) for name, default in self._keys
                   if name in item or default is not None]
        if not present:
            names = " ".join(map(quote, self._names))
            raise ValueError(f"associative list with keys has an element that omits all key fields [{names}] "
                             "(and doesn't have default values for any key fields)")
        return path_element.item(present)

    def validate(self, value: Value, duplicates: bool = False) -> list[Complaint]:
        if type(value) is not list:
            return _no_list(value)
        found: list[Complaint] = []
        seen: set[str] = set()
        for index, item in enumerate(value):
            try:
                element = self._name(item)
            except ValueError as error:
                return [*found, Complaint("", f"element {index}: {error}")]
            if element in seen and not duplicates:
                found.append(Complaint("", f"duplicate entries for key {path_element.show(element)}"))
            seen.add(element)
            complaints = self.element.validate(item, duplicates)
            if complaints:
                step = path_element.show(element)
                found += [complaint.within(step) for complaint in complaints]
        return found

    def _index(self, value: Value) -> _Found:
        """The items by path element, in the order of the list. TypedError for items without one."""
        found: _Found = {}
        if type(value) is not list:
            return found
        for index, item in enumerate(value):
            try:
                element = self._name(item)
            except ValueError as error:
                raise TypedError([Complaint("", f"element {index}: {error}")]) from None
            if element in found:
                found[element].append(item)
            else:
                found[element] = [item]
        return found

    def fields(self, value: Value) -> FieldSet | None:
        found: FieldSet = {}
        for element, items in self._index(value).items():
            below = self.element.fields(items[0]) if len(items) == 1 else None
            found[element] = field_set.with_itself(below or LEAF)
        return field_set.ordered(found) if found else None

    def whole(self, value: Value) -> FieldSet:
        if not value or type(value) is not list:
            return LEAF
        try:
            names = list(map(self._name, value))
        except ValueError:
            return self._whole_of(self._index(value))
        if len(set(names)) != len(names):
            return self._whole_of(self._index(value))
        if self.element.leaf:
            return self._shaped(names, [LEAF] * len(names))
        return self._shaped(names, list(map(self.element.whole, value)))

    def _whole_of(self, found: _Found) -> FieldSet:
        whole = self.element.whole
        return self._shaped(list(found), [whole(items[0]) if len(items) == 1 else LEAF for items in found.values()])

    def _shaped(self, names: list[str], parts: list[FieldSet]) -> FieldSet:
        """The set of these items, the same one for the same items."""
        shape = (*names, *map(id, parts))
        made = self._shapes.known.get(shape)
        if made is None:
            below = dict(zip(names, parts, strict=True))
            made = {ITSELF: LEAF, **{name: below[name] for name in field_set.sort(names)}}
            self._shapes.keep(shape, len(names), made)
        return made

    def compare(self, old: Value, new: Value) -> Difference | None:
        if old is new:
            return None
        if not (old or new):
            return None if equal(old, new) else MODIFIED
        before, after = self._index(old), self._index(new)
        removed: FieldSet = {}
        changed: FieldSet = {}
        for element in before | after:
            difference = self._compare_item(before.get(element, ()), after.get(element, ()))
            if difference is not None:
                gone, came = difference
                if gone is not None:
                    removed[element] = gone
                if came is not None:
                    changed[element] = came
        if not (removed or changed):
            return None
        return field_set.ordered(removed) or None, field_set.ordered(changed) or None

    def _compare_item(self, old: list[Value] | tuple[()], new: list[Value] | tuple[()]) -> Difference | None:
        """Duplicates are owned together, as one leaf."""
        if len(old) == 1 and len(new) == 1:
            return None if old[0] is new[0] or old[0] == new[0] else self.element.compare(old[0], new[0])
        if len(old) > 1 and len(new) > 1:
            return None if equal(list(old), list(new)) else MODIFIED
        gone = LEAF if len(old) > 1 else self.element.whole(old[0]) if old else None
        came = LEAF if len(new) > 1 else self.element.whole(new[0]) if new else None
        return gone, came

    def merge(self, live: Value, config: Value) -> Value:
        """Items that both have follow the configuration's order, the other live ones stay between them where they were,
        new ones come after those."""
        if live is config:
            return live
        if not config or type(config) is not list:
            return live if live or equal(live, config) else config
        if not live or type(live) is not list:
            return config
        wanted, present = self._index(config), self._index(live)
        order = [element for element in wanted if element in present]
        names = [self._name(item) for item in live]
        merged: list[Value] = []
        done: set[str] = set()
        left, right = 0, list(wanted)
        at, shared = 0, 0
        while left < len(names) or at < len(right):
            if left < len(names) and at < len(right):
                element = names[left]
                if element == right[at]:
                    done.add(element)
                    merged.append(self._merge_item(element, present, wanted))
                    left, at, shared = left + 1, at + 1, shared + 1
                    continue
                if element in wanted and shared < len(order) and order[shared] != element:
                    left += 1
                    continue
            if left < len(names):
                element = names[left]
                if element not in wanted:
                    merged.append(live[left])
                    left += 1
                    continue
                if element in done:
                    left += 1
            if at < len(right):
                element = right[at]
                done.add(element)
                merged.append(self._merge_item(element, present, wanted))
                at += 1
                if shared < len(order) and order[shared] == element:
                    shared += 1
        same = len(merged) == len(live) and all(item is old for item, old in zip(merged, live, strict=True))
        return live if same else merged

    def _merge_item(self, element: str, present: _Found, wanted: _Found) -> Value:
        """An item with the one that stands for it; duplicates are replaced."""
        new, old = wanted[element][0], present.get(element, ())
        if len(old) != 1:
            return new
        try:
            return self.element.merge(old[0], new)
        except TypedError as error:
            raise error.within(path_element.show(element)) from None

    def remove(self, value: Value, items: FieldSet) -> Value:
        if type(value) is not list:
            return None
        kept: list[Value] = []
        for item in value:
            below = self._below(item, items)
            if below is None:
                kept.append(item)
            elif not field_set.is_member(below):
                kept.append(self.element.remove(item, below))
        return kept or None

    def extract(self, value: Value, items: FieldSet) -> Value:
        if type(value) is not list or not value:
            return value if type(value) is list else None
        kept: list[Value] = []
        for item in value:
            below = self._below(item, items)
            if below is not None:
                kept.append(self.element.extract(item, below) if below.keys() - {ITSELF} else item)
        return kept or None

    def _below(self, item: Value, items: FieldSet) -> FieldSet | None:
        try:
            return items.get(self._name(item))
        except ValueError:
            return None

    def named(self, fields: FieldSet) -> FieldSet:
        return {element: self.element.named(below) if below and element[0] == "k" else below
                for element, below in fields.items()}

    def reconciled(self, fields: FieldSet) -> FieldSet:
        result: FieldSet | None = None
        for element, below in fields.items():
            new = self.element.reconciled(below) if below else below
            if new is not below:
                result = fields.copy() if result is None else result
                result[element] = new
        return fields if result is None else result


def _no_list(value: Value) -> list[Complaint]:
    return [] if value is None else [Complaint("", f"expected list, got {go_text.holder(value)}")]


def _name_in_set(item: Value) -> str:
    if type(item) is dict:
        raise ValueError("associative list without keys has an element that's a map type")
    if type(item) is list:
        raise ValueError("not supported: associative list with lists as elements")
    if item is None:
        raise ValueError("associative list without keys has an element that's an explicit null")
    return path_element.in_set(item)
