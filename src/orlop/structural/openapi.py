"""The published form of a schema: what OpenAPI documents say of a custom kind.

Whoever makes the documents of a definition (paths, lists of parameters, other types) asks `published` and
`published_list` for its two types; server-side apply compiles the v3 form. Version 2 leaves out what its clients
cannot cope with. Behaviour: apiextensions-apiserver `pkg/controller/openapi/builder` and `openapi/v2/conversion.go`,
`pkg/apiserver/schema` (kubeopenapi.go, unfold.go).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree

_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
_VALUES: Final = ("format", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum", "maxLength", "minLength",
                  "pattern", "maxItems", "minItems", "uniqueItems", "multipleOf", "enum", "maxProperties",
                  "minProperties", "required")
_GENERIC: Final = ("type", "nullable", "description", "title", "default", "externalDocs", "example")
_EXTENSIONS: Final = (
    "x-kubernetes-preserve-unknown-fields", "x-kubernetes-embedded-resource", "x-kubernetes-int-or-string",
    "x-kubernetes-list-map-keys", "x-kubernetes-list-type", "x-kubernetes-map-type", "x-kubernetes-validations")
_COPIED: Final = (*_GENERIC, *_VALUES, *_EXTENSIONS)
_JUNCTORS: Final = ("allOf", "anyOf", "oneOf")
_INT_OR_STRING: Final = [{"type": "integer"}, {"type": "string"}]
_KIND: Final = "x-kubernetes-group-version-kind"
_FIELDS: Final = "x-kubernetes-selectable-fields"
_TOLD_EMPTY: Final = ("default", "example")
"""Keywords that are told however empty they are, unless null."""
_PRESERVE: Final = "x-kubernetes-preserve-unknown-fields"
_EMBEDDED: Final = "x-kubernetes-embedded-resource"
_EITHER: Final = "x-kubernetes-int-or-string"


class Publisher:
    """One version of OpenAPI. `descriptions` are texts of the members that every resource has, by name
    (apiVersion, kind, metadata; `embedded` ones where they differ); members without one have none."""

    def __init__(self, v2: bool, descriptions: Mapping[str, str] | None = None,
                 embedded: Mapping[str, str] | None = None) -> None:
        self._v2 = v2
        self._descriptions = descriptions or {}
        self._embedded = embedded if embedded is not None else self._descriptions

    def published(self, props: Tree | None, gvk: GroupVersionKind, preserve_unknown: bool = False,
                  selectable: Sequence[str] = ()) -> Tree:
        """The type of a kind. `props` is None for a version without a schema or with one that is not structural;
        `selectable` are the paths of its selectable fields."""
        if props is None or (self._v2 and (preserve_unknown or props.get(_PRESERVE))):
            schema: Tree = {"type": "object"}
        else:
            schema = self._structural(props)
            properties: Tree = schema.setdefault("properties", {})
            properties["metadata"] = self._reference("ObjectMeta", self._descriptions)
            properties.update(self._type_meta(self._descriptions))
        return _with_kind(schema, gvk, selectable)

    def published_list(self, gvk: GroupVersionKind, list_kind: str, plural: str,
                       selectable: Sequence[str] = ()) -> Tree:
        """The type of the kind's list. `gvk` is that of the items."""
        home = "#/definitions/" if self._v2 else "#/components/schemas/"
        items: Tree = {"type": "array", "items": {"$ref": home + model_name(gvk)}}
        if self._descriptions:
            items["description"] = (f"List of {plural}. More info: https://git.k8s.io/community/contributors/devel/"
                                    "sig-architecture/api-conventions.md")
        schema: Tree = {"description": f"{list_kind} is a list of {gvk.kind}", "type": "object", "required": ["items"],
                        "properties": {"items": items, "metadata": self._reference("ListMeta", self._descriptions),
                                       **self._type_meta(self._descriptions)}}
        return _with_kind(schema, gvk._replace(kind=list_kind), selectable)

    def _structural(self, props: Tree) -> Tree:
        props = _unfolded(props)
        if self._v2:
            props = _for_v2(props)
        schema = _copied(props)
        items, properties, additional = (props.get(name) for name in ("items", "properties", "additionalProperties"))
        if isinstance(items, dict):
            schema["items"] = self._structural(items)
        if properties:
            schema["properties"] = {name: self._structural(value) for name, value in properties.items()}
        if additional is not None:
            deeper = isinstance(additional, dict)
            schema["additionalProperties"] = self._structural(additional) if deeper else additional
        _add_junctors(schema, props)
        if props.get(_EMBEDDED) and not (self._v2 and props.get(_PRESERVE)):
            self._embed(schema)
        return schema

    def _embed(self, schema: Tree) -> None:
        properties: Tree = schema.setdefault("properties", {})
        properties.update(self._type_meta(self._embedded))
        properties["metadata"] = self._reference("ObjectMeta", self._embedded)
        required = schema.get("required", [])
        schema["required"] = required + [name for name in ("kind", "apiVersion") if name not in required]

    def _type_meta(self, texts: Mapping[str, str]) -> Tree:
        found: Tree = {}
        for name in ("apiVersion", "kind"):
            found[name] = {"type": "string", **({"description": texts[name]} if name in texts else {})}
        return found

    def _reference(self, type: str, texts: Mapping[str, str]) -> Tree:
        text = texts.get(type, texts.get("metadata"))
        described: Tree = {"description": text} if text else {}
        if self._v2:
            return {**described, "$ref": f"#/definitions/{_META}{type}"}
        return {**described, "allOf": [{"$ref": f"#/components/schemas/{_META}{type}"}]}


def model_name(gvk: GroupVersionKind) -> str:
    """The name of a kind's type in OpenAPI documents."""
    return f"{'.'.join(reversed(gvk.group.split('.')))}.{gvk.version}.{gvk.kind}"


def _with_kind(schema: Tree, gvk: GroupVersionKind, selectable: Sequence[str]) -> Tree:
    schema[_KIND] = [{"group": gvk.group, "version": gvk.version, "kind": gvk.kind}]
    if selectable:
        schema[_FIELDS] = [{"fieldPath": path.removeprefix(".")} for path in selectable]
    return schema


def _copied(props: Tree) -> Tree:
    """The keywords that are told as they are, as far as they say something."""
    found: Tree = {}
    for name in _COPIED:
        value = props.get(name)
        if value is None or (value in ("", False, [], {}) and type(value) is not int and name not in _TOLD_EMPTY):
            continue
        found[name] = value
    return found


def _add_junctors(schema: Tree, props: Tree) -> None:
    for name in _JUNCTORS:
        if props.get(name):
            schema[name] = [_nested(choice) for choice in props[name]]
    if isinstance(props.get("not"), dict):
        schema["not"] = _nested(props["not"])


def _nested(props: Tree) -> Tree:
    """A schema within an alternative."""
    schema = _copied(props)
    if isinstance(props.get("items"), dict):
        schema["items"] = _nested(props["items"])
    if props.get("properties"):
        schema["properties"] = {name: _nested(value) for name, value in props["properties"].items()}
    _add_junctors(schema, props)
    return schema


def _unfolded(props: Tree) -> Tree:
    """An int-or-string says so in words that everybody understands."""
    if not props.get(_EITHER):
        return props
    any_of, all_of = props.get("anyOf"), props.get("allOf") or []
    if any_of == _INT_OR_STRING or (all_of and all_of[0].get("anyOf") == _INT_OR_STRING):
        return props
    if not any_of:
        return {**props, "anyOf": _INT_OR_STRING}
    return {**props, "allOf": [{"anyOf": _INT_OR_STRING}, *all_of]}


def _for_v2(props: Tree) -> Tree:
    """Without what version 2 does not have, and without types that kubectl would take too literally."""
    found = {name: value for name, value in props.items() if name not in (*_JUNCTORS, "not", "nullable", "default")}
    preserve, nullable = props.get(_PRESERVE), props.get("nullable")
    if nullable:
        found.pop("type", None)
    if nullable or preserve:
        found.pop("items", None)
        found.pop("properties", None)
    if (found.get("type") == "array" and "items" not in found) or (preserve and found.get("type") == "object"):
        del found["type"]
    optional = {name for name, value in (found.get("properties") or {}).items() if value.get("nullable")}
    found["required"] = [name for name in found.get("required") or () if name not in optional]
    additional = found.get("additionalProperties")
    if isinstance(additional, dict) and additional.get("nullable"):
        found["required"] = []
    return found
