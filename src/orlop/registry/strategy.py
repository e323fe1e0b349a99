"""Strategy: what one kind adds to the generic Store.

Each kind that has rules subclasses `Strategy` in `orlop.kinds` and overrides a few methods; a kind without rules uses
it as it is. Called by `registry.create`, `.update` and `.delete` in the order that apiserver `pkg/registry/rest`
documents: prepare, validate, (metadata), warn, canonicalize. All methods are pure but for `ctx`, and synchronous but
for the validations of kinds that may take long.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from orlop.api import names
from orlop.api.context import Context
from orlop.api.field import FieldError
from orlop.api.gvk import GroupKind
from orlop.api.options import DeleteOptions
from orlop.api.tree import Tree
from orlop.storage.interface import Fields

NameCheck = Callable[[str, bool], Sequence[str]]
"""From (name, is it a generateName prefix) to what is wrong with it."""

Verdict: TypeAlias = "list[FieldError] | Awaitable[list[FieldError]]"
"""What is wrong with an object; to be awaited where finding that out takes long (see `aside`). Meanwhile nobody else
may change the object, nor the old one."""

BACKGROUND: Final = "DeleteDependents"
ORPHAN: Final = "OrphanDependents"
UNSUPPORTED: Final = "Unsupported"


class Strategy:
    """Defaults: any DNS subdomain as name, no rules, status untouched, unconditional updates allowed.

    `checks_core_finalizers`: built-in kinds refuse unqualified finalizers that they do not know.
    `repeats_metadata_rules`: which of the common metadata rules the kind's own update validation runs once more,
    in its order.
    `reset_fields` are top-level members that this strategy's writes may not set: a main store resets "status", its
    status store everything else.
    """

    allow_create_on_update: bool = False
    allow_unconditional_update: bool = True
    returns_deleted_object: bool = False
    garbage_collection: str = BACKGROUND
    reset_fields: tuple[str, ...] = ()
    checks_core_finalizers: bool = True
    repeats_metadata_rules: tuple[str, ...] = ("change", "whole")

    def __init__(self, kind: GroupKind, namespaced: bool, fields: Callable[[Tree], Fields] | None = None) -> None:
        """`fields` gives the values of the kind's selectable fields beyond metadata.name and metadata.namespace."""
        self.kind, self.namespaced = kind, namespaced
        self.fields: Callable[[Tree], Fields] = fields or _no_fields

    def check_name(self, name: str, prefix: bool) -> Sequence[str]:
        return names.name_is_dns_subdomain(name, prefix)

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        """Drop what clients may not set, set what the server decides."""

    def validate(self, ctx: Context, obj: Tree) -> Verdict:
        """Rules of the kind. Metadata rules come by `check_name` and the store itself."""
        return []

    def warnings_on_create(self, ctx: Context, obj: Tree) -> Sequence[str]:
        return ()

    def canonicalize(self, obj: Tree) -> None:
        """The last word on the form before storage."""

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        """As `prepare_for_create`; `old` must not be changed."""

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Verdict:
        return []

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        return ()

    def holds(self, obj: Tree) -> bool:
        """Whether something beside metadata.finalizers keeps an object that is being deleted."""
        return False

    def graceful(self, ctx: Context, obj: Tree, options: DeleteOptions) -> int | None:
        """Seconds of grace this deletion gets (0: at once but in two steps), or None when the kind knows no
        graceful deletion. Called only for an object that is not being deleted yet."""
        return None

    def ttl(self, ctx: Context, obj: Tree, update: bool) -> int:
        """Seconds to live, 0 for ever."""
        return 0


def _no_fields(obj: Tree) -> Fields:
    return {}
