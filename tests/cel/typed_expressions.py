"""Random expressions of a wanted type, over variables of every simple type, with values for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

from hypothesis import strategies as st

VARIABLES = {"i": "int", "j": "int", "u": "uint", "d": "double", "s": "string", "z": "string", "x": "bytes",
             "b": "bool", "li": "list(int)", "ls": "list(string)", "m": "map(string, int)", "when": "timestamp",
             "span": "duration", "y": "dyn"}  # fmt: skip
LIMITS = st.sampled_from([0, 1, -1, 2, 7, 2**31, 2**63 - 1, -(2**63)])
INTS = LIMITS | st.integers(-(2**63), 2**63 - 1) | st.integers(-9, 9)
UINTS = st.sampled_from([0, 1, 2, 2**63, 2**64 - 1]) | st.integers(0, 2**64 - 1) | st.integers(0, 9)
DOUBLES = st.sampled_from([0.0, -0.0, 1.5, -2.5, 1e300, 1e-300, 2.0**63, 2.0**53 + 2]) | st.floats(
    allow_nan=False, allow_infinity=False
)
TEXTS = st.sampled_from(["", "a", "ab", "h\u00e9", "7", "-3", "1.5", "true", "\U0001f600"]) | st.text(
    st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=5
)
BYTES = st.sampled_from([b"", b"a", b"\xff", "h\u00e9".encode()])
ORDERS = ("==", "!=", "<", "<=", ">", ">=")
Part = Callable[[str], st.SearchStrategy[str]]


def quoted(text: str) -> str:
    """A string literal."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def values() -> st.SearchStrategy[dict[str, Any]]:
    """Values of the variables, as plain Python; timestamps and durations in seconds."""
    return st.fixed_dictionaries({
        "i": INTS, "j": INTS, "u": UINTS, "d": DOUBLES, "s": TEXTS, "z": TEXTS, "x": BYTES, "b": st.booleans(),
        "li": st.lists(INTS, max_size=4), "ls": st.lists(TEXTS, max_size=4),
        "m": st.dictionaries(st.sampled_from("abcz"), INTS, max_size=3),
        "when": st.integers(0, 4_000_000_000), "span": st.integers(-100_000, 100_000),
        "y": INTS | TEXTS | st.booleans() | DOUBLES,
    })  # fmt: skip


LITERALS: dict[str, st.SearchStrategy[str]] = {
    "int": INTS.map(str),
    "uint": UINTS.map(lambda n: f"{n}u"),
    "double": DOUBLES.map(lambda f: repr(f) if "." in repr(f) or "e" in repr(f) else f"{f!r}.0"),
    "string": TEXTS.map(quoted),
    "bytes": st.sampled_from(["b''", "b'a'", "b'\\xff'", "b'h\u00e9'"]),
    "bool": st.sampled_from(["true", "false"]),
    "list(int)": st.just("[1, 2, 3]"),
    "list(string)": st.just("['a', 'b']"),
    "map(string, int)": st.just("{'a': 1, 'b': 2}"),
    "timestamp": st.sampled_from(["timestamp('2024-02-29T23:59:59Z')", "timestamp(0)"]),
    "duration": st.sampled_from(["duration('1h30m')", "duration('-90s')"]),
    "dyn": st.sampled_from(["dyn(1)", "dyn('a')", "dyn(2.0)", "dyn(1u)", "dyn([1])", "dyn({'a': 1})"]),
}


@dataclass(frozen=True)
class Form:
    """A way to make an expression: the text with places, and the types of what goes into them."""

    text: str
    parts: tuple[str, ...]


def forms(wanted: str, rows: str) -> list[Form]:
    """Forms of one type; a row is the text with `{type}` for every part."""
    found = []
    for row in rows.strip().splitlines():
        text, parts = "", []
        for piece in row.strip().split("\u00ab"):
            part, closed, rest = piece.partition("\u00bb")
            if closed:
                parts.append(wanted if part == "same" else part)
                text += "\u00ab" + rest
            else:
                text += piece
        found.append(Form(text, tuple(parts)))
    return found


ARITHMETIC = "\n".join(f"(«same» {operator} «same»)" for operator in "+-*/")
CHOICE = "(«bool» ? «same» : «same»)"
COMPARED = ("int", "uint", "double", "string", "bytes", "bool", "timestamp", "duration")
FORMS: dict[str, list[Form]] = {
    "int": forms("int", f"""{ARITHMETIC}
        («int» % «int»)\n -(«int»)\n {CHOICE}\n int(«double»)\n int(«string»)\n int(«uint»)\n int(«timestamp»)
        size(«string»)\n «string».size()\n size(«bytes»)\n «list(int)».size()\n size(«map(string, int)»)
        «list(int)»[«int»]\n «map(string, int)»[«string»]\n «map(string, int)».a
        «timestamp».getFullYear()\n «timestamp».getMonth()\n «timestamp».getDayOfYear()\n «timestamp».getHours('+05:30')
        «timestamp».getDate()\n «timestamp».getDayOfMonth()\n «timestamp».getDayOfWeek()\n «timestamp».getMilliseconds()
        «duration».getHours()\n «duration».getMinutes()\n «duration».getSeconds()
        «string».indexOf(«string»)\n «string».lastIndexOf(«string»)
        optional.of(«int»).orValue(«int»)\n «map(string, int)»[?«string»].orValue(«int»)\n m.?a.value()
        «list(int)»[?«int»].orValue(«int»)\n «map(string, int)»[?«string»].or(optional.of(«int»)).value()
        «map(string, int)».?a.optMap(n, n + «int»).orValue(«int»)"""),
    "uint": forms("uint", f"{ARITHMETIC}\n(«uint» % «uint»)\n{CHOICE}\nuint(«int»)\nuint(«double»)\nuint(«string»)"),
    "double": forms("double", f"{ARITHMETIC}\n-(«double»)\n{CHOICE}\ndouble(«int»)\ndouble(«uint»)\ndouble(«string»)"),
    "string": forms("string", f"(«same» + «same»)\n{CHOICE}\nstring(«int»)\nstring(«uint»)\nstring(«bool»)\n"
                    "string(«bytes»)\nstring(«timestamp»)\n«list(string)»[«int»]\n"
                    "«string».charAt(«int»)\n«string».lowerAscii()\n«string».upperAscii()\n«string».trim()\n"
                    "«string».replace(«string», «string»)\n«string».replace(«string», «string», «int»)\n"
                    "«string».substring(«int»)\n«list(string)».join('-')\n"
                    "«list(string)».join()\n«list(string)»[?«int»].orValue(«string»)"),
    "bytes": forms("bytes", f"(«same» + «same»)\n{CHOICE}\nbytes(«string»)"),
    "bool": [
        *forms("bool", f"""(«bool» && «bool»)\n (!(«bool»))\n («bool» || «bool»)\n {CHOICE}\n bool(«string»)
        («int» in «list(int)»)\n («string» in «list(string)»)\n («string» in «map(string, int)»)
        («list(int)» == «list(int)»)\n («map(string, int)» == «map(string, int)»)\n («dyn» == «dyn»)\n («dyn» != «dyn»)
        has(m.a)\n has(m.q)\n «string».startsWith(«string»)\n «string».endsWith(«string»)\n «string».contains(«string»)
        «string».matches('[a-c]+h?')\n («dyn» < «dyn»)\n («int» < «dyn»)\n («dyn» >= «double»)
        (type(«dyn») == int)\n (type(«dyn») == type(«dyn»))\n («dyn» in «list(string)»)
        «list(int)».all(e, «bool over e»)\n «list(int)».exists(e, «bool over e»)
        «list(int)».exists_one(e, «bool over e»)
        «map(string, int)».all(k, m[k] > «int»)\n «map(string, int)».exists(k, k == «string»)
        «map(string, int)».?q.hasValue()\n optional.ofNonZeroValue(«int»).hasValue()
        (optional.of(«int») == «list(int)»[?«int»])"""),
        *(Form(f"(\u00ab {order} \u00ab)", (kind, kind)) for order in ORDERS for kind in COMPARED),
    ],
    "bool over e": forms("bool", "(e > «int»)\n(e == «int»)\n(e % 2 == 0)\n(e / «int» > 0)\n«bool»\n"
                         "(e in «list(int)»)\n"
                         "(e > 0 && «bool»)\n(10 / e > «int» || «bool»)"),
    "list(int)": forms("list(int)", f"(«same» + «same»)\n[«int», «int»]\n{CHOICE}\n«list(int)».map(e, e + «int»)\n"
                       "«list(int)».filter(e, «bool over e»)\n«list(int)».map(e, «bool over e», e * 2)\n"
                       "«map(string, int)».map(k, «int»)"),
    "list(string)": forms("list(string)", f"(«same» + «same»)\n[«string», «string»]\n{CHOICE}\n"
                          "«list(string)».map(t, t + «string»)\n«list(int)».map(e, string(e))\n"
                          "«list(string)».filter(t, size(t) > «int»)\n«string».split('a')\n«string».split('-', «int»)"),
    "map(string, int)": forms("map(string, int)", f"{{«string»: «int»}}\n{{'a': «int», 'q': «int»}}\n{CHOICE}"),
    "timestamp": forms("timestamp", f"(«timestamp» + «duration»)\n(«duration» + «timestamp»)\n{CHOICE}\n"
                       "(«timestamp» - «duration»)\ntimestamp(string(«timestamp»))\ntimestamp(«int»)"),
    "duration": forms("duration", f"(«timestamp» - «timestamp»)\n(«same» + «same»)\n(«same» - «same»)\n{CHOICE}\n"
                      "duration(string(«duration»))"),
    "dyn": forms("dyn", "dyn(«int»)\ndyn(«string»)\ndyn(«double»)\ndyn(«bool»)\ndyn(«uint»)\ndyn(«list(int)»)"),
}  # fmt: skip


@cache
def expressions(wanted: str, depth: int = 3) -> st.SearchStrategy[str]:
    """Expressions of a type, at most so deep."""
    flat = [LITERALS[wanted]] if wanted in LITERALS else []
    flat += [st.just(name) for name, kind in VARIABLES.items() if kind == wanted]
    made = st.sampled_from(FORMS[wanted]).flatmap(lambda form: _filled(form, depth - 1))
    if not depth:
        return st.one_of(flat) if flat else expressions("bool", 0)
    return st.one_of(*flat, made, made, made)


def _filled(form: Form, depth: int) -> st.SearchStrategy[str]:
    def joined(parts: tuple[str, ...]) -> str:
        text = form.text
        for part in parts:
            text = text.replace("\u00ab", part, 1)
        return text

    return st.tuples(*(expressions(part, depth) for part in form.parts)).map(joined)
