"""Where RE2 and Go's regexp differ: the few spellings only one of them knows, and the words of their errors.

`library_regex` compiles what `for_engine` gives and, where that fails, what `with_short_names` gives; `go_error` tells
the failure as Go would. Behaviour: Go regexp/syntax of Go 1.26; RE2's re2/parse.cc.
"""

from __future__ import annotations

import re
from typing import Final

_GO_WORDS: Final = {
    "missing ]": "missing closing ]",
    "missing )": "missing closing )",
    "trailing \\": "trailing backslash at end of expression",
    "no argument for repetition operator": "missing argument to repetition operator",
    "invalid repetition size": "invalid repeat count",
    "bad repetition operator": "invalid nested repetition operator",
    "invalid perl operator": "invalid or unsupported Perl syntax",
    "invalid named capture group": "invalid named capture",
}
_TOKEN: Final = re.compile(r"\\Q.*?(?:\\E|\Z)|\\.", re.DOTALL)
_UNKNOWN_ESCAPES: Final = "yijklmoqrgRGKhHNuUVXYZ"
_CLASS: Final = re.compile(r"\\([pP])\{(\^?)([^}]*)\}")
_REPETITION: Final = re.compile(r"\{([0-9]{1,9})(?:,([0-9]{0,9}))?\}\??$", re.ASCII)
_MOST_REPEATS: Final = 1000
_MOST_NESTING: Final = 1000
_PARENTHESIS: Final = re.compile(r"\\Q.*?(?:\\E|\Z)|\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|[()]", re.DOTALL)
_CATEGORIES: Final = {
    "closepunctuation": "Pe", "combiningmark": "M", "connectorpunctuation": "Pc", "control": "Cc",
    "currencysymbol": "Sc", "dashpunctuation": "Pd", "decimalnumber": "Nd", "enclosingmark": "Me",
    "finalpunctuation": "Pf", "format": "Cf", "initialpunctuation": "Pi", "letter": "L", "letternumber": "Nl",
    "lineseparator": "Zl", "lowercaseletter": "Ll", "mark": "M", "mathsymbol": "Sm", "modifierletter": "Lm",
    "modifiersymbol": "Sk", "nonspacingmark": "Mn", "number": "N", "openpunctuation": "Ps", "other": "C",
    "otherletter": "Lo", "othernumber": "No", "otherpunctuation": "Po", "othersymbol": "So",
    "paragraphseparator": "Zp", "privateuse": "Co", "punctuation": "P", "separator": "Z", "spaceseparator": "Zs",
    "spacingmark": "Mc", "surrogate": "Cs", "symbol": "S", "titlecaseletter": "Lt", "uppercaseletter": "Lu",
    "cntrl": "Cc", "digit": "Nd", "punct": "P",
}  # fmt: skip
"""Long names of general categories, which only Go knows, without what names may be spelt with."""


def for_engine(text: str) -> str:
    r"""`text` with `\C`, a byte for RE2 and unknown to Go, made an escape that RE2 does not know either."""
    stand_in = _stand_in(text)
    if not stand_in:
        return text
    return _TOKEN.sub(lambda token: stand_in if token[0] == "\\C" else token[0], text)


def _stand_in(text: str) -> str:
    """The escape that stands for `\\C`; "" where the text has none."""
    if "\\C" not in text:
        return ""
    return next((f"\\{letter}" for letter in _UNKNOWN_ESCAPES if f"\\{letter}" not in text), "")


def with_short_names(text: str) -> str:
    """`text` with the names of character classes spelt as RE2 knows them."""
    return _CLASS.sub(_respelt, text)


def _respelt(found: re.Match[str]) -> str:
    return f"\\{found[1]}{{{found[2]}{_short(found[3])}}}"


def _short(name: str) -> str:
    plain = name.lower().replace("_", "").replace("-", "").replace(" ", "")
    return _CATEGORIES.get(plain) or (name.capitalize() if name.isalpha() else name)


def nests_too_deeply(text: str) -> bool:
    """Whether groups lie deeper in each other than Go follows; RE2 has no such bound."""
    if text.count("(") < _MOST_NESTING:
        return False
    depth = deepest = 0
    for found in _PARENTHESIS.finditer(text):
        if found[0] in "()":
            depth += 1 if found[0] == "(" else -1
            deepest = max(deepest, depth)
    return deepest >= _MOST_NESTING


def _nested(code: str, place: str) -> tuple[str, str]:
    last = _REPETITION.search(place)
    if last is None:
        return code, place
    least, most = int(last[1]), int(last[2] or last[1])
    return ("invalid repeat count", last[0]) if least > most or most > _MOST_REPEATS else (code, place)


def go_error(text: str, error: str) -> str:
    """RE2's error about `text` in Go's words."""
    code, _, place = error.partition(": ")
    stand_in = _stand_in(text)
    if stand_in:
        place = place.replace(stand_in, "\\C")
    for found in _CLASS.finditer(text):
        place = place.replace(_respelt(found), found[0])
    if code.startswith("pattern too large"):
        return f"error parsing regexp: expression too large: `{text}`"
    if place in ("(?<=", "(?<!"):  # Go takes them for the start of a name
        rest = text[text.find(place) :]
        return f"error parsing regexp: invalid named capture: `{rest[: rest.find('>') + 1] or rest}`"
    code = _GO_WORDS.get(code, code)
    if code == "invalid nested repetition operator":  # Go looks at the numbers first
        code, place = _nested(code, place)
    if code == "invalid repeat count":
        place = place.removesuffix("?")
    if code.startswith("trailing backslash"):
        place = ""
    return f"error parsing regexp: {code}: `{place}`"
