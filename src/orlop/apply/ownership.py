"""Who owns what after a write, and what an applied configuration makes of an object.

`tracking` calls it with decoded owners; everything is in the version of the request, and what others own in other
versions is compared there (`versions`). Behaviour: structured-merge-diff `merge/update.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

import orjson

from orlop.api.tree import Tree
from orlop.apply import conflicts, field_set
from orlop.apply.conflicts import ApplyConflict
from orlop.apply.entries import Owned, Owner, Owners
from orlop.apply.field_set import LEAF, FieldSet
from orlop.apply.filters import FieldFilter
from orlop.apply.node import Node, equal
from orlop.apply.shapes import Texts
from orlop.apply.typed_errors import TypedError
from orlop.apply.versions import Versions


class Changes(NamedTuple):
    """What a write removed, and what it added or modified, but for what nobody may own."""

    removed: FieldSet
    changed: FieldSet


UNCHANGED = Changes(LEAF, LEAF)


class Ownership:
    """The rules for one version of a kind. `reset` has the filters of this room by API version."""

    def __init__(self, version: str, node: Node, versions: Versions, reset: Mapping[str, FieldFilter]) -> None:
        self.version, self.node, self.versions, self.reset = version, node, versions, reset
        self._specs: Texts[Changes] = Texts()
        self._reconciled: Texts[bool] = Texts()

    def changes(self, old: Tree, new: Tree, version: str, node: Node) -> Changes:
        difference = node.compare(old, new)
        if difference is None:
            return UNCHANGED
        removed, changed = difference[0] or LEAF, difference[1] or LEAF
        only = self.reset.get(version)
        return Changes(removed, changed) if only is None else Changes(only(removed), only(changed))

    def create(self, empty: Tree, new: Tree, writer: Owner, now: str) -> Owners:
        """The owners of a new object: its writer. Raises TypedError as `write`."""
        changes = self._created(empty, new)
        fields = without_system_fields(changes.changed)
        return {writer: Owned(fields, self.version, now)} if fields else {}

    def _created(self, empty: Tree, new: Tree) -> Changes:
        """What a new object has. Objects made from one template have one spec: it is looked into once."""
        spec = new.get("spec")
        if not isinstance(spec, dict):
            return self.changes(empty, new, self.version, self.node)
        text = orjson.dumps(spec)
        known = self._specs.known.get(text)
        if known is None:
            before = {"spec": empty["spec"]} if "spec" in empty else {}
            known = self._specs.keep(text, self.changes(before, {"spec": spec}, self.version, self.node))
        rest = self.changes(_without_spec(empty), _without_spec(new), self.version, self.node)
        return Changes(field_set.union(rest.removed, known.removed), field_set.union(rest.changed, known.changed))

    def write(self, old: Tree, new: Tree, owners: Owners, writer: Owner, now: str) -> Owners:
        """The owners after a plain write by `writer`, who takes what it changed, from its own entry too: that gets back
        what it gains. Raises TypedError for objects that do not fit their type."""
        changes = self.changes(old, new, self.version, self.node)
        fields = without_system_fields(changes.changed) if changes.changed else LEAF
        mine = owners.get(writer)
        if mine is not None and not changes.removed and field_set.covers(mine.fields, fields):
            owners = self._take(old, new, changes, owners, writer, force=True)
            if fields:
                owners[writer] = mine._replace(time=now)
            return owners
        owners = self._take(old, new, changes, owners, None, force=True)
        if fields:
            before = owners.get(writer)
            both = fields if before is None else field_set.union(before.fields, fields)
            owners[writer] = Owned(both, self.version, now, None if before is None else before.entry)
        return owners

    def _take(self, old: Tree, new: Tree, changes: Changes, owners: Owners, but: Owner | None,
              force: bool) -> Owners:
        """Take from all owners but one what changed. Raises ApplyConflict unless forced. Owners of nothing and owners
        in versions that are gone are left out."""
        known = {self.version: changes}
        result: Owners = {}
        taken: dict[Owner, FieldSet] = {}
        for owner, owned in owners.items():
            if owner == but:
                if owned.fields:
                    result[owner] = owned
                continue
            version = owned.version
            found = known.get(version)
            if found is None:
                node = self.versions.type(version)
                if node is None:
                    continue
                there, then = self._both(old, new, version)
                found = known[version] = self.changes(there, then, version, node)
            fields = owned.fields
            if found.changed and not force:
                conflict = field_set.intersection(fields, found.changed)
                if conflict:
                    taken[owner] = conflict
            fields = field_set.difference(fields, found.changed)
            fields = field_set.difference(fields, found.removed)
            if fields:
                result[owner] = owned if fields is owned.fields else owned._replace(fields=fields)
        if taken:
            raise ApplyConflict(conflicts.among(taken))
        return result

    def _both(self, old: Tree, new: Tree, version: str) -> tuple[Tree, Tree]:
        convert = self.versions.convert
        with _trying("failed to convert old object"):
            there = convert(old, self.version, version)
        with _trying("failed to convert new object"):
            return there, there if new is old else convert(new, self.version, version)

    def reconciled(self, owners: Owners, live: Tree) -> Owners:
        """The owners with their fields as the types are today; those in versions that are gone are left out. Raises
        TypedError where the live object cannot be seen in one of those versions."""
        result: Owners = {}
        for owner, owned in owners.items():
            node = self.versions.type(owned.version)
            if node is not None:
                if self.versions.strict and owned.version != self.version:
                    with _trying(""):
                        self.versions.convert(live, self.version, owned.version)
                fields = self._reconcile(owned, node)
                result[owner] = owned if fields is owned.fields else owned._replace(fields=fields)
        return result

    def _reconcile(self, owned: Owned, node: Node) -> FieldSet:
        """Nearly always the fields are right as they are, and they are the same as last time."""
        text = owned.version.encode() + orjson.dumps(owned.fields)
        if self._reconciled.known.get(text):
            return owned.fields
        fields = node.reconciled(owned.fields)
        self._reconciled.keep(text, fields is owned.fields)
        return fields

    def apply(self, live: Tree, config: Tree, fields: FieldSet, owners: Owners, applier: Owner,
              force: bool) -> tuple[Tree, Owners]:
        """The object with a configuration applied that owns `fields`, and its owners. The live object itself when
        nothing came of it. Raises ApplyConflict, and TypedError for a live object that does not fit its type."""
        only = self.reset.get(self.version)
        if only is not None:
            fields = only(fields)
        merged: Tree = self.node.merge(live, config)
        last = owners.get(applier)
        owners = dict(owners)
        owners[applier] = Owned(fields, self.version) if last is None else last._replace(
            fields=fields, version=self.version)
        if last is not None and last.fields:
            merged = self._prune(merged, owners, applier, last)
            if last.version != self.version and equal(live, merged):
                merged = live
        if len(owners) > 1 or not fields:
            changes = self.changes(live, merged, self.version, self.node)
            owners = self._take(live, merged, changes, owners, applier, force)
        self._strip(owners, applier, last)
        return merged, owners

    def _strip(self, owners: Owners, applier: Owner, last: Owned | None) -> None:
        """Take the system's fields from the applier; with nothing left it is gone, with what it had it is as before."""
        mine = owners.get(applier)
        if mine is None:
            return
        kept = without_system_fields(mine.fields)
        if not kept:
            del owners[applier]
        elif last is not None and last.version == self.version and last.fields == kept:
            owners[applier] = last
        else:
            owners[applier] = mine._replace(fields=kept)

    def _prune(self, merged: Tree, owners: Owners, applier: Owner, last: Owned) -> Tree:
        """Without what the applier had applied last time, does not apply now, and nobody else owns."""
        fields = owners[applier].fields
        if last.version == self.version and not field_set.difference(last.fields, fields):
            return merged
        node = self.versions.type(last.version)
        if node is None:
            return merged
        with _trying("failed to prune fields: failed to convert merged object to last applied version"):
            there = self.versions.convert(merged, self.version, last.version)
        wanted = node.named(last.fields)
        pruned: Tree = node.remove(there, wanted) or {}
        try:
            back = self._add_back_owned(there, pruned, last.version, owners)
        except TypedError:
            if self.versions.lenient:
                return merged
            raise
        kept = node.named(node.fields(back) or LEAF)
        present = node.named(node.fields(there) or LEAF)
        gone = field_set.intersection(field_set.difference(present, kept), wanted)
        if not gone and last.version == self.version:
            return merged
        with _trying("failed to prune fields"):
            return self.versions.convert(node.remove(there, gone) or {}, last.version, self.version)

    def _add_back_owned(self, merged: Tree, pruned: Tree, version: str, owners: Owners) -> Tree:
        """Put back what was pruned but is owned by anybody. Seen from `version`, like the trees."""
        owned_in: dict[str, FieldSet] = {}
        for owned in owners.values():
            owned_in[owned.version] = field_set.union(owned_in.get(owned.version, LEAF), owned.fields)
        at = version
        for other, fields in sorted(owned_in.items(), key=lambda each: each[0] != version):  # this version first
            node = self.versions.type(other)
            if node is None:
                continue
            merged = self._converted(merged, at, other, "merged")
            pruned = self._converted(pruned, at, other, "pruned")
            at = other
            present = node.named(node.fields(merged) or LEAF)
            kept = field_set.union(node.named(node.fields(pruned) or LEAF), node.named(fields))
            pruned = node.remove(merged, field_set.difference(present, kept)) or {}
        with _trying("failed to prune fields: failed add back dangling items: failed to convert pruned object to last "
                     "applied version"):
            return self.versions.convert(pruned, at, version)

    def _converted(self, tree: Tree, source: str, target: str, what: str) -> Tree:
        with _trying(f"failed to prune fields: failed add back owned items: failed to convert {what} object at version "
                     f"{target}"):
            return self.versions.convert(tree, source, target)


@contextmanager
def _trying(doing: str) -> Iterator[None]:
    """Says what was tried of an object that does not fit its type."""
    try:
        yield
    except TypedError as error:
        raise TypedError(error.complaints, doing) from None


def _without_spec(obj: Tree) -> Tree:
    return {name: value for name, value in obj.items() if name != "spec"}


_SYSTEM_FIELDS = field_set.of(
    ("f:apiVersion",), ("f:kind",), ("f:metadata",),
    *(("f:metadata", f"f:{name}") for name in (
        "name", "namespace", "creationTimestamp", "selfLink", "uid", "clusterName", "generation", "managedFields",
        "resourceVersion")),
)


def without_system_fields(fields: FieldSet) -> FieldSet:
    """What can be owned: not the names and the system's own fields (`managedfields/internal/stripmeta.go`)."""
    return field_set.difference(fields, _SYSTEM_FIELDS)
