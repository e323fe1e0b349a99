"""Strategies of custom resources: metadata, generation and status are the server's, all else is judged by the schema.

Made by `kind`, one pair for each version; the schema is compiled when an object is first written. Behaviour:
apiextensions-apiserver `pkg/registry/customresource/{strategy,status_strategy,validator}.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

import orjson

from orlop.api import errors, names
from orlop.api.context import Context
from orlop.api.field import TOO_LONG, FieldError, Path, invalid, quote, required
from orlop.api.gvk import GroupKind, GroupVersion, GroupVersionKind
from orlop.api.tree import Tree
from orlop.api.validation import validate_annotations
from orlop.kinds.custom import replicas
from orlop.kinds.custom.definition import Definition, Version
from orlop.kinds.custom.program import Rules
from orlop.kinds.generic import carry, copied
from orlop.registry.aside import ASIDE, Ask
from orlop.registry.strategy import Strategy, Verdict
from orlop.storage.interface import Fields
from orlop.structural.kind import CustomSchema

if TYPE_CHECKING:
    from orlop.structural.rules import SchemaRules

_STANDARD_FINALIZERS: Final = frozenset({"orphan", "foregroundDeletion", "kubernetes"})
_METADATA: Final = Path("metadata")
_FINALIZERS: Final = _METADATA.child("finalizers")
_ELSEWHERE: Final = " to avoid accidental conflicts with other finalizer writers"
LARGE: Final = 128 * 1024
"""Bytes of JSON from which on an object is judged beside the loop: smaller ones take a few milliseconds."""
_APART: Final = frozenset({"metadata", "kind", "apiVersion"})


class CustomStrategy(Strategy):
    """Owns all but the status, and that as well where there is no status subresource. `fields` gives what objects of
    the kind can be selected by."""

    allow_unconditional_update = False
    checks_core_finalizers = False
    repeats_metadata_rules = ("change",)

    def __init__(self, definition: Definition, version: Version, schema: Callable[[], CustomSchema],
                 fields: Callable[[Tree], Fields], judge: Rules | None = None) -> None:
        self.gvk: GroupVersionKind = definition.in_version(version.name)
        super().__init__(self.gvk.group_kind, definition.namespaced, fields)
        self.version = version
        self._schema, self._judge = schema, judge

    # --- what is the server's ------------------------------------------------------------------------------------

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        if self.version.status:
            obj.pop("status", None)
        obj["metadata"]["generation"] = 1

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        if self.version.status:
            carry(obj, old, "status")
        if _content(obj) != _content(old):
            obj["metadata"]["generation"] = (old["metadata"].get("generation") or 0) + 1

    # --- rules ---------------------------------------------------------------------------------------------------

    def validate(self, ctx: Context, obj: Tree) -> Verdict:
        self._check_kind(obj)
        named = self._named(obj)
        if is_large(named):
            return self._all_later(ctx, partial(self._complaints, obj, named), named, None)
        return self._rules(ctx, named, None, self._complaints(obj, named))

    def _complaints(self, obj: Tree, named: Tree) -> list[FieldError]:
        """What the schema says, but for its rules."""
        schema = self._schema()
        found = schema.validate(named)
        scaling = self.version.scale
        if scaling is not None:
            found += replicas.spec_complaints(obj, scaling) + replicas.status_complaints(obj, scaling)
        found += schema.validate_embedded(named)
        return found + schema.validate_lists(named)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Verdict:
        self._check_kind(obj)
        return self._judge_update(ctx, obj, self._named(obj), self._named(old))

    def _judge_update(self, ctx: Context, obj: Tree, named: Tree, before: Tree) -> Verdict:
        if is_large(named) or is_large(before):
            return self._all_later(ctx, partial(self._update_complaints, obj, named, before), named, before)
        return self._rules(ctx, named, before, self._update_complaints(obj, named, before))

    def _update_complaints(self, obj: Tree, named: Tree, before: Tree) -> list[FieldError]:
        schema = self._schema()
        found = schema.validate_update(named, before)
        scaling = self.version.scale
        if scaling is not None:
            found += replicas.spec_complaints(obj, scaling) + replicas.status_complaints(obj, scaling)
        found += schema.validate_embedded(named)
        return found + schema.validate_lists(named, before)

    def _rules(self, ctx: Context, obj: Tree, old: Tree | None, found: list[FieldError]) -> Verdict:
        """The schema's own rules (x-kubernetes-validations) and those of a program, which take an object that fits the
        schema. Rules that take long are evaluated aside."""
        rules, told = self._schema().rules, list[FieldError]()
        if rules is not None:
            blocking = self._blocking(obj, found)
            soon = rules.attempt(obj, old, ctx.warn) if blocking is None else [blocking]
            if soon is None:
                return self._rules_later(ctx, rules, obj, old, found)
            told = soon
        return found + self._program_told(obj, old, found, told)

    def _blocking(self, obj: Tree, found: Sequence[FieldError]) -> FieldError | None:
        unfit = [*found, *_unfit_metadata(obj["metadata"])]
        return self._schema().blocking(unfit) if unfit else None

    def _program_told(self, obj: Tree, old: Tree | None, found: Sequence[FieldError], told: list[FieldError]
                      ) -> list[FieldError]:
        return told if self._judge is None or found else told + self._judge(obj, old)

    async def _rules_later(self, ctx: Context, rules: SchemaRules, obj: Tree, old: Tree | None,
                           found: list[FieldError]) -> list[FieldError]:
        warnings: list[str] = []
        told = await ASIDE.run(partial(rules.judge, obj, old, warnings.append))
        for text in warnings:
            ctx.warn(text)
        return found + self._program_told(obj, old, found, told)

    async def _all_later(self, ctx: Context, complain: Callable[[], list[FieldError]], obj: Tree, old: Tree | None
                         ) -> list[FieldError]:
        """Everything aside: a large object takes long to look at, whatever its rules."""
        rules, warnings = self._schema().rules, list[str]()

        def work(ask: Ask) -> tuple[list[FieldError], list[FieldError]]:
            found = complain()
            ask()
            if rules is None:
                return found, []
            blocking = self._blocking(obj, found)
            return found, rules.judge(obj, old, warnings.append, ask) if blocking is None else [blocking]

        found, told = await ASIDE.run(work)
        for text in warnings:
            ctx.warn(text)
        return found + self._program_told(obj, old, found, told)

    def _named(self, obj: Tree) -> Tree:
        """The object with its kind, which rules and patterns may look at."""
        return {"apiVersion": self.gvk.api_version, "kind": self.gvk.kind, **obj}

    def _check_kind(self, obj: Tree) -> None:
        """Raises the 422 of an object that says it is another kind, which nothing else is said about."""
        kind, version = obj.get("kind", self.gvk.kind), obj.get("apiVersion", self.gvk.api_version)
        found = []
        if kind != self.gvk.kind:
            found.append(invalid(Path("kind"), kind, f"must be {self.gvk.kind}"))
        if version != self.gvk.api_version:
            found.append(invalid(Path("apiVersion"), version, f"must be {self.gvk.api_version}"))
        if found:
            group = GroupVersion.parse(version).group if version.count("/") < 2 else ""
            raise errors.invalid(GroupKind(group, kind), obj["metadata"].get("name", ""), found)

    # --- warnings ------------------------------------------------------------------------------------------------

    def warnings_on_create(self, ctx: Context, obj: Tree) -> Sequence[str]:
        return finalizer_warnings(obj["metadata"].get("finalizers") or ())

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        listed, before = obj["metadata"].get("finalizers"), old["metadata"].get("finalizers")
        if not listed or listed == before:
            return ()
        return finalizer_warnings(set(listed).difference(before or ()))


class CustomStatusStrategy(CustomStrategy):
    """Owns the status; all else stays as stored, but for managedFields."""

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        status, metadata = obj.get("status"), obj["metadata"]
        had_status = "status" in obj
        managed = metadata.get("managedFields")
        version = metadata.get("resourceVersion")
        obj.clear()
        obj.update(copied({name: value for name, value in old.items() if name != "status"}))
        metadata = obj["metadata"]
        metadata.pop("managedFields", None)
        if managed:
            metadata["managedFields"] = managed
        if version is not None:
            metadata["resourceVersion"] = version
        if had_status and (status is not None or self._schema().stores_null_status):
            obj["status"] = status

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Verdict:
        return self._judge_update(ctx, obj, self._named(obj), self._named(old))

    def _update_complaints(self, obj: Tree, named: Tree, before: Tree) -> list[FieldError]:
        schema = self._schema()
        found = schema.validate_status(named, before)
        if self.version.scale is not None:
            found += replicas.status_complaints(obj, self.version.scale)
        return found + schema.validate_lists(named, before)

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        return ()


def _unfit_metadata(metadata: Tree) -> list[FieldError]:
    """Errors of metadata, which the registry tells, that keep the schema's rules from being evaluated: there are two
    such."""
    found = []
    if not metadata.get("name") and not metadata.get("generateName"):
        found.append(required(_METADATA.child("name")))
    annotations = metadata.get("annotations")
    if annotations:
        found += [error for error in validate_annotations(annotations, _METADATA.child("annotations"))
                  if error.kind == TOO_LONG]
    return found


def is_large(obj: Tree) -> bool:
    return len(orjson.dumps(obj)) > LARGE


def _content(obj: Tree) -> Tree:
    return {name: value for name, value in obj.items() if name not in _APART}


def finalizer_warnings(finalizers: Sequence[str] | set[str]) -> list[str]:
    """What is said about the names of new finalizers, in their order."""
    found: list[str] = []
    for name in sorted(set(finalizers)):
        if name not in _STANDARD_FINALIZERS or "/" in name:
            found += _about_finalizer(name)
    return found


def _about_finalizer(name: str) -> list[str]:
    place = f"{_FINALIZERS}: {quote(name)}: "
    found = [place + text for text in names.label_key(name)]
    if "/" not in name:
        if "." in name:
            found.append(f"{place}prefer a domain-qualified finalizer name including a path (/){_ELSEWHERE}")
        else:
            found.append(f"{place}prefer a domain-qualified finalizer name{_ELSEWHERE}")
    return found
