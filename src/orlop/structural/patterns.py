"""Regular expressions of `pattern`: the one place where this room gets its engine.

`checking` and `validation` ask for a compiled pattern. Upstream uses Go's `regexp`, which runs in linear time and
knows no look-around and no back references; the engine is that of CEL's `matches`, which remembers what it compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from orlop.cel.library_regex import compile_pattern

Match: TypeAlias = Callable[[str], bool]
"""Whether a text holds a match anywhere."""


def matcher(pattern: str) -> Match:
    """What looks for a pattern in a text. ValueError with Go's words for a pattern that is none."""
    return compile_pattern(pattern).matches
