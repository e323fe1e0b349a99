"""Text of an expression into tokens.

`parser` calls `tokenize` and reads the three parallel lists; text that is no token becomes an issue and is skipped as
ANTLR's lexer skips it. Behaviour: the lexer rules of cel-go parser/gen/CEL.g4.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

_ESCAPE = r"\\(?:[abfnrtv\"'\\?`]|[0-3][0-7]{2}|[xX][0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8})"
_STRING = "|".join(
    (
        rf'"""(?:{_ESCAPE}|[^\\])*?"""',
        rf"'''(?:{_ESCAPE}|[^\\])*?'''",
        rf'"(?:{_ESCAPE}|[^\\"\n\r])*"',
        rf"'(?:{_ESCAPE}|[^\\'\n\r])*'",
        r'[rR]"""[\s\S]*?"""',
        r"[rR]'''[\s\S]*?'''",
        r'[rR]"[^"\n\r]*"',
        r"[rR]'[^'\n\r]*'",
    )
)
_TOKEN: Final = re.compile(
    "|".join(
        (
            r"(?P<skip>[\t \r\n\f]+|//[^\n]*)",
            r"(?P<NUM_FLOAT>[0-9]+\.[0-9]+(?:[eE][+-]?[0-9]+)?|[0-9]+[eE][+-]?[0-9]+|\.[0-9]+(?:[eE][+-]?[0-9]+)?)",
            r"(?P<NUM_UINT>0x[0-9A-Fa-f]+[uU]|[0-9]+[uU])",
            r"(?P<NUM_INT>0x[0-9A-Fa-f]+|[0-9]+)",
            rf"(?P<BYTES>[bB](?:{_STRING}))",
            rf"(?P<STRING>{_STRING})",
            r"(?P<IDENTIFIER>[A-Za-z_][A-Za-z0-9_]*)",
            r"(?P<ESC_IDENTIFIER>`[A-Za-z0-9_./\- ]+`)",
            r"(?P<op>==|!=|<=|>=|&&|\|\||[<>\[\]{}().,\-!?:+*/%])",
        )
    )
)
_KEYWORDS: Final = frozenset(("in", "true", "false", "null"))
_STRAY: Final = re.compile(
    rf'"""(?:{_ESCAPE}|[^\\])*|\'\'\'(?:{_ESCAPE}|[^\\])*|"(?:{_ESCAPE}|[^\\"\n\r])*|'
    rf"'(?:{_ESCAPE}|[^\\'\n\r])*|`[A-Za-z0-9_./\- ]*|[&|=]"
)
_PARTIAL_ESCAPE: Final = re.compile(
    r"\\(?:[xX][0-9A-Fa-f]?|u[0-9A-Fa-f]{0,3}|U[0-9A-Fa-f]{0,7}|[0-3][0-7]?)?"
)
EOF: Final = "<EOF>"


@dataclass(slots=True)
class Tokens:
    """The tokens: kind (the rule's name, or the text of operators and keywords), text and offset; the last is EOF."""

    kinds: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    stray: list[tuple[int, str]] = field(default_factory=list)  # offset and message of text that is no token
    stray_ends: list[int] = field(default_factory=list)  # where each of these texts ends


def tokenize(source: str) -> Tokens:
    """All tokens of a text; whitespace and comments are left out."""
    out = Tokens()
    at, end = 0, len(source)
    match = _TOKEN.match
    while at < end:
        found = match(source, at)
        if found is None:
            at = _stray(source, at, out)
            continue
        kind = found.lastgroup
        if kind != "skip":
            text = found.group()
            if kind == "op" or (kind == "IDENTIFIER" and text in _KEYWORDS):
                kind = text
            out.kinds.append(str(kind))
            out.texts.append(text)
            out.offsets.append(at)
        at = found.end()
    out.kinds.append(EOF)
    out.texts.append(EOF)
    out.offsets.append(end)
    return out


def _stray(source: str, at: int, out: Tokens) -> int:
    """Reports text no rule takes, up to and with the character at which the last rule gave up; returns what follows."""
    found = _STRAY.match(source, at)
    stop = found.end() if found is not None else at
    partial = _PARTIAL_ESCAPE.match(source, stop) if found is not None and source[at] in "\"'" else None
    if partial is not None:
        stop = partial.end()
    text = source[at : stop + 1]
    shown = text.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    out.stray.append((at, f"token recognition error at: '{shown}'"))
    out.stray_ends.append(min(stop + 1, len(source)))
    return out.stray_ends[-1]
