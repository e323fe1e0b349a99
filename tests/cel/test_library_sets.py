"""Lists as sets against Python's sets, and list functions against Python's lists."""

from hypothesis import given
from hypothesis import strategies as st

from orlop.cel import types as t
from orlop.cel.environment import Environment
from orlop.cel.library_kubernetes import LIBRARIES

STRINGS = t.list_of(t.STRING)
INTS = t.list_of(t.INT)
made = Environment({"a": STRINGS, "b": STRINGS, "n": INTS}, LIBRARIES)
words = st.lists(st.sampled_from("abcdefghijkl"), max_size=14)
numbers = st.lists(st.integers(-9, 9), max_size=20)


def ask(text, **values):
    """The value of an expression."""
    return made.compile(text).evaluate({"a": [], "b": [], "n": [], **values})


@given(words, words)
def test_sets_are_sets(a, b):
    """Containment, equivalence and intersection are those of the sets of elements."""
    assert ask("sets.contains(a, b)", a=a, b=b) is set(b).issubset(a)
    assert ask("sets.equivalent(a, b)", a=a, b=b) is (set(a) == set(b))
    assert ask("sets.intersects(a, b)", a=a, b=b) is bool(set(a) & set(b))


@given(numbers)
def test_lists_are_sorted_and_summed(n):
    """sort, isSorted, sum, distinct and reverse do what Python does."""
    assert ask("n.sort()", n=n) == sorted(n)
    assert ask("n.isSorted()", n=n) is (n == sorted(n))
    assert ask("n.sum()", n=n) == sum(n)
    assert ask("n.distinct()", n=n) == list(dict.fromkeys(n))
    assert ask("n.reverse()", n=n) == n[::-1]


@given(words)
def test_sorting_by_a_key_keeps_every_element(a):
    """sortBy orders by the key."""
    assert ask("a.sortBy(x, x)", a=a) == sorted(a)


@given(words, st.sampled_from("abcxyz"))
def test_positions_are_those_of_python(a, word):
    """indexOf and lastIndexOf find the first and the last, or -1."""
    made_at = made.extended({"w": t.STRING})
    values = {"a": a, "b": [], "n": [], "w": word}
    first = a.index(word) if word in a else -1
    last = len(a) - 1 - a[::-1].index(word) if word in a else -1
    assert made_at.compile("a.indexOf(w)").evaluate(values) == first
    assert made_at.compile("a.lastIndexOf(w)").evaluate(values) == last
