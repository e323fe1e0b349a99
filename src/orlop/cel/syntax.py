"""The words of syntax errors: what stood where, and what could have.

`parser` calls `report_syntax` for tokens that are not in the grammar. The walk goes over the graph of `grammar` and
recovers as ANTLR's generated parsers do: it deletes or inserts single tokens, or leaves the rule. `prediction` makes
the decisions that need more than one token. Behaviour: ANTLR's DefaultErrorStrategy with cel-go's limits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from orlop.cel.escaping import RESERVED
from orlop.cel.grammar import EOF, LITERALS, ORDER, Edge, Graph, Sort, State, graph
from orlop.cel.issues import Issues
from orlop.cel.lexer import Tokens
from orlop.cel.prediction import NoAlternative, Predictor, TooMuchWork

MAX_RECOVERIES: Final = 30
"""Recoveries in one text; then its remaining errors stay untold."""

MAX_SKIPPED: Final = 256
"""Tokens one recovery may skip."""

_RESERVED: Final = re.compile(r"no viable alternative at input '\.(true|false|null)'")
_EPSILON: Final = ""


def report_syntax(tokens: Tokens, issues: Issues) -> None:
    """Reports what is wrong with tokens that are no expression."""
    for offset, message in tokens.stray:
        issues.at(offset, f"Syntax error: {message}")
    walk = _Walk(tokens, issues, graph())
    try:
        walk.rule("start", None, 0)
    except _GivenUp as fault:
        if fault.args:
            issues.nowhere(str(fault.args[0]))
    except TooMuchWork:
        if not issues.count:
            walk.tell(walk.at, f"mismatched input {walk.shown(walk.at)} expecting {EOF}")
    if not issues.count:  # the parser refused what the grammar takes: a limit of the parser, told as one
        issues.nowhere("expression recursion limit exceeded: 250")


class _GivenUp(Exception):
    """A limit of recovery was met."""


class _Mismatch(Exception):
    """A token that cannot stand where it stands."""


@dataclass(slots=True)
class _Call:
    """A rule being walked, called by a state of the rule before it."""

    follow: State | None
    parent: _Call | None


@dataclass(slots=True)
class _Walk:
    """The state of the walk: position, calls, and what recovery remembers."""

    tokens: Tokens
    issues: Issues
    graph: Graph
    at: int = 0
    state: State = field(default_factory=State)
    call: _Call | None = None
    recovering: bool = False
    recoveries: int = 0
    stuck_at: int = -1
    stuck_states: set[State] = field(default_factory=set)
    predictor: Predictor = field(init=False)
    names: frozenset[Edge] = field(init=False)

    def __post_init__(self) -> None:
        self.predictor = Predictor(self.graph, self.tokens.kinds)
        self.names = frozenset(self.graph.starts["primary"].edges[0].target.edges[:2])

    def rule(self, name: str, follow: State | None, precedence: int) -> None:
        """Walks a rule, recovering from what is wrong in it."""
        self.call = _Call(follow, self.call)
        began = self.at
        try:
            self._through(self.graph.starts[name], precedence)
        except _Mismatch:
            self._report(self.at, f"mismatched input {self.shown(self.at)} expecting {self._listed(self._expected())}")
            if name == "escapeIdent":
                self.issues.at(self.tokens.offsets[began], "unsupported ident kind")
            self._recover()
        except NoAlternative as fault:
            self._report(fault.at, f"no viable alternative at input '{self._text(fault.start, fault.at)}'")
            self._recover()
        finally:
            self.call = self.call.parent if self.call is not None else None

    def _through(self, state: State, precedence: int) -> None:
        synced = False
        while state.sort is not Sort.STOP:
            self.state = state
            if state.sort is not Sort.PLAIN and not synced:
                self._sync()
            synced = state.sort is Sort.BACK
            edge = self._chosen(state, precedence)
            if edge in self.names:
                self._reserved()
            if edge.tokens:
                self._match(edge)
            elif edge.rule:
                self.rule(edge.rule, edge.target, edge.argument)
            state = edge.target

    def _chosen(self, state: State, precedence: int) -> Edge:
        edges = state.edges
        if len(edges) == 1:
            return edges[0]
        if not state.one:
            return edges[self.predictor.predict(state, self.at, precedence)]
        for edge in edges:
            if self.tokens.kinds[self.at] in self.predictor.first(edge.target):
                return edge
        if state.sort is Sort.BLOCK and not self._skippable(state):
            raise NoAlternative(self.at, self.at)
        return edges[-1]

    def _skippable(self, state: State) -> bool:
        """Whether the decision is that of an optional part, whose last way leads around it."""
        return not state.edges[-1].target.edges or state.edges[-1].target is state.edges[0].target or any(
            _leads_to(edge.target, state.edges[-1].target) for edge in state.edges[:-1]
        )

    def _match(self, edge: Edge) -> None:
        if self.tokens.kinds[self.at] in edge.tokens:
            self._matched()
            self._consume()
            return
        self._count_recovery()
        if self._delete():
            self._consume()
            return
        after = self.predictor.from_state(edge.target)
        if self.tokens.kinds[self.at] in self._with_callers(after):
            expected = self._listed(self._expected())
            self._report(self.at, f"missing {expected} at {self.shown(self.at)}")
            return
        raise _Mismatch

    def _reserved(self) -> None:
        """Reports a name no variable or function may have."""
        kinds = self.tokens.kinds
        at = self.at + 1 if kinds[self.at] == "." else self.at
        if kinds[at] == "IDENTIFIER" and self.tokens.texts[at] in RESERVED:
            self.issues.at(self.tokens.offsets[self.at], f"reserved identifier: {self.tokens.texts[at]}")

    def _matched(self) -> None:
        self.recovering = False
        self.stuck_at = -1
        self.stuck_states = set()

    def _consume(self) -> None:
        if self.tokens.kinds[self.at] != EOF:
            self.at += 1

    def _delete(self) -> bool:
        """Leaves one token out if the next fits."""
        expected = self._expected()
        following = min(self.at + 1, len(self.tokens.kinds) - 1)
        if self.tokens.kinds[following] not in expected:
            return False
        self._unwanted()
        self._consume()
        self._matched()
        return True

    def _unwanted(self) -> None:
        self._report(self.at, f"extraneous input {self.shown(self.at)} expecting {self._listed(self._expected())}")

    def _sync(self) -> None:
        """Before a decision: deals with a token no way begins with."""
        if self.recovering:
            return
        following = self.predictor.from_state(self.state)
        if _EPSILON in following or self.tokens.kinds[self.at] in following:
            return
        if self.state.sort in (Sort.BLOCK, Sort.TURN, Sort.ENTRY):
            if not self._delete():
                raise _Mismatch
            return
        self._unwanted()
        self._skip_to(self._expected() | self._recovery_set())

    def _expected(self) -> frozenset[str]:
        return self._with_callers(self.predictor.from_state(self.state))

    def _with_callers(self, following: frozenset[str]) -> frozenset[str]:
        """What may come, looking past the ends of the rules around."""
        expected = set(following)
        call = self.call
        while _EPSILON in expected and call is not None and call.follow is not None:
            expected.remove(_EPSILON)
            expected |= self.predictor.from_state(call.follow)
            call = call.parent
        if _EPSILON in expected:
            expected.remove(_EPSILON)
            expected.add(EOF)
        return frozenset(expected)

    def _recovery_set(self) -> frozenset[str]:
        found: set[str] = set()
        call = self.call
        while call is not None and call.follow is not None:
            found |= self.predictor.from_state(call.follow)
            call = call.parent
        found.discard(_EPSILON)
        return frozenset(found)

    def _count_recovery(self) -> None:
        self.recoveries += 1
        if self.recoveries > MAX_RECOVERIES:
            self.tell(self.at, f"error recovery attempt limit exceeded: {MAX_RECOVERIES}")
            raise _GivenUp

    def _recover(self) -> None:
        self._count_recovery()
        skipped = 0
        if self.stuck_at == self.at and self.state in self.stuck_states:
            self._consume()
            skipped = 1
        self.stuck_at = self.at
        self.stuck_states.add(self.state)
        self._skip_to(self._recovery_set(), skipped)

    def _skip_to(self, wanted: frozenset[str], skipped: int = 0) -> None:
        while self.tokens.kinds[self.at] != EOF and self.tokens.kinds[self.at] not in wanted:
            if skipped >= MAX_SKIPPED:
                raise _GivenUp(f"error recovery token lookahead limit exceeded: {MAX_SKIPPED}")
            self._consume()
            skipped += 1

    def _report(self, at: int, message: str) -> None:
        if self.recovering:
            return
        self.recovering = True
        self.tell(at, message)

    def tell(self, at: int, message: str) -> None:
        """Reports a syntax error at a token."""
        message = _RESERVED.sub(r"mismatched input '\1' expecting IDENTIFIER", message)
        self.issues.at(self.tokens.offsets[at], f"Syntax error: {message}")

    def shown(self, at: int) -> str:
        """A token in quotes."""
        return f"'{_escaped(self.tokens.texts[at])}'"

    def _text(self, start: int, end: int) -> str:
        """The source from one token to another, without what is no token."""
        tokens = self.tokens
        if tokens.kinds[start] == EOF:
            return EOF
        first, last, kept = tokens.offsets[start], tokens.offsets[end], ""
        if tokens.kinds[end] != EOF:
            last += len(tokens.texts[end])
        for (begin, _), after in zip(tokens.stray, tokens.stray_ends, strict=True):
            if first <= begin < last:
                kept += self.issues.source[first:begin]
                first = after
        return _escaped(kept + self.issues.source[first:last])

    def _listed(self, kinds: frozenset[str]) -> str:
        names = [f"'{kind}'" if kind in LITERALS else kind for kind in sorted(kinds, key=ORDER.__getitem__)]
        return names[0] if len(names) == 1 else f"{{{', '.join(names)}}}"


def _leads_to(state: State, end: State) -> bool:
    """Whether a way through one alternative comes out at `end` (states of one rule)."""
    waiting, seen = [state], {state}
    while waiting:
        for edge in waiting.pop().edges:
            if edge.target is end:
                return True
            if edge.target not in seen:
                seen.add(edge.target)
                waiting.append(edge.target)
    return False


def _escaped(text: str) -> str:
    return text.replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
