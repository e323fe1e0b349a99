"""JSON bodies to trees and back.

Called by endpoints for request bodies and by whoever writes answers. The fast parser is orjson; what it
refuses goes to `codec.document`, which either has Go's words for the error (JSONError) or reads what Go would
read. What a tree means for a kind is left to `schema`; the words around an error ("couldn't get version/kind;
json parse error: ...") are left to endpoints, except for `codec.meta`.

A tree keeps of repeated keys the last, as Go's maps do. `may_repeat_keys` is the cheap look for them that
every body gets; `repeated_keys` names them for trees without types (`schema.exact` names them for typed
ones).
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from orlop.api.field import quote
from orlop.api.tree import Value
from orlop.codec import document
from orlop.codec.document import JSONError, Members

__all__ = ["JSONError", "decode", "encode", "may_repeat_keys", "pretty", "repeated_keys"]

STRICT_ERRORS_LIMIT: Final = 100
"""Strict errors beyond this many are not reported, as upstream's decoder does not."""


def decode(body: bytes) -> Value:
    """The value of a body. JSONError in Go's words ("unexpected end of JSON input", ...).

    Integers of up to 64 bits are exact, others become floats; a number beyond all floats becomes infinite.
    """
    try:
        return orjson.loads(body)
    except ValueError:
        return document.plain(document.parse(body))


def encode(value: Value) -> bytes:
    """Compact JSON. Values that the fast encoder cannot write (nesting beyond 254) take the slow road."""
    try:
        return orjson.dumps(value)
    except TypeError:
        return _encode_deep(value)


def pretty(value: Value) -> bytes:
    """JSON with two blanks of indentation, for `pretty=true`."""
    try:
        return orjson.dumps(value, option=orjson.OPT_INDENT_2)
    except TypeError:
        return _encode_deep(value)


def _encode_deep(value: Value) -> bytes:
    """JSON without recursion: work that is still to be written lies on a stack, text as bytes, values
    wrapped."""
    out: list[bytes] = []
    stack: list[Any] = [(value,)]
    while stack:
        item = stack.pop()
        if isinstance(item, bytes):
            out.append(item)
            continue
        value = item[0]
        if isinstance(value, dict):
            parts: list[Any] = [b"{"]
            for index, (key, inner) in enumerate(value.items()):
                parts += [(b"," if index else b"") + orjson.dumps(key) + b":", (inner,)]
            stack.extend(reversed([*parts, b"}"]))
        elif isinstance(value, list):
            parts = [b"["]
            for index, inner in enumerate(value):
                parts += [b"," if index else b"", (inner,)]
            stack.extend(reversed([*parts, b"]"]))
        elif isinstance(value, int) and not isinstance(value, bool):
            out.append(b"%d" % value)
        else:
            out.append(orjson.dumps(value))
    return b"".join(out)


def may_repeat_keys(body: bytes, value: Value) -> bool:
    """Whether `body` may hold a key twice, given what `decode` made of it. False is certain but for bodies
    made to deceive; True costs a slow look (also for unusual spellings of quotes)."""
    try:
        again = orjson.dumps(value)
    except TypeError:
        return True
    return len(again) != len(body) and again.count(b'"') != body.count(b'"')


def repeated_keys(body: bytes) -> list[str]:
    """Upstream's strict errors for repeated keys (`duplicate field "data.k"`), in the order of the text."""
    found: dict[str, None] = {}
    stack: list[tuple[Any, str]] = [(document.parse(body), "")]
    # Depth first, in order: children are pushed reversed, and a repeated key is noted when its turn comes.
    while stack:
        value, path = stack.pop()
        if isinstance(value, _Repeat):
            found[f"duplicate field {quote(path)}"] = None
        elif isinstance(value, Members):
            stack.extend(reversed(_members(value, path)))
        elif isinstance(value, list):
            stack.extend((value[index], f"{path}[{index}]") for index in reversed(range(len(value))))
        if len(found) >= STRICT_ERRORS_LIMIT:
            break
    return list(found)


class _Repeat:
    """Stands in the work list where a key occurs again."""


def _members(members: Members, path: str) -> list[tuple[Any, str]]:
    work: list[tuple[Any, str]] = []
    seen: set[str] = set()
    for key, value in members:
        place = f"{path}.{key}" if path else key
        if key in seen:
            work.append((_Repeat(), place))
        seen.add(key)
        work.append((value, place))
    return work

