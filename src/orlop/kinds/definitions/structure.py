"""Whether the schemas of a stored definition are structural, told as a condition.

Asked by the definitions' controller. New definitions always are; those that v1beta1 or older servers stored need not
be. Behaviour: apiextensions-apiserver `pkg/controller/nonstructuralschema`.
"""

from __future__ import annotations

from orlop.api.field import aggregate, invalid
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, Errors
from orlop.kinds.definitions import internal, structural_rules, unsupported
from orlop.kinds.definitions.conditions import NON_STRUCTURAL, condition
from orlop.kinds.definitions.plain import plain


def complaint_about(definition: Tree) -> Tree | None:
    """The condition NonStructuralSchema, None when there is nothing to complain about."""
    spec: Tree = definition.get("spec") or {}
    found: Errors = []
    if spec.get("preserveUnknownFields"):
        found.append(invalid(SPEC.child("preserveUnknownFields"), True, "must be false"))
    for index, version in enumerate(spec.get("versions") or ()):
        schema = internal.schema_in(version.get("schema"))
        if schema is None:
            continue
        known = plain(schema)
        unfit = unsupported.complaint(schema, known)
        if unfit:
            return condition(NON_STRUCTURAL, "Unknown", "StructuralError",
                             f"failed to check validation schema for version {version.get('name') or ''}: {unfit}")
        path = SPEC.child("versions").index(index).child("schema", "openAPIV3Schema")
        found += structural_rules.check(path, schema, known)
    return condition(NON_STRUCTURAL, "True", "Violations", aggregate(found)) if found else None
