"""JSON bodies: what is read, what is refused in which words, and how repeated keys are noticed."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.codec import document
from orlop.codec.json import JSONError, decode, encode, may_repeat_keys, pretty, repeated_keys

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(), lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20)


@pytest.mark.parametrize(("body", "error"), [
    (b"", "unexpected end of JSON input"),
    (b"   ", "unexpected end of JSON input"),
    (b'{"a":1', "unexpected end of JSON input"),
    (b'{"a":1,', "unexpected end of JSON input"),
    (b'"text', "unexpected end of JSON input"),
    (b"hello", "invalid character 'h' looking for beginning of value"),
    (b"\xef\xbb\xbf{}", "invalid character 'ï' looking for beginning of value"),
    (b'{"x":NaN}', "invalid character 'N' looking for beginning of value"),
    (b'{"a":1} trailing', "invalid character 't' after top-level value"),
    (b'{"a":1,}', "invalid character '}' looking for beginning of object key string"),
    (b"{'a':1}", r"invalid character '\'' looking for beginning of object key string"),
    (b'{"a" 1}', "invalid character '1' after object key"),
    (b'{"a":1 "b"}', "invalid character '\"' after object key:value pair"),
    (b"[1 2]", "invalid character '2' after array element"),
    (b'"a\tb"', r"invalid character '\t' in string literal"),
    (b'"\\x"', "invalid character 'x' in string escape code"),
    (b'"\\u12g4"', r"invalid character 'g' in \u hexadecimal character escape"),
    (b"nul", "invalid character ' ' in literal null (expecting 'l')"),
    (b"trux", "invalid character 'x' in literal true (expecting 'e')"),
    (b"-", "invalid character ' ' in numeric literal"),
    (b"1.x", "invalid character 'x' after decimal point in numeric literal"),
    (b"1e+", "invalid character ' ' in exponent of numeric literal"),
    (b"01", "invalid character '1' after top-level value"),
    (b"[" * 10_001, "invalid character '[' exceeded max depth"),
])
def test_a_body_that_is_no_json_is_refused_in_go_s_words(body: bytes, error: str) -> None:
    """The messages are those of Go's scanner."""
    with pytest.raises(JSONError) as caught:
        decode(body)
    assert str(caught.value) == error


@pytest.mark.parametrize(("body", "value"), [
    (b' \n{ "a" : [ 1 , 2.5 ] }\t', {"a": [1, 2.5]}),
    (b'"\\ud800"', "\ufffd"),
    (b'"\\ud83d\\ude00"', "😀"),
    (b'"a\xffb\xe2\x82"', "a\ufffdb\ufffd\ufffd"),
    (b"9223372036854775807", 2**63 - 1),
    (b'{"a":1,"a":2}', {"a": 2}),
    (b"1e400", float("inf")),
])
def test_what_go_accepts_is_read(body: bytes, value: Any) -> None:
    """Lone surrogates and broken UTF-8 become U+FFFD, the last of repeated keys counts."""
    assert decode(body) == value


def test_nesting_up_to_the_limit_is_read_and_written() -> None:
    """Ten thousand levels do not need ten thousand stack frames."""
    body = b"[" * 10_000 + b"]" * 10_000
    assert encode(decode(body)) == body


def test_integers_beyond_64_bits_are_written_exactly() -> None:
    """The slow encoder takes over where the fast one gives up."""
    assert encode({"a": [2**70, True, None, "x"]}) == b'{"a":[1180591620717411303424,true,null,"x"]}'


def test_pretty_is_indented_by_two() -> None:
    """What a person sees with pretty=true."""
    assert pretty({"a": [1]}) == b'{\n  "a": [\n    1\n  ]\n}'


@given(VALUES)
def test_both_parsers_agree(value: Any) -> None:
    """The slow parser reads what the fast one reads."""
    body = json.dumps(value).encode()
    assert document.plain(document.parse(body)) == decode(body) == value


@given(VALUES, st.sampled_from([(",", ":"), (", ", ": ")]), st.booleans())
def test_a_body_without_repeated_keys_is_not_suspected(value: Any, separators: tuple[str, str], ascii: bool) -> None:
    """Spacing and escapes do not lead onto the slow road, whatever the strings hold."""
    body = json.dumps(value, separators=separators, ensure_ascii=ascii).encode()
    assert not may_repeat_keys(body, decode(body))


@given(st.dictionaries(st.text(st.characters(codec="ascii", exclude_characters='"\\'), min_size=1), st.integers(),
                       min_size=1), st.integers(0, 100))
def test_a_repeated_key_is_suspected_and_named(members: dict[str, int], pick: int) -> None:
    """However the body is spaced, the key is found."""
    key = sorted(members)[pick % len(members)]
    body = json.dumps(members)[:-1] + "," + json.dumps(key) + ": 1}"
    assert may_repeat_keys(body.encode(), decode(body.encode()))
    assert len(repeated_keys(body.encode())) == 1


def test_repeated_keys_are_named_by_their_path_in_order() -> None:
    """Inner repetitions come where they stand, each place once."""
    body = b'{"a":{"b":1,"b":[{"x":1,"x":1},{"x":1,"x":1}]},"a":{"b":1,"b":2},"c":1,"c":1,"c":2}'
    assert repeated_keys(body) == [
        'duplicate field "a.b"', 'duplicate field "a.b[0].x"', 'duplicate field "a.b[1].x"',
        'duplicate field "a"', 'duplicate field "c"']
