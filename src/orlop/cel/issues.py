"""Errors found before evaluation, and their rendering with the source line and a caret.

The parser, the checker and the validators report into one `Issues`; `environment` raises what is in it as one
`CompileError`. Behaviour: cel-go common/error.go and common/errors.go.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Final

MAX_ISSUES: Final = 100
"""Issues beyond these are counted, not kept; the rendering says how many there were."""

MAX_SNIPPET: Final = 16384
"""Source lines longer than this (in bytes) are not repeated under a message."""


@dataclass(frozen=True, slots=True)
class Issue:
    """One error: line from 1 (-1: none), column from 0 in code points."""

    line: int
    column: int
    message: str


class CompileError(Exception):
    """An expression that cannot be used; `str()` is the full text as cel-go prints it."""

    def __init__(self, issues: list[Issue], text: str) -> None:
        super().__init__(text)
        self.issues = issues
        self.text = text


@dataclass(slots=True)
class Issues:
    """The errors of one source text."""

    source: str
    kept: list[Issue] = field(default_factory=list)
    count: int = 0
    _lines: list[int] = field(default_factory=list)

    def at(self, offset: int, message: str) -> None:
        """Reports an error at a code point offset."""
        line, column = self.place(offset)
        self.add(Issue(line, column, message))

    def nowhere(self, message: str) -> None:
        """Reports an error that has no place."""
        self.add(Issue(-1, -1, message))

    def add(self, issue: Issue) -> None:
        """Counts an issue, and keeps it while there is room."""
        self.count += 1
        if self.count <= MAX_ISSUES:
            self.kept.append(issue)

    def place(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset; in an empty text there is no column."""
        if not self.source:
            return 1, -1
        if not self._lines:
            self._lines = [0, *(i + 1 for i, c in enumerate(self.source) if c == "\n")]
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1]

    def error(self) -> CompileError:
        """All of it as one error."""
        self.kept.sort(key=lambda issue: (issue.line, issue.column))
        rendered = [self._render(issue) for issue in self.kept]
        if self.count > MAX_ISSUES:
            rendered.append(f"{self.count - MAX_ISSUES} more errors were truncated")
        return CompileError(list(self.kept), "\n".join(rendered))

    def _render(self, issue: Issue) -> str:
        text = f"ERROR: <input>:{issue.line}:{issue.column + 1}: {issue.message}"
        lines = self.source.split("\n")
        if not self.source or not 1 <= issue.line <= len(lines):
            return text
        snippet = lines[issue.line - 1]
        if len(snippet.encode("utf-8", "surrogatepass")) > MAX_SNIPPET:
            return text
        snippet = snippet.replace("\t", " ")
        dots = "".join("." if c < "\x80" else "\uff0e" for c in snippet[: issue.column])
        wide = issue.column < len(snippet) and snippet[issue.column] >= "\x80"
        return f"{text}\n | {snippet}\n | {dots}{chr(0xFF3E) if wide else '^'}"


class ProgramError(Exception):
    """A checked expression that cannot be made a program: a conversion of a literal fails (cel-go: `env.Program`)."""

    @property
    def message(self) -> str:
        """cel-go's words, without anything around them."""
        return str(self.args[0])
