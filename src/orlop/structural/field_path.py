"""Paths to fields of custom resources, as rules and selectable fields name them: `.spec.size`, `.labels['a.b']`.

Used by `rule_programs` (fieldPath) and by the rules of definitions (fieldPath, selectableFields). Behaviour:
apiextensions-apiserver `pkg/apiserver/schema/cel/validation.go` ValidFieldPath.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from orlop.api.field import Path
from orlop.api.tree import Tree

_NOWHERE: Final = "does not refer to a valid field"
_ENDS: Final = "unexpected end of JSON path"
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPES: Final = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v", "'": "'", "\\": "\\"}


class BadPath(ValueError):
    """A path that leads nowhere; the message is upstream's."""


class Found(NamedTuple):
    """Where a path leads: `root` is its first step, `schema` what is declared there, None for nothing."""

    path: Path
    root: str
    schema: Tree | None


def follow(text: str, schema: Tree, arrays: bool = True) -> Found:
    """`arrays` allows the notation in brackets. Raises BadPath."""
    path, root, here = Path(), "", schema
    at: Tree | None = here
    tokens = _tokens(text)
    for token in tokens:
        if token == "[" and not arrays:
            raise BadPath("array notation is not allowed")
        if token == "[":
            name = _unquoted(_next(tokens))
            path, at = _step(path, at, name)
            closing = _next(tokens)
            if closing != "]":
                raise BadPath(f"expected ] but got {closing}")
        elif token == ".":
            name = _next(tokens)
            path, at = _step(path, at, name)
        else:
            raise BadPath(f"expected [ or . but got: {token}")
        root = root or name
    return Found(path, root, at)


def _next(tokens: Iterator[str]) -> str:
    token = next(tokens, None)
    if token is None:
        raise BadPath(_ENDS)
    return token


def _step(path: Path, at: Tree | None, name: str) -> tuple[Path, Tree | None]:
    properties = (at or {}).get("properties")
    if properties:
        if name not in properties:
            raise BadPath(_NOWHERE)
        return path.child(name), properties[name]
    values = (at or {}).get("additionalProperties")
    if values is None:
        raise BadPath(_NOWHERE)
    return path.key(name), values if isinstance(values, dict) else None


def _tokens(text: str) -> Iterator[str]:
    """Dots and brackets one by one, what lies between them whole; within single quotes nothing ends a token but the
    quote."""
    position = 0
    while position < len(text):
        end = _quoted_end(text, position) if text[position] == "'" else _plain_end(text, position)
        yield text[position:end]
        position = end


def _quoted_end(text: str, start: int) -> int:
    for end in range(start + 1, len(text)):
        if text[end] == "'" and text[end - 1] != "\\":
            return end + 1
    return len(text)


def _plain_end(text: str, start: int) -> int:
    if text[start] in ".[]":
        return start + 1
    return next((end for end in range(start, len(text)) if text[end] in ".[]"), len(text))


def _unquoted(token: str) -> str:
    if len(token) < 2 or token[0] != "'" or token[-1] != "'":
        raise BadPath(f"expected single quoted string but got {token}")
    return _unescaped(token[1:-1])


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    char = _ESCAPES.get(found.group(1))
    if char is None:
        raise BadPath(f"invalid string literal: invalid escape char {found.group()}")
    return char
