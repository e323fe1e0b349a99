"""What goes wrong with kinds declared in Python: in the declaration, and in objects.

`DeclarationError` is for the programmer, when the class is defined; `Problem` and `Refused` are raised by the
programmer's own functions and become the answers that clients of Kubernetes know.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from orlop.api import field
from orlop.api.field import OMITTED, FieldError

Sort = Literal["invalid", "required", "forbidden", "duplicate", "unsupported"]
_REASONS: Final[dict[str, str]] = {
    "invalid": field.INVALID, "required": field.REQUIRED, "forbidden": field.FORBIDDEN,
    "duplicate": field.DUPLICATE, "unsupported": field.NOT_SUPPORTED}
_NO_VALUE: Final = object()


class DeclarationError(TypeError):
    """A class that cannot become a kind, and why."""


class Problem(ValueError):
    """One thing wrong with one field of an object: raise it or yield it in a function marked `validates`. `field` is a
    path such as `spec.ports[0].name`, `value` what stands there."""

    def __init__(self, field: str, message: str, value: Any = _NO_VALUE, *, sort: Sort = "invalid") -> None:
        super().__init__(f"{field}: {message}")
        self.field, self.message, self.sort = field, message, sort
        self.value = OMITTED if value is _NO_VALUE else value

    def field_error(self) -> FieldError:
        return FieldError(_REASONS[self.sort], self.field, self.value, self.message)


class Refused(Exception):
    """A write that is not wanted (403): raise it in a function marked `before`."""
