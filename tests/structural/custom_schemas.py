"""Random structural schemas and objects for them, and what upstream does to objects as plainly as it can be said.

The functions here are the slow reference of the property tests: they follow the documentation of structural schemas
keyword by keyword, without a thought for speed.
"""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import strategies as st

from orlop.api.gvk import GroupVersionKind
from orlop.structural.kind import CustomSchema

GVK = GroupVersionKind("example.com", "v1", "Widget")
NAMES = ("a", "b", "c")
Tree = dict[str, Any]

texts = st.sampled_from(["", "a", "ab", "b", "äöü", "2020-01-01"])
integers = st.integers(-3, 6)
scalars = st.one_of(texts, integers, st.booleans(), st.none(), st.sampled_from([0.5, 1.5, 2.25]))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from((*NAMES, "d")), inner, max_size=4),
    max_leaves=8)


@st.composite
def _leaf(draw: st.DrawFn) -> Tree:
    kind = draw(st.sampled_from(["string", "integer", "number", "boolean", "either"]))
    schema: Tree = {"type": kind}
    if kind == "either":
        alternatives = {"anyOf": [{"type": "integer"}, {"type": "string"}]}
        return {"x-kubernetes-int-or-string": True, **draw(st.sampled_from([{}, {"pattern": "^a"}, alternatives]))}
    if kind == "string":
        schema |= draw(st.sampled_from([{}, {"maxLength": 1}, {"minLength": 2}, {"pattern": "^a"}, {"enum": ["a", "b"]},
                                        {"format": "date"}]))
    elif kind != "boolean":
        schema |= draw(st.sampled_from([{}, {"minimum": 1}, {"maximum": 2}, {"minimum": 1, "exclusiveMinimum": True},
                                        {"multipleOf": 2}, {"enum": [1, 2]}]))
    default = {"string": texts, "integer": integers, "number": integers, "boolean": st.booleans()}[kind]
    if draw(st.integers(0, 3)) == 0:
        schema["default"] = draw(default)
    return schema


@st.composite
def _nested(draw: st.DrawFn, inner: st.SearchStrategy[Tree]) -> Tree:
    if draw(st.booleans()):
        return {"type": "array", "items": draw(inner),
                **draw(st.sampled_from([{}, {"maxItems": 1}, {"minItems": 1}]))}
    schema: Tree = {"type": "object"}
    if draw(st.integers(0, 3)) == 0:
        schema["additionalProperties"] = {key: value for key, value in draw(inner).items() if key != "default"}
    else:
        schema["properties"] = draw(st.dictionaries(st.sampled_from(NAMES), inner, max_size=3))
        if draw(st.integers(0, 3)) == 0:
            schema["x-kubernetes-preserve-unknown-fields"] = True
    extra = [{}, {}, {"required": ["a"]}, {"minProperties": 1}, {"maxProperties": 1},
             {"anyOf": [{"required": ["a"]}, {"required": ["b"]}]},
             {"oneOf": [{"required": ["a"]}, {"minProperties": 2}]},
             {"allOf": [{"required": ["a"]}, {"maxProperties": 2}]}, {"not": {"required": ["b"]}}]
    schema |= draw(st.sampled_from(extra))
    return schema


def _maybe_nullable(schema: Tree, nullable: bool) -> Tree:
    return {**schema, "nullable": True} if nullable else schema


_schemas = st.recursive(
    st.builds(_maybe_nullable, _leaf(), st.booleans()),
    lambda inner: st.builds(_maybe_nullable, _nested(inner), st.integers(0, 4).map(lambda roll: roll == 0)),
    max_leaves=8)

roots = st.dictionaries(st.sampled_from(("spec", "data")), _schemas, min_size=1).map(
    lambda properties: {"type": "object", "properties": properties})
"""Schemas of whole kinds."""

objects = st.dictionaries(st.sampled_from(("spec", "data", "other")), values).map(
    lambda content: {"apiVersion": GVK.api_version, "kind": GVK.kind, "metadata": {"name": "x"}, **content})


def fitting(schema: Tree) -> st.SearchStrategy[Any]:
    """Values of the types that a schema names."""
    kind = schema.get("type")
    if kind == "object":
        if isinstance(schema.get("additionalProperties"), dict):
            return st.dictionaries(st.sampled_from(NAMES), fitting(schema["additionalProperties"]), max_size=3)
        properties = {name: fitting(below) for name, below in schema.get("properties", {}).items()}
        return st.fixed_dictionaries({}, optional=properties)
    if kind == "array":
        return st.lists(fitting(schema["items"]), max_size=3)
    scalar = {"string": texts, "integer": integers, "number": integers, "boolean": st.booleans()}
    return scalar.get(str(kind), texts | integers)


@st.composite
def kinds_and_objects(draw: st.DrawFn) -> tuple[Tree, Tree]:
    """A schema and an object that mostly is of its types."""
    root = draw(roots)
    if draw(st.integers(0, 3)) == 0:
        return root, draw(objects)
    content = draw(fitting(root))
    return root, {"apiVersion": GVK.api_version, "kind": GVK.kind, "metadata": {"name": "x"}, **content}


def kind(root: Tree) -> CustomSchema:
    return CustomSchema(GVK, copy.deepcopy(root))


# --- the reference -------------------------------------------------------------------------------------------------

def member(schema: Tree, name: str) -> Tree | None:
    """The schema of a member."""
    further = schema.get("additionalProperties")
    found: Tree | None = schema.get("properties", {}).get(name, further if isinstance(further, dict) else None)
    return found


def pruned(value: Any, schema: Tree | None) -> Any:
    """The value without members that the schema does not know, and without nulls that it has no use for."""
    if isinstance(value, list):
        return [pruned(item, (schema or {}).get("items")) for item in value]
    if not isinstance(value, dict):
        return value
    result: Tree = {}
    for name, inner in value.items():
        below = member(schema, name) if schema is not None else None
        if below is None:
            if schema is not None and schema.get("x-kubernetes-preserve-unknown-fields"):
                result[name] = inner
        elif inner is not None or below.get("nullable") or below.get("default") is not None:
            result[name] = pruned(inner, below)
    return result


def defaulted(value: Any, schema: Tree | None) -> Any:
    """The value with what the schema says of members that are missing."""
    if schema is None:
        return value
    if isinstance(value, dict):
        result = dict(value)
        for name, below in schema.get("properties", {}).items():
            default = below.get("default")
            unset = name not in result or (result[name] is None and not below.get("nullable"))
            if default is not None and unset:
                result[name] = copy.deepcopy(default)
        return {name: defaulted(inner, member(schema, name)) for name, inner in result.items()}
    if isinstance(value, list) and "items" in schema:
        items = schema["items"]
        filled = [items.get("default") if item is None and not items.get("nullable") else item for item in value]
        return [defaulted(item, items) for item in filled]
    return value


def kind_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    names = {str: "string", int: "integer", float: "number", list: "array", dict: "object", type(None): "null"}
    return names[type(value)]


def is_valid(value: Any, schema: Tree) -> bool:
    """Whether the value keeps to every keyword that random schemas have."""
    found, wanted = kind_of(value), schema.get("type")
    if found == "null":
        typed = "type" in schema or "x-kubernetes-int-or-string" in schema
        return (not typed or bool(schema.get("nullable"))) and "enum" not in schema
    if schema.get("x-kubernetes-int-or-string") and found not in ("integer", "string"):
        return False
    textual = schema.get("format") and found in ("string", "array")
    if wanted and not textual and found != wanted and not (found == "integer" and wanted == "number"):
        return False
    return _keeps_to_values(value, found, schema) and _keeps_to_structure(value, found, schema) and \
        _keeps_to_alternatives(value, schema)


def _keeps_to_values(value: Any, found: str, schema: Tree) -> bool:
    if "enum" in schema and not any((value == allowed and kind_of(allowed) == found) or
                                    (found == "number" and int(value) == allowed) for allowed in schema["enum"]):
        return False
    if found == "string":
        return (len(value) <= schema.get("maxLength", 99) and len(value) >= schema.get("minLength", 0)
                and value.startswith("a" if "pattern" in schema else "")
                and (schema.get("format") != "date" or value == "2020-01-01"))
    if found in ("integer", "number"):
        least, most, factor = schema.get("minimum", -99), schema.get("maximum", 99), schema.get("multipleOf", 0)
        above = value > least if schema.get("exclusiveMinimum") else value >= least
        return bool(above and value <= most and (not factor or value % factor == 0))
    return True


def _keeps_to_structure(value: Any, found: str, schema: Tree) -> bool:
    if found == "array":
        fits = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 99)
        return fits and all(is_valid(item, schema["items"]) for item in value if "items" in schema)
    if found == "object":
        below = [(inner, member(schema, name)) for name, inner in value.items()]
        fits = schema.get("minProperties", 0) <= len(value) <= schema.get("maxProperties", 99)
        return (fits and all(name in value for name in schema.get("required", ()))
                and all(rules is None or is_valid(inner, rules) for inner, rules in below))
    return True


def _keeps_to_alternatives(value: Any, schema: Tree) -> bool:
    passed = {name: [is_valid(value, choice) for choice in schema.get(name, ())]
              for name in ("anyOf", "oneOf", "allOf")}
    return ((not passed["anyOf"] or any(passed["anyOf"])) and (not passed["oneOf"] or sum(passed["oneOf"]) == 1)
            and all(passed["allOf"]) and ("not" not in schema or not is_valid(value, schema["not"])))
