"""Hypothesis strategies for JSON, shared by the tests of this room."""

from __future__ import annotations

from hypothesis import strategies as st

NAMES = st.sampled_from(["a", "b", "c", "", "~", "/", "m~n", "0", "-"])
SCALARS = st.one_of(st.booleans(), st.integers(-3, 3), st.sampled_from(["", "x", "a<b", "ü\n"]), st.just(1.5))


def values(nulls: bool = True) -> st.SearchStrategy[object]:
    leaves = st.one_of(st.none(), SCALARS) if nulls else SCALARS
    return st.recursive(
        leaves,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
        max_leaves=12,
    )


def objects(nulls: bool = True) -> st.SearchStrategy[dict[str, object]]:
    return st.dictionaries(NAMES, values(nulls), max_size=4)
