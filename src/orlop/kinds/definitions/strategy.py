"""Strategies of CustomResourceDefinitions: what the server decides about a definition, and what it is asked of.

Made by `rooms`; the rules themselves are in `definition` and below it. The status belongs to the controllers, who write
it through the status strategy; that one leaves metadata as it is sent, as upstream's does. Behaviour:
apiextensions-apiserver `pkg/registry/customresourcedefinition/strategy.go`.
"""

from __future__ import annotations

from collections.abc import Sequence

from orlop.api import names
from orlop.api.context import Context
from orlop.api.field import quote
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors
from orlop.kinds.definitions import definition, formats
from orlop.kinds.generic import Form, MainStrategy, StatusStrategy

_WRONG_NAME = 'must be spec.names.plural+"."+spec.group'


class DefinitionStrategy(MainStrategy):
    allow_unconditional_update = False
    checks_core_finalizers = False
    counts_generation = True
    repeats_metadata_rules = ("change",)

    def __init__(self, form: Form) -> None:
        super().__init__(form)
        self._required_name = ""
        """What the definition at hand must be called: names are checked right after `prepare_for_create`."""

    def check_name(self, name: str, prefix: bool) -> Sequence[str]:
        complaints = list(names.name_is_dns_subdomain(name, prefix))
        return complaints if name == self._required_name else [*complaints, _WRONG_NAME]

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        super().prepare_for_create(ctx, obj)
        _note_storage_version(obj)
        spec = obj.get("spec") or {}
        self._required_name = f"{(spec.get('names') or {}).get('plural') or ''}.{spec.get('group') or ''}"

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        super().prepare_for_update(ctx, obj, old)
        _note_storage_version(obj)

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return definition.rules(obj)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return definition.update_rules(obj, old)

    def warnings_on_create(self, ctx: Context, obj: Tree) -> Sequence[str]:
        return [_unrecognized(name) for name in formats.unrecognized(obj)]

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        """Of formats that come new; those that were there are known to be ignored."""
        found = formats.unrecognized(obj)
        known = set(formats.unrecognized(old)) if found else set()
        return [_unrecognized(name) for name in found if name not in known]


class DefinitionStatusStrategy(StatusStrategy):
    allow_unconditional_update = False
    checks_core_finalizers = False
    repeats_metadata_rules = ("change",)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return definition.status_rules(obj)


def _unrecognized(name: str) -> str:
    return f"unrecognized format {quote(name)}"


def _note_storage_version(obj: Tree) -> None:
    """Objects may be stored in every version that ever was the storage version."""
    status = obj["status"] = dict(obj.get("status") or {})
    for version in (obj.get("spec") or {}).get("versions") or ():
        if version.get("storage"):
            stored = status.get("storedVersions") or []
            if version["name"] not in stored:
                status["storedVersions"] = [*stored, version["name"]]
            return
