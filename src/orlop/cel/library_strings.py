"""The string functions of cel-go's extension library, in the version Kubernetes sets (2).

The environment takes `STRINGS`; `format` is `library_string_format`'s. Positions are code points. Behaviour: cel-go
ext/strings.go.
"""

from __future__ import annotations

from typing import Any, Final

from orlop.cel import types as t
from orlop.cel.functions import Library
from orlop.cel.library_signature import function, member, plain
from orlop.cel.library_string_format import format_string
from orlop.cel.values import CelError

SPACES: Final = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
"""What Go takes for white space."""
_LOWER: Final = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_UPPER: Final = {lower: lower - 32 for lower in range(ord("a"), ord("z") + 1)}
_QUOTED: Final = str.maketrans({
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\", '"': '\\"',
})  # fmt: skip


def _out_of_range(index: int) -> CelError:
    return CelError(f"index out of range: {index}")


def _char_at(text: str, index: int) -> str:
    if not 0 <= index <= len(text):
        raise _out_of_range(index)
    return text[index : index + 1]


def _index_of(text: str, part: str, offset: int = 0) -> int:
    if not part:
        return offset
    if offset < 0:
        raise _out_of_range(offset)
    return text.find(part, offset)


def _last_index_of(text: str, part: str) -> int:
    return text.rfind(part) if part else len(text)


def _last_index_of_before(text: str, part: str, offset: int) -> int:
    if not part:
        return offset
    if offset < 0:
        raise _out_of_range(offset)
    return text.rfind(part, 0, offset + len(part)) if offset < len(text) else -1


def _lower(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_LOWER)


def _upper(text: str) -> str:
    return text.upper() if text.isascii() else text.translate(_UPPER)


def _replace(text: str, old: str, new: str, count: int = -1) -> str:
    return text.replace(old, new, count)


def _split(text: str, separator: str, count: int = -1) -> list[str]:
    if count == 0:
        return []
    if separator:
        return text.split(separator, count - 1 if count > 0 else -1)
    if count < 0 or count > len(text):
        return list(text)
    return [*text[: count - 1], text[count - 1 :]] if text else []


def _substring(text: str, start: int) -> str:
    if not 0 <= start <= len(text):
        raise _out_of_range(start)
    return text[start:]


def _substring_between(text: str, start: int, end: int) -> str:
    if start > end:
        raise CelError(f"invalid substring range. start: {start}, end: {end}")
    if not 0 <= start <= len(text):
        raise _out_of_range(start)
    if not 0 <= end <= len(text):
        raise _out_of_range(end)
    return text[start:end]


def _trim(text: str) -> str:
    return text.strip(SPACES)


def _join(items: list[Any], separator: str = "") -> str:
    for item in items:
        if not isinstance(item, str):
            raise CelError(f"join: invalid input: {item}")
    return separator.join(items)


def quote(text: str) -> str:
    """`text` as a CEL literal in double quotes."""
    return f'"{text.translate(_QUOTED)}"'


_STRINGS: Final = t.list_of(t.STRING)

STRINGS: Final = Library(
    "cel.lib.ext.strings",
    (
        function("charAt", member("string_char_at_int", (t.STRING, t.INT), t.STRING, _char_at)),
        function(
            "indexOf",
            member("string_index_of_string", (t.STRING, t.STRING), t.INT, _index_of),
            member("string_index_of_string_int", (t.STRING, t.STRING, t.INT), t.INT, _index_of),
        ),
        function(
            "lastIndexOf",
            member("string_last_index_of_string", (t.STRING, t.STRING), t.INT, _last_index_of),
            member("string_last_index_of_string_int", (t.STRING, t.STRING, t.INT), t.INT, _last_index_of_before),
        ),
        function("lowerAscii", member("string_lower_ascii", (t.STRING,), t.STRING, _lower)),
        function(
            "replace",
            member("string_replace_string_string", (t.STRING, t.STRING, t.STRING), t.STRING, _replace),
            member("string_replace_string_string_int", (t.STRING, t.STRING, t.STRING, t.INT), t.STRING, _replace),
        ),
        function(
            "split",
            member("string_split_string", (t.STRING, t.STRING), _STRINGS, _split),
            member("string_split_string_int", (t.STRING, t.STRING, t.INT), _STRINGS, _split),
        ),
        function(
            "substring",
            member("string_substring_int", (t.STRING, t.INT), t.STRING, _substring),
            member("string_substring_int_int", (t.STRING, t.INT, t.INT), t.STRING, _substring_between),
        ),
        function("trim", member("string_trim", (t.STRING,), t.STRING, _trim)),
        function("upperAscii", member("string_upper_ascii", (t.STRING,), t.STRING, _upper)),
        function("format", member("string_format", (t.STRING, t.list_of(t.DYN)), t.STRING, format_string)),
        function("strings.quote", plain("strings_quote", (t.STRING,), t.STRING, quote)),
        function(
            "join",
            member("list_join", (_STRINGS,), t.STRING, _join),
            member("list_join_string", (_STRINGS, t.STRING), t.STRING, _join),
        ),
    ),
)
