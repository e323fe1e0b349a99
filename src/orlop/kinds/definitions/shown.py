"""Schemas and versions as messages print them: upstream's internal structs, in JSON with Go's names.

Used by the rules that show a whole value. Behaviour: apiextensions-apiserver `pkg/apis/apiextensions/types.go`,
`types_jsonschema.go`.
"""

from __future__ import annotations

from typing import Any, Final

from orlop.api.field import GoText
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds.go_form import Form
from orlop.schema.scalars import whole

_MEMBERS: Final = (
    ("ID", "id", ""), ("Schema", "$schema", ""), ("Ref", "$ref", None), ("Description", "description", ""),
    ("Type", "type", ""), ("Nullable", "nullable", False), ("Format", "format", ""), ("Title", "title", ""),
    ("Default", "default", None), ("Maximum", "maximum", None), ("ExclusiveMaximum", "exclusiveMaximum", False),
    ("Minimum", "minimum", None), ("ExclusiveMinimum", "exclusiveMinimum", False), ("MaxLength", "maxLength", None),
    ("MinLength", "minLength", None), ("Pattern", "pattern", ""), ("MaxItems", "maxItems", None),
    ("MinItems", "minItems", None), ("UniqueItems", "uniqueItems", False), ("MultipleOf", "multipleOf", None),
    ("Enum", "enum", None), ("MaxProperties", "maxProperties", None), ("MinProperties", "minProperties", None),
    ("Required", "required", None), ("Items", "items", None), ("AllOf", "allOf", None), ("OneOf", "oneOf", None),
    ("AnyOf", "anyOf", None), ("Not", "not", None), ("Properties", "properties", None),
    ("AdditionalProperties", "additionalProperties", None), ("PatternProperties", "patternProperties", None),
    ("Dependencies", "dependencies", None), ("AdditionalItems", "additionalItems", None),
    ("Definitions", "definitions", None), ("ExternalDocs", "externalDocs", None), ("Example", "example", None),
    ("XPreserveUnknownFields", "x-kubernetes-preserve-unknown-fields", None),
    ("XEmbeddedResource", "x-kubernetes-embedded-resource", False),
    ("XIntOrString", "x-kubernetes-int-or-string", False), ("XListMapKeys", "x-kubernetes-list-map-keys", None),
    ("XListType", "x-kubernetes-list-type", None), ("XMapType", "x-kubernetes-map-type", None),
    ("XValidations", "x-kubernetes-validations", None),
)
"""Members of JSONSchemaProps: Go's name, JSON's name, what absent looks like."""
MEMBERS: Final = {name: go for go, name, _ in _MEMBERS}
"""Go's names, in the order of the struct."""

_RULE: Final = Form({
    "Rule": ("rule", ""), "Message": ("message", ""), "MessageExpression": ("messageExpression", ""),
    "Reason": ("reason", None), "FieldPath": ("fieldPath", ""), "OptionalOldSelf": ("optionalOldSelf", None)})
_DOCS: Final = Form({"Description": ("description", ""), "URL": ("url", "")})
_COLUMN: Final = Form({
    "Name": ("name", ""), "Type": ("type", ""), "Format": ("format", ""), "Description": ("description", ""),
    "Priority": ("priority", 0), "JSONPath": ("jsonPath", "")})
_FIELD: Final = Form({"JSONPath": ("jsonPath", "")})
_SUBRESOURCES: Final = Form(
    {"Status": ("status", None), "Scale": ("scale", None)},
    {"Status": Form({}), "Scale": Form({"SpecReplicasPath": ("specReplicasPath", ""),
                                        "StatusReplicasPath": ("statusReplicasPath", ""),
                                        "LabelSelectorPath": ("labelSelectorPath", None)})})
_VERSION: Final = Form(
    {"Name": ("name", ""), "Served": ("served", False), "Storage": ("storage", False),
     "Deprecated": ("deprecated", False), "DeprecationWarning": ("deprecationWarning", None),
     "Schema": ("schema", None), "Subresources": ("subresources", None),
     "AdditionalPrinterColumns": ("additionalPrinterColumns", None), "SelectableFields": ("selectableFields", None)},
    {"Subresources": _SUBRESOURCES, "AdditionalPrinterColumns": _COLUMN, "SelectableFields": _FIELD})


def versions(found: list[Tree] | None) -> GoText:
    """The versions of an internal spec."""
    return json_value(None if found is None else [_version(version) for version in found])


def _version(version: Tree) -> Tree:
    form: Tree = _VERSION.tree(version)
    holder = version.get("schema")
    if holder is not None:
        form["Schema"] = {"OpenAPIV3Schema": _schema(holder.get("openAPIV3Schema"))}
    return form


def schema(tree: Tree) -> GoText:
    return json_value(_schema(tree))


def items(tree: Any) -> GoText:
    return json_value(_items(tree))


def value(found: Any) -> Any:
    """Any JSON value: maps come sorted, whole numbers without a point."""
    return json_value(_sorted(found)) if isinstance(found, dict | list) else _sorted(found)


def _sorted(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: _sorted(found[name]) for name in sorted(found)}
    if isinstance(found, list):
        return [_sorted(one) for one in found]
    return whole(found) if isinstance(found, float) else found


def rule(tree: Tree) -> GoText:
    return json_value(_RULE.tree(tree))


def _schema(tree: Any) -> Any:
    if not isinstance(tree, dict):
        return None
    return {go: _member(name, tree[name]) if name in tree else absent for go, name, absent in _MEMBERS}


def _member(name: str, value: Any) -> Any:
    if name in ("allOf", "oneOf", "anyOf"):
        return [_schema(one) for one in value]
    if name in ("properties", "patternProperties", "definitions"):
        return {key: _schema(value[key]) for key in sorted(value)}
    if name == "dependencies":
        return {key: {"Schema": _schema(value[key]), "Property": value[key] if isinstance(value[key], list) else None}
                for key in sorted(value)}
    if name in ("additionalProperties", "additionalItems"):
        return {"Allows": value is not False, "Schema": _schema(value)}
    if name == "items":
        return _items(value)
    if name == "not":
        return _schema(value)
    if name == "externalDocs":
        return _DOCS.tree(value)
    if name == "x-kubernetes-validations":
        return _RULE.tree(value)
    return _sorted(value)


def _items(value: Any) -> Tree:
    listed = [_schema(one) for one in value] if isinstance(value, list) and value else None
    return {"Schema": _schema(value), "JSONSchemas": listed}
