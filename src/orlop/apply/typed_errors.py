"""Complaints about values that do not fit their type.

Nodes return or raise them; `ownership` and `tracking` wrap them into what a client reads. Texts:
structured-merge-diff `typed/helpers.go`.
"""

from __future__ import annotations

from typing import NamedTuple


class Complaint(NamedTuple):
    """One value that does not fit. `path` is spelled as in messages, "" for the value itself."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}" if self.path else self.text

    def within(self, step: str) -> Complaint:
        """The same, seen from one element further out."""
        return Complaint(step + self.path, self.text)


class TypedError(ValueError):
    """Values that cannot be understood under their type; the message has upstream's words. `doing` is what was tried
    when that came out, "" where that is not told."""

    def __init__(self, complaints: list[Complaint], doing: str | None = None) -> None:
        super().__init__(told(complaints))
        self.complaints, self.doing = complaints, doing

    def within(self, step: str) -> TypedError:
        """The same, seen from one element further out."""
        return TypedError([complaint.within(step) for complaint in self.complaints])


def told(complaints: list[Complaint]) -> str:
    if len(complaints) == 1:
        return str(complaints[0])
    return "\n".join(["errors:", *(f"  {complaint}" for complaint in complaints)])
