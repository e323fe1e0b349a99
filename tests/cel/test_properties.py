"""Promises of the language for any expression and any numbers."""

from hypothesis import given, settings
from hypothesis import strategies as st

from orlop.cel import types as t
from orlop.cel.ast import Call, Constant, Ident, ListExpr, MapExpr, Select
from orlop.cel.environment import Environment
from orlop.cel.issues import CompileError, Issues, ProgramError
from orlop.cel.meter import Budget
from orlop.cel.parser import parse
from orlop.cel.values import CelError

NUMBERS = Environment({"x": t.INT, "y": t.INT})
LOGIC = Environment({"p": t.DYN, "q": t.DYN})
INTS = st.integers(-(2**63), 2**63 - 1)
EDGES = st.sampled_from([0, 1, -1, 2, -(2**63), 2**63 - 1, 2**32, -(2**31)]) | INTS
PROGRAMS = {operator: NUMBERS.compile(f"x {operator} y") for operator in "+-*/%"}
NAMES = st.sampled_from(["a", "b", "self", "x1", "_y"])
OPERATORS = {"_+_": "+", "_*_": "*", "_<_": "<", "_==_": "==", "@in": "in", "_&&_": "&&", "_||_": "||", "_[_]": "["}


def leaves():
    """Expressions without parts, as text."""
    return st.one_of(
        NAMES,
        st.integers(0, 2**63 - 1).map(str),
        st.integers(0, 99).map(lambda n: f"{n}u"),
        st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=4).map(
            lambda s: "'" + s.replace("\\", "\\\\").replace("'", "\\'") + "'"
        ),
        st.sampled_from(["true", "false", "null", "1.5", "b'a'"]),
    )


def joined(part):
    """Expressions made of others, fully bracketed."""
    return st.one_of(
        st.tuples(part, st.sampled_from(["+", "*", "<", "==", "in", "&&", "||"]), part).map(
            lambda p: f"(({p[0]}) {p[1]} ({p[2]}))"
        ),
        st.tuples(part, NAMES).map(lambda p: f"({p[0]}).{p[1]}"),
        st.tuples(part, part).map(lambda p: f"({p[0]})[{p[1]}]"),
        st.tuples(part, part, part).map(lambda p: f"(({p[0]}) ? ({p[1]}) : ({p[2]}))"),
        st.lists(part, max_size=3).map(lambda p: f"[{', '.join(p)}]"),
        st.lists(st.tuples(part, part), max_size=2).map(lambda p: f"{{{', '.join(f'{k}: {v}' for k, v in p)}}}"),
        st.tuples(NAMES, st.lists(part, max_size=3)).map(lambda p: f"{p[0]}({', '.join(p[1])})"),
        part.map(lambda p: f"!({p})"),
    )


EXPRESSIONS = st.recursive(leaves(), joined, max_leaves=12)


def printed(node):
    """A tree as text that reads back as the same tree."""
    match node:
        case Constant(value=str(text)):
            return "'" + "".join(f"\\U{ord(char):08x}" for char in text) + "'"
        case Constant(value=bytes(octets)):
            return "b'" + "".join(f"\\x{octet:02x}" for octet in octets) + "'"
        case Constant(value=None):
            return "null"
        case Constant(value=bool(truth)):
            return "true" if truth else "false"
        case Constant(value=value):
            return f"{int(value)}u" if type(value).__name__ == "Uint" else repr(value)
        case Ident():
            return node.name
        case Select():
            return f"({printed(node.operand)}).{node.field}"
        case ListExpr():
            return f"[{', '.join(map(printed, node.elements))}]"
        case MapExpr():
            return "{" + ", ".join(f"{printed(e.key)}: {printed(e.value)}" for e in node.entries) + "}"
        case Call(function="_[_]"):
            return f"({printed(node.args[0])})[{printed(node.args[1])}]"
        case Call(function="_?_:_"):
            condition, yes, no = map(printed, node.args)
            return f"(({condition}) ? ({yes}) : ({no}))"
        case Call(function="!_"):
            return f"!({printed(node.args[0])})"
        case Call() if node.function in OPERATORS:
            left, right = map(printed, node.args)
            return f"(({left}) {OPERATORS[node.function]} ({right}))"
    return f"{node.function}({', '.join(map(printed, node.args))})"


def parsed(text):
    """The tree of a text without macros."""
    issues = Issues(text)
    tree = parse(text, {}, issues)
    assert tree is not None, issues.error().text
    return tree.root


@given(EXPRESSIONS)
@settings(max_examples=150)
def test_a_printed_tree_reads_back_the_same(text):
    """Parsing what a tree prints as gives the tree again."""
    once = printed(parsed(text))
    assert printed(parsed(once)) == once


@given(EDGES, EDGES)
def test_whole_numbers_have_64_bits(x, y):
    """Arithmetic is exact, truncates towards zero, and fails where 64 bits do not hold the result."""
    exact = {"+": x + y, "-": x - y, "*": x * y}
    if y:
        quotient = abs(x) // abs(y)
        exact["/"] = quotient if (x < 0) == (y < 0) else -quotient
        exact["%"] = x - y * exact["/"]
    for operator, program in PROGRAMS.items():
        try:
            result = program.evaluate({"x": x, "y": y})
        except CelError as error:
            if operator in "/%" and y == 0:
                assert error.message == ("division by zero" if operator == "/" else "modulus by zero")
            else:
                assert error.message == "integer overflow"
                assert not -(2**63) <= exact["/" if operator == "%" else operator] < 2**63
        else:
            assert result == exact[operator] and -(2**63) <= result < 2**63


SIDES = {"true": "true", "false": "false", "error": "1 / (p - p) > 0", "no bool": "q"}


@given(st.sampled_from(sorted(SIDES)), st.sampled_from(sorted(SIDES)), st.booleans())
def test_logic_absorbs_errors(left, right, either):
    """A side that decides, decides; else an error of any side is the result, the left one first."""
    operator, deciding = ("||", "true") if either else ("&&", "false")
    program = LOGIC.compile(f"({SIDES[left]}) {operator} ({SIDES[right]})")
    values = {"p": 3, "q": "text"}
    if deciding in (left, right):
        assert program.evaluate(values) is either
        return
    failing = [side for side in (left, right) if side in ("error", "no bool")]
    if not failing:
        assert program.evaluate(values) is not either
        return
    try:
        value = program.evaluate(values)
    except CelError as error:
        assert error.message == ("division by zero" if failing[0] == "error" else "no such overload")
    else:
        raise AssertionError(value)


PIECES = (
    "x y 1 'a' 1.5 2u ( ) [ ] { } . , : ? ! - + * / % == != < && || in true null b'x' .?a [?0] has(x.y) size( # @ "
    "\\ ' ` r'\\d' .all(v,v>1) .map(v,v) 9223372036854775808 duration('1x') dyn(x) optional.of(1)"
)
FRAGMENTS = st.sampled_from([*PIECES.split(), "\n", '"'])


@given(st.lists(FRAGMENTS, max_size=12).map(" ".join) | st.text(max_size=30))
@settings(max_examples=400)
def test_any_text_is_answered(text):
    """Whatever the text, it compiles and evaluates, or fails in one of the room's own ways."""
    try:
        program = NUMBERS.compile(text)
    except (CompileError, ProgramError):
        return
    try:
        program.evaluate({"x": 4, "y": -2})
    except CelError:
        return


@given(EXPRESSIONS)
@settings(max_examples=150)
def test_both_builds_agree(text):
    """The tracked build, with room enough, says what the fast one says."""
    environment = Environment({"a": t.DYN, "b": t.DYN, "self": t.DYN, "x1": t.DYN, "_y": t.DYN})
    try:
        program = environment.compile(text)
    except (CompileError, ProgramError):
        return
    values = {"a": 1, "b": [True, {"a": 2}], "self": {"a": 1, "b": "s"}, "x1": None, "_y": True}
    said = []
    for run in (program.evaluate, lambda bound: program.evaluate_within(bound, Budget(2**63))):
        try:
            said.append(("value", repr(run(values))))
        except CelError as error:
            said.append(("error", error.message))
    assert said[0] == said[1]
