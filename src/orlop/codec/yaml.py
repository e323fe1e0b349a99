"""YAML bodies to JSON text.

Called by endpoints for `application/yaml` (and for server-side apply's patches). Upstream turns a YAML body
into JSON first and knows only that from then on; so does `to_json`, whose text goes through `json.decode` and
`KindSchema.decode` like any other body (its keys are sorted, which decides the order of complaints).
Behaviour: sigs.k8s.io/yaml over go.yaml.in/yaml/v2 (`decode.go`, `encode.go`, `sorter.go`); scanning and
emitting are libyaml's, from which that was translated. Only the first document of a body counts. Aliases
are expanded within upstream's bounds.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from decimal import Decimal
from typing import Any, Final, NamedTuple

import yaml
from yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from orlop.api.field import quote
from orlop.api.tree import Value
from orlop.codec import json
from orlop.codec import yaml_scalars as scalars
from orlop.codec.yaml_writer import float_text, from_tree

_LOADER: Final[Any] = getattr(yaml, "CLoader", yaml.Loader)

_FEW, _MANY = 400_000, 4_000_000
"""Between so many nodes read, the share of them that aliases may add falls from 99 % to 10 %."""


__all__ = ["JSONText", "YAMLError", "from_tree", "to_json"]


class YAMLError(ValueError):
    """A body that is not YAML, or YAML that JSON cannot say; the message is upstream's ("yaml: line 2:
    ...")."""


class JSONText(NamedTuple):
    """A body as JSON. `repeated`: a line of text for each repeated key (`line 7: key "k" already set in
    map`)."""

    text: bytes
    repeated: tuple[str, ...] = ()

    def strict_error(self) -> str:
        """The one strict error that upstream makes of all repeated keys; "" when there are none."""
        lines = "\n  ".join(self.repeated)
        return f"yaml: unmarshal errors:\n  {lines}" if lines else ""


class _Node:
    """One node of a document. `content` is text, a list of nodes, a list of pairs, or the aliased node."""

    __slots__ = ("content", "kind", "line", "plain", "tag")

    def __init__(self, kind: str, line: int, content: Any, tag: str = "", plain: bool = False) -> None:
        self.kind, self.line, self.content, self.tag, self.plain = kind, line, content, tag, plain


def _problem(error: yaml.YAMLError) -> YAMLError:
    """The parser's complaint, with the line that upstream names: for errors of syntax the one before."""
    if isinstance(error, yaml.reader.ReaderError):
        return YAMLError(f"yaml: {error.reason}")
    mark = getattr(error, "problem_mark", None)
    context = getattr(error, "context_mark", None)
    where = ""
    if mark is not None and mark.line:
        line = mark.line + isinstance(error, yaml.scanner.ScannerError)
        where = f"line {line}: "
    elif context is not None and context.line:
        where = f"line {context.line}: "
    text = getattr(error, "problem", None) or "unknown problem parsing YAML content"
    return YAMLError(f"yaml: {where}{text}")


def _compose(body: bytes) -> _Node | None:
    """The first document; None when there is none. Nested nodes are kept on a list, not on the stack."""
    anchors: dict[str, _Node] = {}
    open_nodes: list[_Node] = []
    root: _Node | None = None
    try:
        for event in yaml.parse(body or b"\n", Loader=_LOADER):
            if isinstance(event, DocumentEndEvent):
                break
            if isinstance(event, SequenceEndEvent | MappingEndEvent):
                open_nodes.pop()
                continue
            node = _node(event, anchors)
            if node is None:
                continue
            if open_nodes:
                open_nodes[-1].content.append(node)
            else:
                root = node
            if node.kind in ("sequence", "mapping"):
                open_nodes.append(node)
    except yaml.YAMLError as error:
        raise _problem(error) from None
    return root


def _node(event: Event, anchors: dict[str, _Node]) -> _Node | None:
    line = event.start_mark.line if event.start_mark else 0
    if isinstance(event, AliasEvent):
        if event.anchor not in anchors:
            raise YAMLError(f"yaml: unknown anchor '{event.anchor}' referenced")
        return _Node("alias", line, (event.anchor, anchors[event.anchor]))
    if isinstance(event, ScalarEvent):
        node = _Node("scalar", line, event.value, event.tag or "", event.implicit[0])
    elif isinstance(event, SequenceStartEvent):
        node = _Node("sequence", line, [], event.tag or "")
    elif isinstance(event, MappingStartEvent):
        node = _Node("mapping", line, [], event.tag or "")
    else:
        return None
    if event.anchor is not None:
        anchors[event.anchor] = node
    return node


class _Reader:
    """Makes values of nodes, as often as aliases repeat them. Keys of maps keep their YAML types here."""

    def __init__(self) -> None:
        self.repeated: list[str] = []
        self._read = self._aliased = self._depth = 0
        self._inside: set[int] = set()

    def value(self, node: _Node) -> Any:
        self._count()
        if node.kind == "alias":
            return self._alias(node)
        if node.kind == "scalar":
            return self._scalar(node)
        if node.kind == "sequence":
            return [self.value(item) for item in node.content]
        result: dict[Any, Any] = {}
        self._fill(node, result)
        return result

    def _count(self) -> None:
        self._read += 1
        if not self._depth:
            return
        self._aliased += 1
        if self._aliased > 100 and self._read > 1000:
            share = min(max((self._read - _FEW) / (_MANY - _FEW), 0), 1)
            if self._aliased / self._read > 0.99 - 0.89 * share:
                raise YAMLError("yaml: document contains excessive aliasing")

    def _alias(self, node: _Node) -> Any:
        name, target = node.content
        if id(node) in self._inside:
            raise YAMLError(f"yaml: anchor '{name}' value contains itself")
        self._inside.add(id(node))
        self._depth += 1
        value = self.value(target)
        self._depth -= 1
        self._inside.discard(id(node))
        return value

    def _scalar(self, node: _Node) -> Any:
        if not node.tag and not node.plain:
            return node.content
        try:
            tag, value = scalars.resolve(node.tag, node.content)
            if tag == scalars.BINARY:
                return b64decode(node.content, validate=True).decode("utf-8", "replace")
        except scalars.TagError as error:
            raise YAMLError(f"yaml: {error}") from None
        except Base64Error:
            raise YAMLError("yaml: !!binary value contains invalid base64 data") from None
        return value

    def _fill(self, node: _Node, into: dict[Any, Any]) -> None:
        members = iter(node.content)
        for key_node, value_node in zip(members, members, strict=True):
            if _is_merge(key_node):
                self._merge(value_node, into)
                continue
            key = _hashable(self.value(key_node))
            value = self.value(value_node)
            if key in into:
                shown = go_syntax(_bare(key))
                self.repeated.append(f"line {value_node.line + 1}: key {shown} already set in map")
            into[key] = value

    def _merge(self, node: _Node, into: dict[Any, Any]) -> None:
        """`<<`: the members of another map, or of several, the first of them last."""
        sources = list(reversed(node.content)) if node.kind == "sequence" else [node]
        for source in sources:
            target = source.content[1] if source.kind == "alias" else source
            if target.kind != "mapping":
                raise YAMLError("yaml: map merge requires map or sequence of maps as the value")
            self._count()
            self._fill(target, into)


def _is_merge(node: _Node) -> bool:
    return node.kind == "scalar" and node.content == "<<" and (node.plain or node.tag == scalars.MERGE)


class _Key(NamedTuple):
    """A map key that is no string; 1, 1.0 and true are different keys."""

    type: type
    value: Any


def _hashable(key: Any) -> Any:
    if isinstance(key, str):
        return key
    if isinstance(key, dict | list):
        raise YAMLError(f"yaml: invalid map key: {go_syntax(key)}")
    return _Key(type(key), key)


def _bare(key: Any) -> Any:
    return key.value if isinstance(key, _Key) else key


def go_syntax(value: Any) -> str:
    """A value in Go's own notation (%#v)."""
    if value is None:
        return "interface {}(nil)"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, list):
        return f"[]interface {{}}{{{', '.join(map(go_syntax, value))}}}"
    if isinstance(value, dict):
        members = ", ".join(f"{go_syntax(_bare(key))}:{go_syntax(inner)}" for key, inner in value.items())
        return f"map[interface {{}}]interface {{}}{{{members}}}"
    return float_text(value) if isinstance(value, float) else str(value)


def _key_text(key: Any, value: Any) -> str:
    """A map's key as JSON has it."""
    if isinstance(key, str):
        return key
    bare = key.value
    if isinstance(bare, bool):
        return "true" if bare else "false"
    if isinstance(bare, int) and bare < 1 << 63:
        return str(bare)
    if isinstance(bare, float):
        return {"NaN": ".nan", "+Inf": ".inf", "-Inf": "-.inf"}.get(float_text(bare), float_text(bare))
    type, shown = ("%!s(<nil>)", "<nil>") if bare is None else ("uint64", hex(bare))
    stored = "<nil>" if value is None else go_syntax(value)
    raise YAMLError(f"unsupported map key of type: {type}, key: {shown}, value: {stored}")


def _jsonable(value: Any) -> Value:
    if isinstance(value, dict):
        members = {_key_text(key, inner): _jsonable(inner) for key, inner in value.items()}
        return {key: members[key] for key in sorted(members)}
    if isinstance(value, list):
        return [_jsonable(item) for item in value]
    if isinstance(value, float):
        if value != value or value in (float("inf"), float("-inf")):
            raise YAMLError(f"json: unsupported value: {float_text(value)}")
        return int(Decimal(repr(value))) if value.is_integer() and abs(value) < 1e21 else value
    return value


def to_json(body: bytes) -> JSONText:
    """The body as JSON text with sorted keys; the last of repeated keys counts. YAMLError in upstream's
    words."""
    try:
        root = _compose(body)
        reader = _Reader()
        value = _jsonable(reader.value(root)) if root is not None else None
        return JSONText(json.encode(value), tuple(reader.repeated))
    except RecursionError:
        raise YAMLError("yaml: exceeded max depth of 10000") from None
