"""metadata.managedFields: from its entries to owners and their fields, and back.

`tracking` decodes before and encodes after each write. An entry that nothing happened to goes back as it came.
Identity of owners, order of entries and complaints: apimachinery `util/managedfields/internal/managedfields.go`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from orlop.api.field import quote
from orlop.api.tree import Tree, Value
from orlop.apply import field_set
from orlop.apply.field_set import LEAF, FieldSet
from orlop.apply.path_element import BadElement

APPLY: Final = "Apply"
UPDATE: Final = "Update"
_FIELDS_TYPE: Final = "FieldsV1"


class Owner(NamedTuple):
    """Whom an entry is about. `version` is "" for appliers: they keep their entry when they change the version."""

    manager: str
    operation: str
    version: str
    subresource: str

    @property
    def identifier(self) -> str:
        """Upstream's text for the owner; some orders go by it."""
        named = {"manager": self.manager, "operation": self.operation, "apiVersion": self.version,
                 "subresource": self.subresource}
        present = {name: value for name, value in named.items() if value}
        return json.dumps(present, ensure_ascii=False, separators=(",", ":"))


class Owned(NamedTuple):
    """The fields of an owner, in an API version. `entry` is what they were read from."""

    fields: FieldSet
    version: str
    time: str = ""
    entry: Tree | None = None


Owners: TypeAlias = dict[Owner, Owned]


class BadEntries(ValueError):
    """managedFields that a client sent and that cannot be used."""


def owner(manager: str, operation: str, version: str, subresource: str) -> Owner:
    """Whom a request writes as."""
    return Owner(manager or "unknown", operation, version if operation == UPDATE else "", subresource)


def decode(entries: Sequence[Tree], known: Sequence[Tree] = ()) -> Owners:
    """The owners in entries as stored, or as sent by a client: then `known` are the stored ones, and all that differ
    from them are checked and spelled anew. BadEntries for what cannot be used."""
    owners: Owners = {}
    for index, entry in enumerate(entries):
        fields = _fields(entry, index, known)
        operation, version = entry["operation"], entry["apiVersion"]
        who = Owner(entry.get("manager", ""), operation, version if operation == UPDATE else "",
                    entry.get("subresource", ""))
        owners[who] = Owned(fields, version, entry.get("time") or "", entry)
    return owners


def decode_stored(entries: Sequence[Tree]) -> Owners:
    """As `decode`, for entries that were checked before they were stored. BadEntries if they were not."""
    owners: Owners = {}
    try:
        for entry in entries:
            operation, version = entry["operation"], entry["apiVersion"]
            who = Owner(entry.get("manager", ""), operation, version if operation == UPDATE else "",
                        entry.get("subresource", ""))
            owners[who] = Owned(entry["fieldsV1"] or LEAF, version, entry.get("time") or "", entry)
    except KeyError:
        return decode(entries)
    return owners


def _fields(entry: Tree, index: int, known: Sequence[Tree]) -> FieldSet:
    fields: Value = entry.get("fieldsV1")
    same = next((other for other in known if entry == other), None)
    if same is not None and type(same.get("fieldsV1")) is dict:
        stored: FieldSet = same["fieldsV1"]
        return stored
    if entry.get("operation") not in (APPLY, UPDATE):
        raise BadEntries("operation must be `Apply` or `Update`")
    if not entry.get("apiVersion"):
        raise BadEntries("apiVersion must not be empty")
    fields_type = entry.get("fieldsType", "")
    if not fields_type:
        raise BadEntries(f"missing fieldsType in managed fields entry {index}")
    if fields_type != _FIELDS_TYPE:
        raise BadEntries(f"invalid fieldsType {quote(fields_type)} in managed fields entry {index}")
    try:
        read = field_set.read(fields)
    except BadElement as error:
        raise BadEntries(f"error decoding versioned set: error decoding set: {error}") from None
    return fields if _spelled_alike(fields, read) else read


def _spelled_alike(one: Value, other: FieldSet) -> bool:
    """Whether two trees are the same, order included."""
    return type(one) is dict and list(one) == list(other) and all(_spelled_alike(one[key], other[key]) for key in other)


def encode(owners: Owners) -> list[Tree] | None:
    """The entries in upstream's order; None for none."""
    if not owners:
        return None
    entries = [_entry(who, owned) for who, owned in owners.items()]
    if len(entries) > 1:
        entries.sort(key=_order)
    return entries


def _entry(who: Owner, owned: Owned) -> Tree:
    old = owned.entry
    if (old is not None and old["fieldsV1"] is owned.fields and old["apiVersion"] == owned.version
            and old.get("time", "") == owned.time and old["operation"] == who.operation):
        return old
    entry: Tree = {}
    if who.manager:
        entry["manager"] = who.manager
    entry["operation"], entry["apiVersion"] = who.operation, owned.version
    if owned.time:
        entry["time"] = owned.time
    entry["fieldsType"], entry["fieldsV1"] = _FIELDS_TYPE, owned.fields
    if who.subresource:
        entry["subresource"] = who.subresource
    return entry


def _order(entry: Tree) -> tuple[str, str, str, str, str]:
    return (entry["operation"], entry.get("time") or "", entry.get("manager", ""), entry["apiVersion"],
            entry.get("subresource", ""))


def is_reset(entries: Value) -> bool:
    """Whether a client asks to forget all owners: an empty list, or one entry with nothing in it."""
    return type(entries) is list and (not entries or (len(entries) == 1 and _is_blank(entries[0])))


def _is_blank(entry: Tree) -> bool:
    return all(value is None or value == "" for value in entry.values())


def check(entries: Value) -> str:
    """Why managedFields (after admission changed them) cannot be used; "" when they can."""
    try:
        decode(entries or ())
    except BadEntries as error:
        return str(error)
    return ""


def keep_times(old: Tree, new: Tree) -> None:
    """Take the times of the old managedFields back into `new` when nothing but times differs between two objects, so
    that storage sees no change (apiserver `endpoints/handlers/fieldmanager/equality.go`)."""
    before, after = old["metadata"].get("managedFields"), new["metadata"].get("managedFields")
    if not before or not after or before is after or len(before) != len(after) or before == after:
        return
    if all(_timeless(one) == _timeless(other) for one, other in zip(before, after, strict=True)):
        new["metadata"]["managedFields"] = before
        if not _same_but_version(old, new):
            new["metadata"]["managedFields"] = after


def _timeless(entry: Tree) -> Tree:
    return {name: value for name, value in entry.items() if name != "time"}


def _same_but_version(old: Tree, new: Tree) -> bool:
    """A new object may be without the resourceVersion that its writer did not ask for; kind and apiVersion are not
    looked at."""
    before, after = _body(old), _body(new)
    if "resourceVersion" not in after["metadata"]:
        kept = {name: value for name, value in before["metadata"].items() if name != "resourceVersion"}
        before = {**before, "metadata": kept}
    return before == after


def _body(obj: Tree) -> Tree:
    return {name: value for name, value in obj.items() if name not in ("kind", "apiVersion")}
