"""Whether a text is one mail address (RFC 5322): format `email`.

Asked by `formats`. Nearly every address is `name@domain`; what is not goes through the grammar: display names,
comments, quoted strings, domain literals, groups. What is accepted follows Go's `net/mail` ParseAddress.
"""

from __future__ import annotations

import re
from typing import Final

from orlop.structural.hosts import is_ip

_ATEXT: Final = r"[a-zA-Z0-9!#$%&'*+/=?^_`{|}~\-\u0080-\U0010ffff]"
_SIMPLE: Final = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*@{_ATEXT}+(?:\.{_ATEXT}+)*")
_DOT_ATOM: Final = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_LOOSE_ATOM: Final = re.compile(rf"(?:{_ATEXT}|\.)+")
_QUOTED: Final = re.compile(r'"((?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\t\x20-\x7e\u0080-\U0010ffff])*)"')
_LITERAL: Final = re.compile(r"\[([!-Z^-~\u0080-\U0010ffff]*)\]")
_BLANK: Final = re.compile(r"[ \t]*")


def is_address(text: str) -> bool:
    if _SIMPLE.fullmatch(text):
        return True
    try:
        return _Grammar(text).single()
    except _Malformed:
        return False


class _Malformed(Exception):
    """The text is no address."""


class _Grammar:
    """One pass over a text; `at` is the place looked at."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def single(self) -> bool:
        count = self.address(groups=True)
        self.comments()
        return count == 1 and self.at == len(self.text)

    def address(self, groups: bool) -> int:
        """How many addresses an address (or group) stands for."""
        self.blank()
        start = self.at
        if self.at == len(self.text):
            raise _Malformed
        if self.spec():
            self.blank()
            if self.consume("("):
                self.comment()
            return 1
        self.at = start
        if not self.text.startswith("<", self.at):
            self.phrase()
        self.blank()
        if groups and self.consume(":"):
            return self.group()
        if not self.consume("<") or not self.spec() or not self.consume(">"):
            raise _Malformed
        return 1

    def group(self) -> int:
        self.blank()
        if self.consume(";"):
            self.comments()
            return 0
        count = 0
        while True:
            count += self.address(groups=False)
            self.comments()
            if self.consume(";"):
                self.comments()
                return count
            if not self.consume(","):
                raise _Malformed

    def spec(self) -> bool:
        """local-part@domain. Where it is none, the place is not to be relied on."""
        self.blank()
        quoted = self.match(_QUOTED)
        if quoted is not None:
            if not quoted.group(1):
                return False
        elif not self.dot_atom():
            return False
        if not self.consume("@"):
            return False
        self.blank()
        literal = self.match(_LITERAL)
        return is_ip(literal.group(1)) if literal is not None else self.dot_atom()

    def dot_atom(self) -> bool:
        found = self.match(_LOOSE_ATOM)
        return found is not None and _DOT_ATOM.fullmatch(found.group()) is not None

    def phrase(self) -> None:
        words = 0
        while True:
            if words:
                self.comments()
            self.blank()
            if self.match(_QUOTED) is None and self.match(_LOOSE_ATOM) is None:
                break
            words += 1
        if not words and self.at < len(self.text):
            raise _Malformed

    def comments(self) -> None:
        self.blank()
        while self.consume("("):
            self.comment()
            self.blank()

    def comment(self) -> None:
        """A comment whose opening parenthesis is behind us; they nest."""
        depth = 1
        while depth:
            if self.at >= len(self.text):
                raise _Malformed
            char = self.text[self.at]
            if char == "\\" and self.at + 1 < len(self.text):
                self.at += 1
            elif char in "()":
                depth += 1 if char == "(" else -1
            self.at += 1

    def blank(self) -> None:
        self.match(_BLANK)

    def consume(self, char: str) -> bool:
        if not self.text.startswith(char, self.at):
            return False
        self.at += 1
        return True

    def match(self, form: re.Pattern[str]) -> re.Match[str] | None:
        found = form.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found
