"""CEL expressions in webhooks and policies: what they must evaluate to, and of what they may speak.

Used by the rules of all kinds here, one call a place; the language is loaded at the first. Behaviour: kubernetes
`pkg/apis/admissionregistration/validation/validation.go` (validateCELCondition and its callers).
"""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from orlop.api.field import FieldError, Path, internal, invalid
from orlop.kinds.checks import Errors


class Place(Enum):
    """Where an expression stands."""

    CONDITION = auto()
    VALIDATION = auto()
    MESSAGE = auto()
    AUDIT_ANNOTATION = auto()
    APPLY_CONFIGURATION = auto()
    JSON_PATCH = auto()


_PATCHES = (Place.APPLY_CONFIGURATION, Place.JSON_PATCH)


class Composition:
    """The variables of one policy, in their order: later expressions may speak of earlier ones. `params`: whether
    they may speak of parameters; `always`: whether there is something to speak of also without a variable."""

    def __init__(self, params: bool, always: bool = False) -> None:
        self.params = params
        self.types: dict[str, Any] | None = {} if always else None

    def define(self, path: Path, name: str, expression: str) -> Errors:
        """A variable."""
        from orlop.cel.types import DYN
        from orlop.kinds.admission_registration.compilation import Wrong, compile_expression, stored_type

        known = self.types = self.types or {}
        try:
            found = compile_expression(expression, (), params=self.params, authorizer=True, patches=False,
                                       variables=known)
        except Wrong as wrong:
            known[name] = DYN
            return [_error(path, expression, wrong)]
        known[name] = stored_type(found)
        return []


def compiled(path: Path, expression: str, place: Place, *, params: bool, variables: Composition | None = None,
             shown: str | None = None) -> Errors:
    """What is wrong with an expression. `shown` is its text in the message, when it is not the one compiled."""
    from orlop.kinds.admission_registration.compilation import Wrong, compile_expression

    try:
        compile_expression(expression, _wanted(place), params=params, authorizer=place is not Place.MESSAGE,
                           patches=place in _PATCHES, variables=None if variables is None else variables.types)
    except Wrong as wrong:
        return [_error(path, expression if shown is None else shown, wrong)]
    return []


def _wanted(place: Place) -> tuple[Any, ...]:
    from orlop.cel import types as t
    from orlop.kinds.admission_registration.compilation import OBJECT, PATCH

    return {
        Place.CONDITION: (t.BOOL,), Place.VALIDATION: (t.BOOL,), Place.MESSAGE: (t.STRING,),
        Place.AUDIT_ANNOTATION: (t.STRING, t.NULL), Place.APPLY_CONFIGURATION: (OBJECT,),
        Place.JSON_PATCH: (t.list_of(PATCH),),
    }[place]


def _error(path: Path, expression: str, wrong: Any) -> FieldError:
    return internal(path, str(wrong)) if wrong.internal else invalid(path, expression, str(wrong))
