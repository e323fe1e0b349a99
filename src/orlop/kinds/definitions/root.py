"""The schema of a version: its root, its structure, its defaults, and then everything within.

Called by `spec_rules` for the versions' schemas and for the common one. Behaviour: apiextensions-apiserver
`pkg/apis/apiextensions/validation/validation.go` validateCustomResourceDefinitionValidation.
"""

from __future__ import annotations

from typing import Final

from orlop.api.field import Path, forbidden, invalid
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors
from orlop.kinds.definitions import default_rules, internal, schema_rules, shown, structural_rules, unsupported
from orlop.kinds.definitions.keywords import Standing
from orlop.kinds.definitions.options import Options
from orlop.kinds.definitions.plain import Plain
from orlop.kinds.definitions.rules import Scope

_ALLOWED: Final = (
    "Description", "Type", "Format", "Title", "Maximum", "ExclusiveMaximum", "Minimum", "ExclusiveMinimum",
    "MaxLength", "MinLength", "Pattern", "MaxItems", "MinItems", "UniqueItems", "MultipleOf", "Required", "Items",
    "Properties", "ExternalDocs", "Example", "XPreserveUnknownFields", "XValidations")
"""What the root may say when the status is a subresource: what is lost when `properties.status` is taken out."""
_WITH_STATUS: Final = "if the status subresource is enabled"


def check(path: Path, holder: Tree | None, has_status: bool, options: Options, plain: Plain) -> Errors:
    """`holder` is the member that holds the schema (`spec.validation`)."""
    schema, path = internal.schema_in(holder), path.child("openAPIV3Schema")
    if schema is None:
        return []
    found = _beside_status(path, schema) if has_status else []
    if schema.get("nullable"):
        found.append(forbidden(path.child("nullable"), "nullable cannot be true at the root"))
    scope: Scope | None = None
    unfit = ""
    if options.structural:
        unfit = unsupported.complaint(schema, plain)
        loose = [] if unfit else _structure(path, schema, options, plain)
        found += loose
        scope = None if unfit or loose else Scope.root(schema)
    found += schema_rules.check(path, schema, Standing(options.valid_types), options, scope, plain)
    if unfit and not found:
        # Most of what is unsupported is told in better words by the rules above.
        found.append(invalid(path, "", unfit))
    return found if scope is None else found + scope.total.complaints(path)


def _structure(path: Path, schema: Tree, options: Options, plain: Plain) -> Errors:
    return (structural_rules.check(path, schema, plain)
            or default_rules.check(path, schema, options.pruned_defaults, plain))


def _beside_status(path: Path, schema: Tree) -> Errors:
    """The first thing that is wrong, in the order of upstream's struct."""
    for name, go in shown.MEMBERS.items():
        if name not in schema:
            continue
        if name == "type":
            if schema["type"] != "object":
                return [invalid(path.child("type"), schema["type"],
                                f'only "object" is allowed as the type at the root of the schema {_WITH_STATUS}')]
        elif go not in _ALLOWED:
            return [invalid(path, shown.schema(schema), f"only [{' '.join(_ALLOWED)}] fields are allowed at the root "
                                                        f"of the schema {_WITH_STATUS}")]
    return []
