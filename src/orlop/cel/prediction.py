"""Decisions that need more than one token of lookahead, and the sets of tokens that may come.

`syntax` asks this while it walks a text that is wrong. All ways are followed side by side until one is left; where a
rule ends on the way, every place that calls it may follow. Behaviour: ANTLR's ParserATNSimulator (SLL) and LL1Analyzer.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from orlop.cel.grammar import EOF, Graph, Sort, State

MAX_WORK: Final = 200_000
"""Steps of prediction for one text; then its remaining errors stay untold."""

_EPSILON: Final = ""
_Stack = tuple[State, ...]
_Way = tuple[int, State, _Stack, bool]  # alternative, state, rules to return into, whether it left the rule it began in


class NoAlternative(Exception):
    """No way leads on: the decision began at `start`, the token at `at` ends all of them."""

    def __init__(self, start: int, at: int) -> None:
        super().__init__(start, at)
        self.start = start
        self.at = at


class TooMuchWork(Exception):
    """`MAX_WORK` is used up."""


class Predictor:
    """Decisions for one text."""

    def __init__(self, graph: Graph, kinds: Sequence[str]) -> None:
        self._graph = graph
        self._kinds = kinds
        self._work = 0
        self._sets: dict[State, frozenset[str]] = {}

    def from_state(self, state: State) -> frozenset[str]:
        """The tokens that may come at a state; the empty kind where the rule may end."""
        found = self._sets.get(state)
        if found is None:
            found = self._sets[state] = frozenset(self._look(state))
        return found

    def first(self, state: State) -> frozenset[str]:
        """The tokens a way may begin with."""
        return self.from_state(state)

    def _look(self, state: State) -> set[str]:
        found: set[str] = set()
        waiting: list[tuple[State, _Stack]] = [(state, ())]
        seen = set(waiting)
        while waiting:
            at, stack = waiting.pop()
            following: list[tuple[State, _Stack]] = []
            if at.sort is Sort.STOP:
                if stack:
                    following.append((stack[-1], stack[:-1]))
                else:
                    found.add(_EPSILON)
            for edge in at.edges:
                if edge.tokens:
                    found |= edge.tokens
                elif edge.rule:
                    following.append((self._graph.starts[edge.rule], (*stack, edge.target)))
                else:
                    following.append((edge.target, stack))
            for one in following:
                if one not in seen:
                    seen.add(one)
                    waiting.append(one)
        return found

    def predict(self, state: State, start: int, precedence: int) -> int:
        """The index of the edge to take."""
        ways = self._closed(
            [(index, edge.target, (), False) for index, edge in enumerate(state.edges)], precedence
        )
        at = start
        while True:
            reached = self._closed(list(self._over(ways, self._kinds[at])), 0)
            if not reached:
                return _finished(ways, start, at)
            alternatives = {way[0] for way in reached}
            if len(alternatives) == 1:
                return alternatives.pop()
            if self._kinds[at] == EOF or _undecidable(reached):
                return min(alternatives)
            ways = reached
            at += 1

    def _over(self, ways: Iterable[_Way], kind: str) -> Iterable[_Way]:
        for alternative, state, stack, left in ways:
            for edge in state.edges:
                if kind in edge.tokens:
                    yield alternative, edge.target, stack, left

    def _closed(self, ways: list[_Way], precedence: int) -> set[_Way]:
        """All that is reached without a token; `precedence` counts for operators of the rule the decision is in."""
        seen = set(ways)
        while ways:
            self._work += 1
            if self._work > MAX_WORK:
                raise TooMuchWork
            for one in self._onward(ways.pop(), precedence):
                if one not in seen:
                    seen.add(one)
                    ways.append(one)
        return seen

    def _onward(self, way: _Way, precedence: int) -> Iterable[_Way]:
        alternative, state, stack, left = way
        if state.sort is Sort.STOP:
            if stack:
                yield alternative, stack[-1], stack[:-1], left
            else:
                for follow in self._graph.follows.get(state, ()):
                    yield alternative, follow, (), True
        for edge in state.edges:
            if edge.tokens or (edge.precedence and not stack and not left and edge.precedence < precedence):
                continue
            if edge.rule:
                yield alternative, self._graph.starts[edge.rule], (*stack, edge.target), left
            else:
                yield alternative, edge.target, stack, left


def _finished(ways: Iterable[_Way], start: int, at: int) -> int:
    """The first alternative with which the rule was complete before nothing led on."""
    complete = [way[0] for way in ways if way[3] or (way[1].sort is Sort.STOP and not way[2])]
    if not complete:
        raise NoAlternative(start, at)
    return min(complete)


def _undecidable(ways: Iterable[_Way]) -> bool:
    """Whether tokens tell alternatives apart no more: every state is reached by several, some place by the same."""
    places: dict[tuple[State, _Stack], set[int]] = {}
    states: dict[State, set[int]] = {}
    for alternative, state, stack, _ in ways:
        if state.sort is Sort.STOP or any(edge.tokens for edge in state.edges):
            places.setdefault((state, stack), set()).add(alternative)
            states.setdefault(state, set()).add(alternative)
    if any(len(alternatives) == 1 for alternatives in states.values()):
        return False
    return any(len(alternatives) > 1 for alternatives in places.values())
