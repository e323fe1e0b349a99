"""Regular expressions of schemas: whether Go would compile them.

Asked by `nested_rules`. The engine is that of CEL's `matches`, which tells errors in Go's words.
"""

from __future__ import annotations

from orlop.cel.library_regex import PatternError, compile_pattern


def complaint(pattern: str) -> str:
    """What Go says of a pattern that is none, "" of one that is."""
    try:
        compile_pattern(pattern)
    except PatternError as error:
        return str(error)
    return ""
