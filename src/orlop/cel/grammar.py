"""The grammar of CEL as a graph of states, the way ANTLR lays a grammar out.

`syntax` walks it to find what could have stood where a text is wrong; the parser proper does not use it. Rules, and the
decisions made by one token of lookahead (`one=True`) or by prediction, are those of cel-go parser/gen/CEL.g4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import lru_cache
from typing import Final

_LITERALS: Final = "== != in < <= >= > && || [ ] { } ( ) . , - ! ? : + * / % true false null"
LITERALS: Final = tuple(_LITERALS.split())
SYMBOLS: Final = ("NUM_FLOAT", "NUM_INT", "NUM_UINT", "STRING", "BYTES", "IDENTIFIER", "ESC_IDENTIFIER")
EOF: Final = "<EOF>"
ORDER: Final = {kind: place for place, kind in enumerate((EOF, *LITERALS, *SYMBOLS))}


class Sort(Enum):
    """What a state is for; the strategy of recovery depends on it."""

    PLAIN = 0
    BLOCK = 1  # the start of alternatives
    ENTRY = 2  # the start of a loop that may be empty
    BACK = 3  # the end of a turn of a loop that may be empty
    TURN = 4  # the start of a loop that runs at least once
    AGAIN = 5  # the end of a turn of such a loop
    STOP = 6  # the end of a rule


@dataclass(slots=True, eq=False)
class State:
    """A place in the grammar; `edges` lead on, one for each alternative of a decision."""

    sort: Sort = Sort.PLAIN
    one: bool = True
    edges: list[Edge] = field(default_factory=list)


@dataclass(frozen=True, slots=True, eq=False)
class Edge:
    """A step: over a token of `tokens`, through the rule `rule`, or over nothing (perhaps if `precedence` allows)."""

    target: State
    tokens: frozenset[str] = frozenset()
    rule: str = ""
    argument: int = 0
    precedence: int = 0


@dataclass(slots=True)
class Graph:
    """All rules: where they start and stop, and what follows where they are called."""

    starts: dict[str, State] = field(default_factory=dict)
    stops: dict[str, State] = field(default_factory=dict)
    follows: dict[State, list[State]] = field(default_factory=dict)


Part = Callable[[Graph, State], State]
"""Adds itself behind a state and returns the state behind itself."""


def tok(*kinds: str) -> Part:
    """One token of these."""

    def add(graph: Graph, at: State) -> State:
        behind = State()
        at.edges.append(Edge(behind, frozenset(kinds)))
        return behind

    return add


def ref(rule: str, argument: int = 0) -> Part:
    """A rule, with the least precedence its operators must have."""

    def add(graph: Graph, at: State) -> State:
        behind = State()
        at.edges.append(Edge(behind, rule=rule, argument=argument))
        graph.follows.setdefault(graph.stops[rule], []).append(behind)
        return behind

    return add


def seq(*parts: Part) -> Part:
    """One after the other."""

    def add(graph: Graph, at: State) -> State:
        for part in parts:
            at = part(graph, at)
        return at

    return add


def allowed(precedence: int, part: Part) -> Part:
    """An operator of that precedence."""

    def add(graph: Graph, at: State) -> State:
        behind = State()
        at.edges.append(Edge(behind, precedence=precedence))
        return part(graph, behind)

    return add


def alt(*parts: Part, one: bool = False) -> Part:
    """One of these."""

    def add(graph: Graph, at: State) -> State:
        block, end = State(Sort.BLOCK, one), State()
        at.edges.append(Edge(block))
        _branches(graph, block, parts, end)
        return end

    return add


def _branches(graph: Graph, block: State, parts: tuple[Part, ...], end: State) -> None:
    for part in parts:
        first = State()
        block.edges.append(Edge(first))
        part(graph, first).edges.append(Edge(end))


def opt(part: Part) -> Part:
    """This or nothing."""

    def add(graph: Graph, at: State) -> State:
        block, end = State(Sort.BLOCK), State()
        at.edges.append(Edge(block))
        _branches(graph, block, (part,), end)
        block.edges.append(Edge(end))
        return end

    return add


def star(*parts: Part, one: bool = True) -> Part:
    """Any number of these."""

    def add(graph: Graph, at: State) -> State:
        entry, back, end = State(Sort.ENTRY, one), State(Sort.BACK, one), State()
        block = State(Sort.BLOCK if len(parts) > 1 else Sort.PLAIN, False)
        at.edges.append(Edge(entry))
        entry.edges += [Edge(block), Edge(end)]
        _branches(graph, block, parts, back)
        back.edges.append(Edge(entry))
        return end

    return add


def plus(part: Part, one: bool) -> Part:
    """One or more of this."""

    def add(graph: Graph, at: State) -> State:
        turn, again, end = State(Sort.TURN, one), State(Sort.AGAIN, one), State()
        at.edges.append(Edge(turn))
        _branches(graph, turn, (part,), again)
        again.edges += [Edge(turn), Edge(end)]
        return end

    return add


_DOT: Final = opt(tok("."))
_MARK: Final = opt(tok("?"))
_COMMA: Final = opt(tok(","))
_MINUS: Final = opt(tok("-"))
_NAME: Final = tok("IDENTIFIER")


def _binary(rule: str, precedence: int, *operators: str) -> Part:
    return allowed(precedence, seq(tok(*operators), ref(rule, precedence + 1)))


def _listed(*parts: Part, one: bool = False) -> Part:
    return seq(*parts, star(seq(tok(","), *parts), one=one))


_RULES: Final[dict[str, Part]] = {
    "start": seq(ref("expr"), tok(EOF)),
    "expr": seq(ref("conditionalOr"), opt(seq(tok("?"), ref("conditionalOr"), tok(":"), ref("expr")))),
    "conditionalOr": seq(ref("conditionalAnd"), star(seq(tok("||"), ref("conditionalAnd")))),
    "conditionalAnd": seq(ref("relation"), star(seq(tok("&&"), ref("relation")))),
    "relation": seq(
        ref("calc"), star(_binary("relation", 1, "<", "<=", ">=", ">", "==", "!=", "in"), one=False)
    ),
    "calc": seq(
        ref("unary"), star(_binary("calc", 2, "*", "/", "%"), _binary("calc", 1, "+", "-"), one=False)
    ),
    "unary": alt(
        ref("member"),
        seq(plus(tok("!"), True), ref("member")),
        seq(plus(tok("-"), False), ref("member")),
    ),
    "member": seq(
        ref("primary"),
        star(
            allowed(3, seq(tok("."), _MARK, ref("escapeIdent"))),
            allowed(2, seq(tok("."), _NAME, tok("("), opt(ref("exprList")), tok(")"))),
            allowed(1, seq(tok("["), _MARK, ref("expr"), tok("]"))),
            one=False,
        ),
    ),
    "primary": alt(
        seq(_DOT, _NAME),
        seq(_DOT, _NAME, tok("("), opt(ref("exprList")), tok(")")),
        seq(tok("("), ref("expr"), tok(")")),
        seq(tok("["), opt(ref("listInit")), _COMMA, tok("]")),
        seq(tok("{"), opt(ref("mapInitializerList")), _COMMA, tok("}")),
        seq(
            _DOT, _NAME, star(seq(tok("."), _NAME)), tok("{"), opt(ref("fieldInitializerList")), _COMMA, tok("}")
        ),
        ref("literal"),
    ),
    "exprList": _listed(ref("expr"), one=True),
    "listInit": _listed(ref("optExpr")),
    "fieldInitializerList": _listed(ref("optField"), tok(":"), ref("expr")),
    "optField": seq(_MARK, ref("escapeIdent")),
    "mapInitializerList": _listed(ref("optExpr"), tok(":"), ref("expr")),
    "escapeIdent": alt(_NAME, tok("ESC_IDENTIFIER"), one=True),
    "optExpr": seq(_MARK, ref("expr")),
    "literal": alt(
        seq(_MINUS, tok("NUM_INT")),
        tok("NUM_UINT"),
        seq(_MINUS, tok("NUM_FLOAT")),
        tok("STRING"),
        tok("BYTES"),
        tok("true"),
        tok("false"),
        tok("null"),
    ),
}


@lru_cache(maxsize=1)
def graph() -> Graph:
    """The graph, laid out when the first wrong text asks for it."""
    made = Graph()
    for name in _RULES:
        made.starts[name], made.stops[name] = State(), State(Sort.STOP)
    for name, part in _RULES.items():
        part(made, made.starts[name]).edges.append(Edge(made.stops[name]))
    return made
