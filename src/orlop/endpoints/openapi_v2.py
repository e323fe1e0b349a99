"""OpenAPI v2 out of v3: one Swagger document of everything, for clients older than v3.

`openapi` hands in the v3 documents at the first request for /openapi/v2. The built-in ones are converted
once and kept as a `Part`; what custom resources add is a second part, so that a change of theirs costs only
their own conversion. Behaviour: kube-openapi `pkg/builder` (shape of operations), `pkg/handler` (defaults
are pruned), apiextensions-apiserver `controller/openapi/v2/conversion.go` (what v2 cannot say is left out).
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

import orjson

from orlop.api.tree import Tree
from orlop.endpoints.openapi_proto import Message, entry, varint
from orlop.endpoints.openapi_proto_messages import V2_HEAD, V2_PATH_ITEM, V2_SCHEMA, V2_TAIL

_V3_REF = "#/components/schemas/"
_V2_REF = "#/definitions/"
_KINDS = "x-kubernetes-group-version-kind"
_PRESERVE = "x-kubernetes-preserve-unknown-fields"
_SELECTABLE = "x-kubernetes-selectable-fields"
_UNSPEAKABLE = frozenset({"default", "nullable", "oneOf", "anyOf", "not", "allOf", "writeOnly", "deprecated"})
"""Members of a v3 schema that have no place in a v2 one; defaults could, but upstream prunes them."""
_METHODS = ("get", "put", "post", "delete", "options", "head", "patch")
_WORDS = {"200": "OK", "201": "Created", "202": "Accepted", "401": "Unauthorized"}
_MEDIA_TYPES = (
    "application/json",
    "application/yaml",
    "application/vnd.kubernetes.protobuf",
    "application/json;stream=watch",
    "application/vnd.kubernetes.protobuf;stream=watch",
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)
"""In the order in which operations list them; others follow by name."""
_PATHS, _DEFINITIONS = 8, 9


class Part:
    """Paths and definitions of some documents, encoded: inner JSON without the braces, and protobuf entries.
    `names` are those of the definitions. The protobuf is made at the first need."""

    __slots__ = ("_definitions_proto", "_paths_proto", "definitions", "names", "paths")

    def __init__(self, documents: Iterable[Tree], known: Container[str] = ()) -> None:
        paths: Tree = {}
        definitions: Tree = {}
        for document in documents:
            for path, item in document["paths"].items():
                paths[path] = path_item(item)
            for name, tree in document.get("components", {}).get("schemas", {}).items():
                if name not in known:
                    definitions[name] = _merged(kind(tree) if _KINDS in tree else schema(tree), definitions.get(name))
        paths, definitions = dict(sorted(paths.items())), dict(sorted(definitions.items()))
        self.names = frozenset(definitions)
        self.paths = orjson.dumps(paths)[1:-1]
        self.definitions = orjson.dumps(definitions)[1:-1]
        self._paths_proto: bytes | None = None
        self._definitions_proto: bytes | None = None

    @property
    def paths_proto(self) -> bytes:
        if self._paths_proto is None:
            self._paths_proto = _entries(2, V2_PATH_ITEM, self.paths)
        return self._paths_proto

    @property
    def definitions_proto(self) -> bytes:
        if self._definitions_proto is None:
            self._definitions_proto = _entries(1, V2_SCHEMA, self.definitions)
        return self._definitions_proto


def _entries(number: int, kind: Message, members: bytes) -> bytes:
    out = bytearray()
    for name, tree in orjson.loads(b"{%b}" % members).items():
        entry(out, number, kind, name, tree)
    return bytes(out)


def _merged(tree: Tree, earlier: Tree | None) -> Tree:
    """The same schema from another document: v3 lists only the kinds of its own group version, v2 all of
    them."""
    if earlier is not None and _KINDS in tree:
        kinds = {(kind["group"], kind["version"], kind["kind"]): kind for kind in earlier.get(_KINDS, [])}
        kinds |= {(kind["group"], kind["version"], kind["kind"]): kind for kind in tree[_KINDS]}
        tree[_KINDS] = [kinds[key] for key in sorted(kinds)]
    return tree


def json_document(head: Tree, tail: Tree, parts: Iterable[Part]) -> bytes:
    """The whole document. `head` is what stands before the paths, `tail` what follows the definitions."""
    parts = list(parts)
    paths = b",".join(part.paths for part in parts if part.paths)
    definitions = b",".join(part.definitions for part in parts if part.definitions)
    return b'%b,"paths":{%b},"definitions":{%b},%b' % (
        orjson.dumps(head)[:-1], paths, definitions, orjson.dumps(tail)[1:])  # fmt: skip


def proto_document(head: Tree, tail: Tree, parts: Iterable[Part]) -> bytes:
    """The same as gnostic's openapi.v2.Document."""
    parts = list(parts)
    out = V2_HEAD.encode(head)
    for number, name in ((_PATHS, "paths_proto"), (_DEFINITIONS, "definitions_proto")):
        contents = [getattr(part, name) for part in parts]
        varint(out, number << 3 | 2)
        varint(out, sum(map(len, contents)))
        for content in contents:
            out += content
    return bytes(out + V2_TAIL.encode(tail))


def envelope(version: str, title: str = "Kubernetes") -> tuple[Tree, Tree]:
    """What surrounds paths and definitions."""
    bearer = {"type": "apiKey", "name": "authorization", "in": "header"}
    bearer["description"] = "Bearer Token authentication"
    head: Tree = {"swagger": "2.0", "info": {"title": title, "version": version}}
    return head, {"securityDefinitions": {"BearerToken": bearer}, "security": [{"BearerToken": []}]}


def path_item(item: Tree) -> Tree:
    out: Tree = {method: operation(item[method]) for method in _METHODS if method in item}
    if item.get("parameters"):
        out["parameters"] = [parameter(each) for each in item["parameters"]]
    return out


def operation(tree: Tree) -> Tree:
    """An operation, its body a parameter and its media types in two lists."""
    written = {media for response in tree["responses"].values() for media in response.get("content", ())}
    produces = sorted(written, key=_media_order)
    out: Tree = {"description": tree["description"]} if "description" in tree else {}
    parameters = [parameter(each) for each in tree.get("parameters", ())]
    if "requestBody" in tree:
        content = tree["requestBody"]["content"]
        parameters.insert(0, _body(tree["requestBody"]))
        out["consumes"] = sorted(content, key=_media_order)
    else:
        custom = tuple(produces) == _MEDIA_TYPES[:2]
        out["consumes"] = ["*/*"] if "x-kubernetes-action" in tree and not custom else produces
    out |= {"produces": produces, "schemes": ["https"], "tags": tree.get("tags", [])}
    out["operationId"] = tree["operationId"]
    if parameters:
        out["parameters"] = parameters
    out["responses"] = {code: _response(code, each) for code, each in tree["responses"].items()}
    return out | {name: value for name, value in tree.items() if name.startswith("x-")}


def _media_order(name: str) -> tuple[int, str]:
    return (_MEDIA_TYPES.index(name) if name in _MEDIA_TYPES else len(_MEDIA_TYPES)), name


def _body(tree: Tree) -> Tree:
    out: Tree = {"name": "body", "in": "body"}
    if tree.get("required"):
        out["required"] = True
    return out | {"schema": schema(next(iter(tree["content"].values()))["schema"])}


def _response(code: str, tree: Tree) -> Tree:
    out: Tree = {"description": tree.get("description") or _WORDS.get(code, "")}
    for media in tree.get("content", {}).values():
        out["schema"] = schema(media["schema"])
        break
    return out


def parameter(tree: Tree) -> Tree:
    """A query or path parameter: the members of its schema move into it."""
    out = {name: value for name, value in tree.items() if name != "schema"}
    return {**tree.get("schema", {}), **out}


def kind(tree: Tree) -> Tree:
    """The schema of a kind. One that keeps unknown fields says nothing of those it knows: old clients would refuse all
    others."""
    if tree.get(_PRESERVE):
        return {"type": "object", **{name: value for name, value in tree.items() if name in (_KINDS, _SELECTABLE)}}
    out: Tree = schema(tree)
    return out


def schema(tree: Any) -> Any:
    """A schema in v2. References lose their wrapping, choices between types become the one that reads all."""
    out: Tree = {name: value for name, value in tree.items() if name not in _UNSPEAKABLE}
    wrapped = tree.get("allOf", ())
    reference = tree.get("$ref") or (wrapped[0].get("$ref") if len(wrapped) == 1 else None)
    if reference:
        out["$ref"] = reference.replace(_V3_REF, _V2_REF)
    elif "type" not in tree and {"type": "string"} in tree.get("oneOf", ()):
        out["type"] = "string"
    if "properties" in tree:
        out["properties"] = {name: schema(child) for name, child in tree["properties"].items()}
    for name in ("items", "additionalProperties"):
        if isinstance(tree.get(name), dict):
            out[name] = schema(tree[name])
    _leave_out(tree, out)
    return out


def _leave_out(tree: Tree, out: Tree) -> None:
    """What old clients stumble over: types of null or unknown content are not told, nor that they are
    required."""
    if tree.get("nullable"):
        for name in ("type", "items", "properties"):
            out.pop(name, None)
    if tree.get(_PRESERVE):
        out.pop("items", None)
        out.pop("properties", None)
        if out.get("type") == "object":
            del out["type"]
    if out.get("type") == "array" and "items" not in out:
        del out["type"]
    if "required" in out:
        nullable = {name for name, child in tree.get("properties", {}).items() if child.get("nullable")}
        additional = tree.get("additionalProperties")
        left = [name for name in out["required"] if name not in nullable]
        if not left or (isinstance(additional, dict) and additional.get("nullable")):
            del out["required"]
        else:
            out["required"] = left
