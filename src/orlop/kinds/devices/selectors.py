"""Selectors of devices: expressions in CEL.

Called by the rules of classes and claims. Behaviour: kubernetes `pkg/apis/resource/validation/validation.go`
(validateSelector, validateCELSelector).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api import names
from orlop.api.field import Path, required, too_long
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors
from orlop.kinds.devices.bounds import listed

MAX_SELECTORS: Final = 32
MAX_EXPRESSION: Final = 10 * 1024


def check_selector(expression: str, path: Path) -> Errors:
    """What is wrong with the text of an expression; one that is too long is not looked into."""
    if names.length(expression) > MAX_EXPRESSION:
        return [too_long(path, MAX_EXPRESSION)]
    from orlop.kinds.devices import selector_language  # loads the language

    return selector_language.check(expression, path)


def _selector(path: Path, selector: Tree) -> Errors:
    cel = selector.get("cel")
    if cel is None:
        return [required(path.child("cel"))]
    return check_selector(cel.get("expression") or "", path.child("cel.expression"))


def selectors(path: Path, items: Sequence[Tree] | None) -> Errors:
    return listed(path, items, MAX_SELECTORS, _selector)
