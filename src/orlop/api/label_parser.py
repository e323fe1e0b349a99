"""The grammar of label selectors in query strings: "app=web,tier in (a,b),!legacy".

Called by `labels.parse` and nobody else; makes requirements of a text. Grammar and texts are those of
apimachinery `pkg/labels/selector.go`.
"""

from __future__ import annotations

import re

from orlop.api.label_requirement import (
    BINARY_OPERATORS,
    DOES_NOT_EXIST,
    DOUBLE_EQUALS,
    EQUALS,
    EXISTS,
    GREATER_THAN,
    IN,
    LESS_THAN,
    NOT_EQUALS,
    NOT_IN,
    Requirement,
    SelectorError,
    check_key,
    requirement,
)

# A NUL ends a token and is swallowed; where a token should begin it ends the text, as for upstream's lexer.
_TOKEN = re.compile(r"[ \t\r\n]*(?:(==|!=|[=!(),><])|([^=!(),>< \t\r\n\0]+))\0?")
_OPERATORS = {"in": IN, "notin": NOT_IN, "=": EQUALS, "==": DOUBLE_EQUALS, "!=": NOT_EQUALS,
              ">": GREATER_THAN, "<": LESS_THAN}
_WORD, _END = "word", "end"


class _Tokens:
    """The tokens of a text and the place of the next one. A token is its kind (`word`, `end` or the symbol
    itself) and its text. `in` and `notin` are words unless an operator is looked for."""

    __slots__ = ("_items", "_next")

    def __init__(self, text: str) -> None:
        items: list[tuple[str, str]] = []
        position = 0
        while (found := _TOKEN.match(text, position)) is not None:
            symbol, word = found.groups()
            items.append((symbol, symbol) if symbol else (_WORD, word))
            position = found.end()
        items.append((_END, ""))
        self._items, self._next = items, 0

    def peek(self) -> tuple[str, str]:
        return self._items[self._next]

    def take(self) -> tuple[str, str]:
        item = self._items[self._next]
        # Nothing reads on after the end but to complain about it.
        if item[0] != _END:
            self._next += 1
        return item


def parse_requirements(text: str) -> list[Requirement]:
    """The requirements of a selector in the order written. Raises SelectorError."""
    tokens = _Tokens(text)
    found: list[Requirement] = []
    kind, shown = tokens.peek()
    if kind == _END:
        return found
    if kind not in (_WORD, "!"):
        raise SelectorError(f"found '{shown}', expected: !, identifier, or 'end of string'")
    while True:
        try:
            found.append(_requirement(tokens))
        except SelectorError as error:
            raise SelectorError(f"unable to parse requirement: {error}") from None
        kind, shown = tokens.take()
        if kind == _END:
            return found
        if kind != ",":
            raise SelectorError(f"found '{shown}', expected: ',' or 'end of string'")
        kind, shown = tokens.peek()
        if kind not in (_WORD, "!"):
            raise SelectorError(f"found '{shown}', expected: identifier after ','")


def _requirement(tokens: _Tokens) -> Requirement:
    kind, text = tokens.take()
    negated = kind == "!"
    if negated:
        kind, text = tokens.take()
    if kind != _WORD:
        raise SelectorError(f"found '{text}', expected: identifier")
    if (wrong := check_key(text)) is not None:
        raise SelectorError(str(wrong))
    if negated:
        return requirement(text, DOES_NOT_EXIST)
    if tokens.peek()[0] in (_END, ","):
        return requirement(text, EXISTS)
    op = _operator(tokens)
    return requirement(text, op, sorted(_set(tokens) if op in (IN, NOT_IN) else _single(tokens)))


def _operator(tokens: _Tokens) -> str:
    _, text = tokens.take()
    if text not in _OPERATORS:
        raise SelectorError(f"found '{text}', expected: {', '.join(BINARY_OPERATORS)}")
    return _OPERATORS[text]


def _single(tokens: _Tokens) -> set[str]:
    if tokens.peek()[0] in (_END, ","):
        return {""}
    kind, text = tokens.take()
    if kind != _WORD:
        raise SelectorError(f"found '{text}', expected: identifier")
    return {text}


def _set(tokens: _Tokens) -> set[str]:
    kind, text = tokens.take()
    if kind != "(":
        raise SelectorError(f"found '{text}' expected: '('")
    kind, text = tokens.peek()
    if kind == ")":
        tokens.take()
        return {""}
    if kind not in (_WORD, ","):
        raise SelectorError(f"found '{text}', expected: ',', ')' or identifier")
    values = _values(tokens)
    tokens.take()
    return values


def _values(tokens: _Tokens) -> set[str]:
    """Everything up to the closing parenthesis. Nothing before, between or after commas is the empty
    value."""
    values: set[str] = set()
    while True:
        kind, text = tokens.take()
        following, shown = tokens.peek()
        if kind == _WORD:
            values.add(text)
            if following == ")":
                return values
            if following != ",":
                raise SelectorError(f"found '{shown}', expected: ',' or ')'")
        elif kind == ",":
            if not values or following in (",", ")"):
                values.add("")
            if following == ")":
                return values
        else:
            raise SelectorError(f"found '{text}', expected: ',', or identifier")
