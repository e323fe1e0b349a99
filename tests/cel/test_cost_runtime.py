"""Run-time prices that no expression of the facts can show alone."""

import pytest

from orlop.cel.cost_runtime import actual_size, cost_of, traversal
from orlop.cel.values import CelError, Optional


def test_a_call_without_a_known_overload_is_priced_by_its_name():
    """Library functions keep their price where the checker left several overloads, operators lose theirs."""
    by_name = cost_of("indexOf")
    assert by_name is not None and by_name(["x" * 50, "x"], 0) == 5
    assert cost_of("_+_") is None
    joined = cost_of("_+_", "add_string")
    assert joined is not None and joined(["a" * 11, "b" * 10], "") == 3


def test_failing_calls_are_priced_too():
    """Errors among arguments and results count as values of size 1."""
    error = CelError("no")
    assert actual_size(error) == 1
    for function, overload in (("flatten", "list_flatten_int"), ("validate", "")):
        rule = cost_of(function, overload)
        assert rule is not None and rule([error, error], error) > 0


def test_sorting_what_is_no_list_ends_the_evaluation():
    """Upstream panics where it would price the sorting of an error; clients read the panic."""
    rule = cost_of("sort", "list_int_sort")
    assert rule is not None
    with pytest.raises(CelError, match="internal error: interface conversion"):
        rule([CelError("no")], CelError("no"))


def test_optionals_are_looked_into_by_the_language_only():
    """The language's own prices look into optionals, those of the libraries do not."""
    equal = cost_of("_!=_", "not_equals")
    assert equal is not None and equal([Optional("x" * 40), Optional("y" * 30)], True) == 3
    assert actual_size(Optional("xyz")) == 1


def test_traversal_counts_bytes_of_strings():
    """Walking a value costs a tenth of its bytes, rounded down for every string, and 1 for every number."""
    assert traversal(["é" * 10, 1, {"k" * 10: [True]}]) == 2 + 1 + (1 + 1)
