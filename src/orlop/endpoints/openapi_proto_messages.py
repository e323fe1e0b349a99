"""gnostic's OpenAPI messages, as far as Kubernetes documents fill them.

`openapi` encodes with `V2` and `V3`. A table a version, from the inside out; numbers are those of
gnostic-models' `openapiv2/OpenAPIv2.proto` and `openapiv3/OpenAPIv3.proto`.
"""

from __future__ import annotations

from typing import Any

from orlop.api.tree import Tree
from orlop.endpoints.openapi_proto import (
    Field,
    Message,
    Step,
    anything,
    boolean,
    double,
    each,
    entries,
    extensions,
    integer,
    member,
    others,
    string,
    wrapped,
)

_LIMITS: dict[str, Field] = {
    "multipleOf": double,
    "maximum": double,
    "exclusiveMaximum": boolean,
    "minimum": double,
    "exclusiveMinimum": boolean,
    "maxLength": integer,
    "minLength": integer,
    "pattern": string,
    "maxItems": integer,
    "minItems": integer,
    "uniqueItems": boolean,
}


def _limits(first: int) -> tuple[Step, ...]:
    """The validations of scalars and lists, numbered in the same order from `first` on."""
    return tuple(member(name, first + i, kind) for i, (name, kind) in enumerate(_LIMITS.items()))


def _either(test: str, then: tuple[int, Field], otherwise: tuple[int, Field]) -> Field:
    """A oneof: one alternative for trees that have the member `test`, the other for those that do not."""
    yes, no = wrapped(*then), wrapped(*otherwise)

    def append(out: bytearray, number: int, value: Tree) -> None:
        (yes if test in value else no)(out, number, value)

    return append


# OpenAPI v2

_schema = Message()


def _additional(schema: Field) -> Field:
    def append(out: bytearray, number: int, value: Any) -> None:
        wrapped(*((2, boolean) if isinstance(value, bool) else (1, schema)))(out, number, value)

    return append


def _types(out: bytearray, number: int, value: str | list[str]) -> None:
    wrapped(1, each(string))(out, number, [value] if isinstance(value, str) else value)


_schema.steps = (
    member("$ref", 1, string),
    member("format", 2, string),
    member("title", 3, string),
    member("description", 4, string),
    member("default", 5, anything),
    *_limits(6),
    member("maxProperties", 17, integer),
    member("minProperties", 18, integer),
    member("required", 19, each(string)),
    member("enum", 20, each(anything)),
    member("additionalProperties", 21, _additional(_schema)),
    member("type", 22, _types),
    member("items", 23, wrapped(1, _schema)),
    member("allOf", 24, each(_schema)),
    member("properties", 25, wrapped(1, entries(_schema))),
    member("readOnly", 27, boolean),
    extensions(31),
)

_body = Message(
    member("description", 1, string),
    member("name", 2, string),
    member("in", 3, string),
    member("required", 4, boolean),
    member("schema", 5, _schema),
    extensions(6),
)
_query = Message(
    member("required", 1, boolean),
    member("in", 2, string),
    member("description", 3, string),
    member("name", 4, string),
    member("type", 6, string),
    member("format", 7, string),
    member("uniqueItems", 20, boolean),
    extensions(23),
)
_path = Message(
    member("required", 1, boolean),
    member("in", 2, string),
    member("description", 3, string),
    member("name", 4, string),
    member("type", 5, string),
    member("format", 6, string),
    member("uniqueItems", 19, boolean),
    extensions(22),
)


def _parameter(out: bytearray, number: int, value: Tree) -> None:
    """ParametersItem > Parameter > body, or non-body > query or path."""
    where = value["in"]
    kind = (1, _body) if where == "body" else (2, wrapped(*((4, _path) if where == "path" else (3, _query))))
    wrapped(1, wrapped(*kind))(out, number, value)


_response = Message(
    member("description", 1, string),
    member("schema", 2, wrapped(1, _schema)),
    extensions(5),
)
_operation = Message(
    member("tags", 1, each(string)),
    member("summary", 2, string),
    member("description", 3, string),
    member("operationId", 5, string),
    member("produces", 6, each(string)),
    member("consumes", 7, each(string)),
    member("parameters", 8, each(_parameter)),
    member("responses", 9, Message(others(1, wrapped(1, _response)), extensions(2))),
    member("schemes", 10, each(string)),
    member("deprecated", 11, boolean),
    extensions(13),
)
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
V2_PATH_ITEM = Message(
    *(member(name, number, _operation) for number, name in enumerate(_METHODS, start=2)),
    member("parameters", 9, each(_parameter)),
    extensions(10),
)
V2_SCHEMA = _schema

_key = Message(
    member("type", 1, string),
    member("name", 2, string),
    member("in", 3, string),
    member("description", 4, string),
)
_requirement: Field = Message(others(1, wrapped(1, each(string))))
_info_v2 = Message(member("title", 1, string), member("version", 2, string), member("description", 3, string))

V2_HEAD = Message(member("swagger", 1, string), member("info", 2, _info_v2))
"""The document before its paths (8) and definitions (9), which are encoded in parts."""
V2_TAIL = Message(
    member("security", 12, each(_requirement)),
    member("securityDefinitions", 13, wrapped(1, entries(wrapped(2, _key)))),
)

# OpenAPI v3

_schema3 = Message()
_reference = Message(member("$ref", 1, string), member("description", 3, string))
_schema_or_reference = _either("$ref", (2, _reference), (1, _schema3))


def _default(out: bytearray, number: int, value: Any) -> None:
    """Numbers, booleans and strings; other defaults have no place in the message and leave it empty."""
    if isinstance(value, bool):
        kind: tuple[int, Field] = (2, _present_boolean)
    elif isinstance(value, int | float):
        kind = (1, _present_double)
    elif isinstance(value, str):
        kind = (3, _present_string)
    else:
        kind = (0, _nothing)
    wrapped(*kind)(out, number, value)


def _nothing(out: bytearray, number: int, value: object) -> None:
    """No field."""


def _present_boolean(out: bytearray, number: int, value: bool) -> None:
    """Members of a oneof are written even when they are zero."""
    out += bytes((number << 3, int(value)))


def _present_double(out: bytearray, number: int, value: float) -> None:
    if value:
        double(out, number, value)
    else:
        out += bytes((number << 3 | 1,)) + bytes(8)


def _present_string(out: bytearray, number: int, value: str) -> None:
    if value:
        string(out, number, value)
    else:
        out += bytes((number << 3 | 2, 0))


_schema3.steps = (
    member("nullable", 1, boolean),
    member("readOnly", 3, boolean),
    member("writeOnly", 4, boolean),
    member("example", 7, anything),
    member("deprecated", 8, boolean),
    member("title", 9, string),
    *_limits(10),
    member("maxProperties", 21, integer),
    member("minProperties", 22, integer),
    member("required", 23, each(string)),
    member("enum", 24, each(anything)),
    member("type", 25, string),
    member("allOf", 26, each(_schema_or_reference)),
    member("oneOf", 27, each(_schema_or_reference)),
    member("anyOf", 28, each(_schema_or_reference)),
    member("not", 29, _schema3),
    member("items", 30, wrapped(1, _schema_or_reference)),
    member("properties", 31, wrapped(1, entries(_schema_or_reference))),
    member("additionalProperties", 32, _additional(_schema_or_reference)),
    member("default", 33, _default),
    member("description", 34, string),
    member("format", 35, string),
    extensions(36),
)

_content: Field = wrapped(1, entries(Message(member("schema", 1, _schema_or_reference))))
_parameter3 = Message(
    member("name", 1, string),
    member("in", 2, string),
    member("description", 3, string),
    member("required", 4, boolean),
    member("schema", 10, _schema_or_reference),
    extensions(14),
)
_body3 = Message(
    member("description", 1, string),
    member("content", 2, _content),
    member("required", 3, boolean),
)
_response3 = Message(member("description", 1, string), member("content", 3, _content), extensions(5))
_responses3 = Message(
    member("default", 1, wrapped(1, _response3)),
    others(2, wrapped(1, _response3), frozenset({"default"})),
    extensions(3),
)
_operation3 = Message(
    member("tags", 1, each(string)),
    member("summary", 2, string),
    member("description", 3, string),
    member("operationId", 5, string),
    member("parameters", 6, each(wrapped(1, _parameter3))),
    member("requestBody", 7, wrapped(1, _body3)),
    member("responses", 8, _responses3),
    member("deprecated", 10, boolean),
    extensions(13),
)
_path_item3 = Message(
    *(member(name, number, _operation3) for number, name in enumerate(_METHODS, start=4)),
    member("parameters", 13, each(wrapped(1, _parameter3))),
    extensions(14),
)
_scheme3 = Message(
    member("type", 1, string),
    member("description", 2, string),
    member("name", 3, string),
    member("in", 4, string),
)
_components3 = Message(
    member("schemas", 1, wrapped(1, entries(_schema_or_reference))),
    member("securitySchemes", 7, wrapped(1, entries(wrapped(1, _scheme3)))),
)
_info3 = Message(member("title", 1, string), member("description", 2, string), member("version", 6, string))
V3 = Message(
    member("openapi", 1, string),
    member("info", 2, _info3),
    member("paths", 4, Message(others(1, _path_item3), extensions(2))),
    member("components", 5, _components3),
    member("security", 6, each(_requirement)),
)
