"""How strictly a definition is judged: an update may keep what was wrong before, and what is new must be right.

Made by `definition` for each write; `spec_rules` and those below it read it. Behaviour: apiextensions-apiserver
`pkg/apis/apiextensions/validation/validation.go` validationOptions and the require... functions.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from orlop.api.field import Path
from orlop.api.tree import Tree
from orlop.kinds.definitions import (
    ca_bundle,
    conditions,
    default_rules,
    internal,
    keywords,
    list_rules,
    schema_walk,
    structural_rules,
    unsupported,
)

REVIEW_VERSIONS: Final = ("v1", "v1beta1")
"""Of conversion reviews, those that servers understand."""
MAX_SELECTABLE_FIELDS: Final = 8


@dataclass(frozen=True, slots=True)
class Options:
    """`known_review`: a webhook must understand a known version of reviews. `fixed_names`: the definition is
    established, so scope and kind stay. `needs_schema`: every version has one. `valid_types`: types are OpenAPI's.
    `structural`: schemas are structural. `pruned_defaults`: defaults have no unknown fields. `atomic_sets`: items of
    sets are whole. `definite_items`: items of sets and maps are no nulls and have their keys. `any_bundle`: the
    webhook's CA bundle may be wrong. `many_fields`: versions ("" for all together) that may keep more selectable
    fields than allowed. `known_rules`, `known_message_expressions`: expressions from before. `unchanged`: versions
    whose schemas are as before; `any_cost`: the schema at hand is one of these."""

    known_review: bool = True
    fixed_names: bool = False
    needs_schema: bool = True
    valid_types: bool = True
    structural: bool = True
    pruned_defaults: bool = True
    atomic_sets: bool = True
    definite_items: bool = True
    any_bundle: bool = True
    many_fields: frozenset[str] = frozenset()
    known_rules: frozenset[str] = frozenset()
    known_message_expressions: frozenset[str] = frozenset()
    unchanged: frozenset[str] = field(default=frozenset())
    any_cost: bool = False

    def for_version(self, name: str) -> Options:
        return replace(self, any_cost=True) if name in self.unchanged else self


CREATING: Final = Options()


def updating(spec: Tree, old: Tree, old_definition: Tree) -> Options:
    """`spec` and `old` are internal specs."""
    schemas = list(internal.schemas(old))
    every = [schema for root in schemas for schema in schema_walk.every(root)]
    established = conditions.holds(old_definition, conditions.ESTABLISHED)
    rules = [rule for schema in every for rule in schema.get("x-kubernetes-validations") or ()]
    reviews = (old.get("conversion") or {}).get("conversionReviewVersions") or []
    return Options(
        known_review=not reviews or any(version in REVIEW_VERSIONS for version in reviews),
        fixed_names=established,
        needs_schema=_all_have_schemas(old),
        valid_types=all((schema.get("type") or "object") in keywords.TYPES for schema in every),
        structural=not any(map(is_loose, schemas)),
        pruned_defaults=not any(default_rules.has_unpruned(schema) for schema in schemas if not is_loose(schema)),
        atomic_sets=not any(map(list_rules.has_loose_set, every)),
        definite_items=not any(list_rules.definite_items(Path(), schema) for schema in every),
        any_bundle=not established or _has_bad_bundle(old),
        many_fields=_many_fields(spec, old),
        known_rules=frozenset(rule.get("rule") or "" for rule in rules),
        known_message_expressions=frozenset(filter(None, (rule.get("messageExpression") for rule in rules))),
        unchanged=_unchanged(spec, old))


def is_loose(schema: Tree) -> bool:
    """Whether a schema is not structural."""
    return bool(unsupported.complaint(schema) or structural_rules.check(Path(), schema))


def _all_have_schemas(spec: Tree) -> bool:
    if internal.schema_in(spec.get("validation")) is not None:
        return True
    return all(internal.schema_in(version.get("schema")) is not None for version in spec["versions"])


def _has_bad_bundle(spec: Tree) -> bool:
    client = (spec.get("conversion") or {}).get("webhookClientConfig") or {}
    return bool(ca_bundle.complaint(client.get("caBundle") or ""))


def _many_fields(spec: Tree, old: Tree) -> frozenset[str]:
    before: dict[str, list[Tree]] = {version.get("name") or "": version.get("selectableFields") or []
                                     for version in old["versions"]}
    now = [(version.get("name") or "", version.get("selectableFields") or []) for version in spec["versions"]]
    kept = {name for name, fields in now if len(before.get(name, ())) > MAX_SELECTABLE_FIELDS
            and fields == before[name]}
    common = old.get("selectableFields") or []
    if len(common) > MAX_SELECTABLE_FIELDS and common == spec.get("selectableFields"):
        kept.add("")
    return frozenset(kept)


def _unchanged(spec: Tree, old: Tree) -> frozenset[str]:
    names = [version.get("name") or "" for version in spec["versions"]]
    return frozenset(name for name in names if _holds(old, name)
                     and internal.same(_holder(spec, name), _holder(old, name)))


def _holds(spec: Tree, version: str) -> bool:
    """Whether a spec says something about the schema of a version: what is common holds for all, also for those that
    were not there."""
    versions = spec["versions"]
    return all(one.get("schema") is None for one in versions) or any(one.get("name") == version for one in versions)


def _holder(spec: Tree, version: str) -> Tree | None:
    own = next((one.get("schema") for one in spec["versions"] if one.get("name") == version), None)
    return own if any(one.get("schema") is not None for one in spec["versions"]) else spec.get("validation")
