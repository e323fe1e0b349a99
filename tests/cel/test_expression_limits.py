"""Expressions that are too much: each limit answers, none hangs, none ends in a Python error."""

import pytest

from orlop.cel import types as t
from orlop.cel.environment import Environment
from orlop.cel.issues import CompileError
from orlop.cel.meter import Budget
from orlop.cel.values import BudgetExceeded

ENVIRONMENT = Environment({"y": t.DYN, "l": t.list_of(t.INT), "b": t.BOOL, "i": t.INT})
NESTING = "ERROR: <input>:-1:0: expression recursion limit exceeded: 250"
HEIGHT = "ERROR: <input>:-1:0: max recursion depth exceeded"


def said(text):
    """The text of what is wrong with an expression; "" where nothing is."""
    try:
        ENVIRONMENT.compile(text)
    except CompileError as error:
        return error.text
    return ""


@pytest.mark.parametrize(
    ("make", "last", "message"),
    [
        (lambda n: "(" * n + "1" + ")" * n, 249, NESTING),
        (lambda n: "1+(" * n + "1" + ")" * n, 124, NESTING),
        (lambda n: "[" * n + "]" * n, 250, NESTING),
        (lambda n: "1" + "+1" * n, 250, HEIGHT),
        (lambda n: "y" + ".a" * n, 250, HEIGHT),
        (lambda n: "y" + "[0]" * n, 250, HEIGHT),
    ],
)
def test_nesting_has_upstreams_limits(make, last, message):
    """The last depth upstream takes compiles, the next is refused in its words."""
    assert said(make(last)) == ""
    assert said(make(last + 1)).startswith(message)


def test_chains_of_logic_are_long():
    """`&&` and `||` are balanced, so that thousands of terms are fine."""
    text = " && ".join(["b"] * 3000)
    assert ENVIRONMENT.compile(text).evaluate({"y": None, "l": [], "b": True, "i": 0}) is True


def test_size_is_limited():
    """Beyond 100000 code points nothing is parsed."""
    assert said("1" * 100_001) == (
        "ERROR: <input>:-1:0: expression code point size exceeds limit: size: 100001, limit 100000"
    )


FLOODS = ("(" * 50_000, "-" * 50_000, "a." * 40_000, "[1," * 30_000, "! - " * 20_000, "'" * 9_999)


@pytest.mark.parametrize("text", FLOODS)
def test_broken_floods_end(text):
    """Long broken texts are refused, whatever they repeat."""
    assert said(text).startswith("ERROR: <input>:")


def test_a_budget_ends_a_costly_evaluation():
    """What the budget does not cover is cancelled in upstream's words, and no operator absorbs that."""
    program = ENVIRONMENT.compile("l.all(x, l.all(y, l.all(z, x + y + z >= 0))) || b")
    values = {"y": None, "l": list(range(100)), "b": True, "i": 0}
    with pytest.raises(BudgetExceeded, match="operation cancelled: actual cost limit exceeded"):
        program.evaluate_within(values, Budget(10_000))


def test_a_budget_pays_for_several_evaluations():
    """Each evaluation takes its cost from the same budget."""
    program = ENVIRONMENT.compile("i + 1 > 0")
    values = {"y": None, "l": [], "b": True, "i": 4}
    budget = Budget(7)
    assert program.evaluate_within(values, budget) is True
    assert budget.remaining == 7 - program.cost_of(values)
    assert program.evaluate_within(values, budget) is True
    with pytest.raises(BudgetExceeded):
        program.evaluate_within(values, budget)
