"""Schemas as declared types: what rules see, and how stored values become CEL values."""

import pytest

from orlop.cel import types as t
from orlop.cel.declared import declared_type, named
from orlop.cel.environment import Environment
from orlop.cel.escaping import escape, unescape
from orlop.cel.issues import CompileError
from orlop.cel.values import CelError, Duration, Timestamp

TEXT = {"type": "string"}


def declared(properties, **extra):
    """The declaration of an object with these properties."""
    found = declared_type({"type": "object", "properties": properties, **extra})
    assert found is not None
    return named(found, "root")


def evaluated(properties, value, text):
    """The value of a rule over `self`."""
    return Environment({"self": declared(properties)}).compile(text).evaluate({"self": value})


@pytest.mark.parametrize(
    ("schema", "printed"),
    [
        (TEXT, "string"),
        ({"type": "string", "format": "byte"}, "bytes"),
        ({"type": "string", "format": "date"}, "timestamp"),
        ({"type": "string", "format": "duration"}, "duration"),
        ({"type": "integer"}, "int"),
        ({"type": "number"}, "double"),
        ({"x-kubernetes-int-or-string": True}, "dyn"),
        ({"type": "array", "items": TEXT}, "list(string)"),
        ({"type": "object", "additionalProperties": {"type": "number"}}, "map(string, double)"),
        ({"type": "array", "items": {"type": "object", "properties": {"a": TEXT}}}, "list(root.f.@idx)"),
    ],
)
def test_types_of_fields(schema, printed):
    """Each kind of schema has the type upstream gives it, objects with the name of their place."""
    assert str(declared({"f": schema}).type.fields["f"]) == printed


def test_what_has_no_schema_is_not_seen():
    """Preserved unknown fields, and lists and maps of them, are no fields for rules."""
    unknown = {"x-kubernetes-preserve-unknown-fields": True}
    seen = declared({
        "a": unknown, "b": {"type": "array", "items": unknown}, "c": TEXT,
        "d": {"type": "object", "additionalProperties": unknown},
    })  # fmt: skip
    assert set(seen.type.fields) == {"c"}


def test_a_resource_shows_its_type_and_name():
    """The root, and embedded resources, have apiVersion, kind and metadata's names, declared or not."""
    embedded = {"type": "object", "x-kubernetes-embedded-resource": True}
    root = declared_type({"type": "object", "properties": {"e": embedded}}, True)
    assert root is not None
    for one in (root.type, root.type.fields["e"]):
        assert {"apiVersion", "kind", "metadata"} <= set(one.fields)
        assert set(one.fields["metadata"].fields) == {"name", "generateName"}


def test_stored_values_are_converted_when_looked_at():
    """Formats become their values, whole numbers of number fields doubles, base64 bytes."""
    properties = {
        "t": {"type": "string", "format": "date-time"}, "d": {"type": "string", "format": "duration"},
        "n": {"type": "number"}, "b": {"type": "string", "format": "byte"},
        "l": {"type": "array", "items": {"type": "number"}},
    }  # fmt: skip
    value = {"t": "1970-01-01T00:00:01Z", "d": "2s", "n": 1, "b": "aGk=", "l": [1, 2]}
    assert evaluated(properties, value, "self.t") == Timestamp(1_000_000_000)
    assert evaluated(properties, value, "self.d") == Duration(2_000_000_000)
    assert evaluated(properties, value, "string(self.b)") == "hi"
    assert evaluated(properties, value, "type(self.n) == double && type(self.l[0]) == double") is True
    assert evaluated(properties, value, "self.l.map(x, x / 4.0)") == [0.25, 0.5]
    with pytest.raises(CelError, match="Invalid duration x"):
        evaluated(properties, {**value, "d": "x"}, "self.d")


def test_null_fields_are_absent():
    """A field that holds null is as good as none: `has` is false, looking at it an error."""
    properties = {"a": {**TEXT, "nullable": True}}
    assert evaluated(properties, {"a": None}, "has(self.a)") is False
    with pytest.raises(CelError, match=r"^no such key: a$"):
        evaluated(properties, {"a": None}, "self.a == ''")


def test_sets_and_keyed_lists_have_no_order():
    """Lists of type set and map compare in any order, and `+` merges them."""
    properties = {
        "s": {"type": "array", "items": TEXT, "x-kubernetes-list-type": "set"},
        "m": {
            "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"],
            "items": {"type": "object", "properties": {"k": TEXT, "v": {"type": "integer"}}},
        },
    }  # fmt: skip
    value = {"s": ["a", "b"], "m": [{"k": "x", "v": 1}, {"k": "y", "v": 2}]}
    assert evaluated(properties, value, "self.s == ['b', 'a']") is True
    assert evaluated(properties, value, "self.s + ['b', 'c']") == ["a", "b", "c"]
    other = {**value, "m": value["m"][::-1]}
    root = declared(properties)
    environment = Environment({"self": root, "oldSelf": root})
    assert environment.compile("self == oldSelf").evaluate({"self": value, "oldSelf": other}) is True
    assert evaluated(properties, value, "(self.m + self.m).size()") == 2


def test_names_are_escaped():
    """Field names that are no identifiers can be written escaped, reserved words too."""
    properties = {"namespace": TEXT, "a-b.c": {"type": "integer"}, "x__y": TEXT, "1a": TEXT, "sp ace": TEXT}
    value = {"namespace": "n", "a-b.c": 7, "x__y": "z"}
    assert evaluated(properties, value, "self.__namespace__ + self.x__underscores__y") == "nz"
    assert evaluated(properties, value, "self.a__dash__b__dot__c") == 7
    assert set(declared(properties).type.fields) == {"__namespace__", "a__dash__b__dot__c", "x__underscores__y"}
    with pytest.raises(CompileError, match="undefined field '__if__'"):
        evaluated(properties, value, "self.__if__ == ''")


@pytest.mark.parametrize("name", ["a", "if", "a.b", "a-b", "a/b", "a__b", "namespace", "_a"])
def test_escaping_is_undone(name):
    """Unescaping an escaped name gives the name."""
    escaped = escape(name)
    assert escaped is not None and unescape(escaped) == name


def test_references_name_what_is_looked_at():
    """A program tells its variables and the paths it selects."""
    root = declared({"a": {"type": "object", "properties": {"b": {"type": "integer"}}}})
    program = Environment({"self": root, "oldSelf": root}).compile("self.a.b > 1 && [1].all(self, self > 0)")
    assert program.references.variables >= {"self"}
    assert "oldSelf" not in program.references.variables
    assert "self.a.b" in program.references.paths
    assert program.output == t.BOOL
