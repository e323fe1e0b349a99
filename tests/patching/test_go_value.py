"""Go's notation of values in messages."""

from __future__ import annotations

import pytest

from orlop.patching import go_value

PLAIN = [
    (None, "<nil>"),
    (True, "true"),
    ("a b", "a b"),
    (5, "5"),
    (-1, "-1"),
    (1.5, "1.5"),
    (20.0, "20"),
    (100000.0, "100000"),
    (1000000.0, "1e+06"),
    (123456789.0, "1.23456789e+08"),
    (0.0001, "0.0001"),
    (0.00001, "1e-05"),
    (-0.0, "-0"),
    (1e300, "1e+300"),
    (2**63 - 1, "9223372036854775807"),
    (2**63, "9.223372036854776e+18"),
    ([], "[]"),
    ({}, "map[]"),
    ({"b": [1, None, "x"], "a": {"f": 2.5}, "é": 1, "Z": 2}, "map[Z:2 a:map[f:2.5] b:[1 <nil> x] é:1]"),
]


@pytest.mark.parametrize(("value", "text"), PLAIN)
def test_plain(value, text):
    """%v sorts keys, and prints floats in their shortest form."""
    assert go_value.plain(value) == text


TEXT = [
    ("frob", "frob"),
    (5, "%!s(int64=5)"),
    (1.5, "%!s(float64=1.5)"),
    (True, "%!s(bool=true)"),
    (None, "%!s(<nil>)"),
    ([1, None], "[%!s(int64=1) <nil>]"),
    ({"a": "x", "b": 2}, "map[a:x b:%!s(int64=2)]"),
]


@pytest.mark.parametrize(("value", "text"), TEXT)
def test_text(value, text):
    """%s complains about everything that is no string."""
    assert go_value.text(value) == text


def test_type_names():
    """The types are those sigs.k8s.io/json decodes into."""
    names = [go_value.type_name(value) for value in ({}, [], "", True, 1, 1.5, 2**63, None)]
    assert names == [
        "map[string]interface {}",
        "[]interface {}",
        "string",
        "bool",
        "int64",
        "float64",
        "float64",
        "%!s(<nil>)",
    ]
