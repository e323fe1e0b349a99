"""How upstream shows what changed in an immutable spec: a unified diff of the two, as indented JSON.

Called by the rules of kinds whose whole spec is immutable. Behaviour: apimachinery `util/diff`.
"""

from __future__ import annotations

import json
from difflib import SequenceMatcher
from typing import Any, Final

CONTEXT: Final = 3
"""Lines shown before and after a change."""
_ESCAPES: Final = (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026"), ("\u2028", "\\u2028"),
                   ("\u2029", "\\u2029"))
"""What Go writes so that JSON is safe inside HTML."""


def diff(old: Any, new: Any) -> str:
    """The hunks that lead from `old` to `new`, without a header of file names."""
    left, right = (_lines(tree) for tree in (old, new))
    out: list[str] = []
    for group in SequenceMatcher(None, left, right).get_grouped_opcodes(CONTEXT):
        first, last = group[0], group[-1]
        out.append(f"@@ -{_span(first[1], last[2])} +{_span(first[3], last[4])} @@\n")
        for tag, low, high, from_, to in group:
            if tag == "equal":
                out += [f" {line}\n" for line in left[low:high]]
                continue
            out += [f"-{line}\n" for line in left[low:high]]
            out += [f"+{line}\n" for line in right[from_:to]]
    return "".join(out)


def _lines(tree: Any) -> list[str]:
    text = json.dumps(tree, indent=1, ensure_ascii=False)
    for char, escape in _ESCAPES:
        text = text.replace(char, escape)
    return text.split("\n")


def _span(start: int, end: int) -> str:
    length = end - start
    if length == 1:
        return str(start + 1)
    return f"{start + 1 if length else start},{length}"
