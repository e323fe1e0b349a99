"""The field manager of a room: what endpoints call on each create, update, patch and apply.

A room is a resource or a subresource in one API version. Trees come and go in that version: who calls converts from
and to the version of storage, decodes and defaults what an apply returns, and stores the managedFields it is given.
No clock: `now` is the text of a time. Behaviour: apimachinery `util/managedfields/internal/` (fieldmanager.go has the
chain of steps; each module here names its own).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import orjson

from orlop.api import errors
from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree, Value
from orlop.apply import capping, entries, last_applied, typed_errors
from orlop.apply.conflicts import ApplyConflict
from orlop.apply.entries import APPLY, UPDATE, BadEntries, Owners
from orlop.apply.field_set import LEAF, FieldSet
from orlop.apply.filters import FieldFilter
from orlop.apply.ownership import Ownership
from orlop.apply.shapes import Texts
from orlop.apply.typed_errors import TypedError
from orlop.apply.versions import Versions

BEFORE_APPLY: Final = "before-first-apply"
"""Owns, from the first apply on, what an object without owners had before."""


class FieldManager:
    """`empty` is what a new object of the kind prints as (for built-in kinds: an empty tree, decoded); what it has is
    not owned by who creates it. `reset` has the filters of this room by API version. `evolving`: the type of the kind
    may have changed since owners were noted (custom kinds)."""

    def __init__(self, gvk: GroupVersionKind, versions: Versions, empty: Tree,
                 reset: Mapping[str, FieldFilter] | None = None, subresource: str = "",
                 evolving: bool = False) -> None:
        node = versions.type(gvk.api_version)
        if node is None:
            raise ValueError(f"no corresponding type for {gvk}")
        self.gvk, self.subresource = gvk, subresource
        self._version, self._node, self._empty, self._evolving = gvk.api_version, node, empty, evolving
        self._flat = all(not value for value in empty.values())
        self.unconvertible = ""
        """Why nothing that an apply changes can be had in this version, "" where it can (the Scale of custom kinds)."""
        self._configs: Texts[FieldSet] = Texts()
        self._ownership = Ownership(self._version, node, versions, reset or {})

    def update(self, old: Tree | None, new: Tree, manager: str, now: str) -> list[Tree] | None:
        """managedFields after a create (`old` is None), update or patch: a list to store, None for none.

        Looks for `metadata.managedFields` in both objects: a client may change them in the main resource, and reset
        them by [] or [{}], so that an empty list has to be still there. What a client sends is checked, and passed
        over when it is wrong. A list that nothing happened to is returned itself, and shares entries in any case.
        """
        stored: Sequence[Tree] = (old["metadata"].get("managedFields") or ()) if old is not None else ()
        owners, untouched = self._decode(stored, new)
        created = old is None or not old["metadata"].get("uid")
        if not owners and not created:
            return None
        before = self._empty if old is None else old
        try:
            if self._evolving:
                self._check(before, new)
                owners = self._ownership.reconciled(owners, before)
            writer = entries.owner(manager, UPDATE, self._version, self.subresource)
            if old is None and not owners:
                return entries.encode(self._ownership.create(before, new, writer, now))
            after = capping.capped(self._ownership.write(before, new, owners, writer, now))
        except TypedError:
            return None
        if untouched and _nothing_changed(owners, after):
            return untouched
        return entries.encode(after)

    def _check(self, *objects: Tree) -> None:
        for obj in objects:
            complaints = self._node.validate(obj, duplicates=True)
            if complaints:
                raise TypedError(complaints)

    def _decode(self, stored: Sequence[Tree], new: Tree) -> tuple[Owners, list[Tree] | None]:
        """The owners to begin with; and the stored list, when it was taken as it is."""
        sent: Value = None if self.subresource else new["metadata"].get("managedFields")
        if sent is not None and sent is not stored and (not sent or sent != stored):
            if entries.is_reset(sent):
                return {}, None
            try:
                owners = entries.decode(sent, stored)
            except BadEntries:
                owners = {}
            if owners:
                return owners, None
        return self._stored(stored), stored if isinstance(stored, list) else None

    def _stored(self, stored: Sequence[Tree]) -> Owners:
        try:
            return entries.decode_stored(stored)
        except BadEntries:
            return {}

    def apply(self, old: Tree | None, config: Tree, manager: str, force: bool, now: str) -> Tree:
        """The object after an apply, managedFields included; `old` itself when nothing at all came of it. `old` is None
        for a new object, which then begins as `empty`.

        The result is not decoded and not defaulted yet, has nulls where the last member or item was taken out, and
        neither kind nor apiVersion unless `old` has. Raises ApplyConflict, and APIError: 400 for a configuration of
        another kind or with managedFields, 500 for one that does not fit the type.
        """
        if _kind_of(config) != self.gvk:
            raise errors.bad_request(f"invalid object type: {_kind_of(config)}")
        live = self._empty if old is None else old
        stored = live["metadata"].get("managedFields") or () if "metadata" in live else ()
        try:
            owners = entries.decode_stored(stored)
        except BadEntries as error:
            raise errors.unknown(f"failed to decode managed fields: {error}") from None
        try:
            merged, after = self._try(live, config, owners, manager, force, now)
        except ApplyConflict as conflict:
            if manager != last_applied.MANAGER:
                raise
            left = last_applied.remaining(conflict, live, self._node, self._version)
            if left is not None:
                raise left from None
            merged, after = self._try(live, config, owners, manager, True, now)
        if self.unconvertible and merged is not live:
            raise errors.unknown(f"failed to convert new object ({self.names(config)}) to proper version: "
                                 f"{self.unconvertible}")
        if manager == last_applied.MANAGER:
            merged = last_applied.follow(merged, config)
        if merged is live and old is not None and _nothing_changed(owners, after):
            return old
        if old is None:
            merged = self._apart(merged)
        return _with_entries(merged, entries.encode(after))

    def _apart(self, merged: Tree) -> Tree:
        """A new object that shares nothing with the empty one it began as: callers put defaults into it."""
        if not self._flat:
            copied: Tree = orjson.loads(orjson.dumps(merged))
            return copied
        return {name: value.copy() if isinstance(value, dict) and not value else value
                for name, value in merged.items()}

    def _try(self, live: Tree, config: Tree, owners: Owners, manager: str, force: bool,
             now: str) -> tuple[Tree, Owners]:
        try:
            if not owners:
                owners = self._claim(live, now)
            fields = self._applied(config)
            if self._evolving:
                self._check_live(live)
            owners = self._ownership.reconciled(owners, live)
            applied = {name: value for name, value in config.items() if name not in ("kind", "apiVersion")}
            applier = entries.owner(manager, APPLY, self._version, self.subresource)
            merged, after = self._ownership.apply(live, applied, fields, owners, applier, force)
        except TypedError as error:
            doing = "failed to merge config" if error.doing is None else error.doing
            raise errors.unknown(f"{doing}: {error}" if doing else str(error)) from None
        if merged is not live and applier in after:
            after[applier] = after[applier]._replace(time=now)
        return merged, after

    def _claim(self, live: Tree, now: str) -> Owners:
        """An owner for all that an object without owners has."""
        if live is self._empty:
            return {}
        if self.unconvertible:
            raise errors.unknown(f"failed to create manager for existing fields: failed to convert live object "
                                 f"({self.names({})}) to proper version: {self.unconvertible}")
        complaints = self._node.validate(live, duplicates=True) if self._evolving else ()
        if complaints:
            raise errors.unknown(f"failed to create manager for existing fields: failed to convert new object "
                                 f"({self.names(live)}) to smd typed: {typed_errors.told(list(complaints))}")
        writer = entries.owner(BEFORE_APPLY, UPDATE, self._version, self.subresource)
        try:
            return self._ownership.write(self._empty, live, {}, writer, now)
        except TypedError as error:
            raise errors.unknown(f"failed to create manager for existing fields: failed to update ManagedFields "
                                 f"({self.names(live)}): failed to compare objects: {error}") from None

    def _applied(self, config: Tree) -> FieldSet:
        """The fields of a configuration, which is checked. The same ones are applied again and again."""
        text = orjson.dumps(config)
        fields = self._configs.known.get(text)
        if fields is None:
            self._check_config(config)
            fields = self._configs.keep(text, self._node.fields(config) or LEAF)
        return fields

    def _check_config(self, config: Tree) -> None:
        metadata = config.get("metadata")
        sent = metadata.get("managedFields") if isinstance(metadata, dict) else None
        if isinstance(sent, list) and all(isinstance(entry, dict) for entry in sent):
            raise errors.bad_request("metadata.managedFields must be nil")
        complaints = self._node.validate(config)
        if complaints:
            told = typed_errors.told(complaints)
            raise errors.unknown(f"failed to create typed patch object ({self.names(config)}): {told}")

    def _check_live(self, live: Tree) -> None:
        complaints = self._node.validate(live, duplicates=True)
        if complaints:
            told = typed_errors.told(complaints)
            raise errors.unknown(f"failed to create typed live object ({self.names(live)}): {told}")

    def names(self, obj: Tree) -> str:
        """What errors call an object or a configuration."""
        metadata = obj.get("metadata")
        names = metadata if isinstance(metadata, dict) else {}
        return f"{_text(names.get('namespace'))}/{_text(names.get('name'))}; {self.gvk}"


def _text(value: Value) -> str:
    return value if isinstance(value, str) else ""


def _kind_of(config: Tree) -> GroupVersionKind:
    """What a configuration says it is; a version that is none counts as the empty one."""
    version = _text(config.get("apiVersion"))
    group, _, bare = version.rpartition("/")
    if version.count("/") > 1:
        group = bare = ""
    return GroupVersionKind(group, bare, _text(config.get("kind")))


def _nothing_changed(before: Owners, after: Owners) -> bool:
    return len(before) == len(after) and all(after.get(owner) is owned for owner, owned in before.items())


def _with_entries(obj: Tree, managed: list[Tree] | None) -> Tree:
    metadata = dict(obj.get("metadata") or {})
    if managed is None:
        metadata.pop("managedFields", None)
    else:
        metadata["managedFields"] = managed
    return {**obj, "metadata": metadata}
