"""Continue tokens: round trips, refusals, where a list begins."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orlop.api import continuation
from orlop.api.continuation import Position
from orlop.api.errors import APIError
from orlop.api.options import ListOptions

ROOT = "/registry/secrets/ns/"
CHARACTERS = st.characters(exclude_characters="/", exclude_categories=["Cs"])
SEGMENT = st.text(CHARACTERS, min_size=1, max_size=8).filter(lambda text: text not in (".", ".."))


@given(st.lists(SEGMENT, min_size=1, max_size=3), st.integers(-1, 2**62).filter(bool))
def test_token_and_back(segments: list[str], revision: int) -> None:
    """A token leads back to the key and revision that it was made of."""
    key = ROOT + "/".join(segments)
    assert continuation.decode(continuation.encode(key, ROOT, revision), ROOT) == (key, revision)


def test_token_is_upstreams() -> None:
    """The bytes of a token are those that kube-apiserver writes."""
    text = continuation.encode(ROOT + "s<2\0", ROOT, 41)
    assert base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)) == (
        b'{"v":"meta.k8s.io/v1","rv":41,"start":"s\\u003c2\\u0000"}')
    assert "=" not in text


def test_key_must_be_below_root() -> None:
    """A key outside of the list is a bug of ours, not a token."""
    with pytest.raises(ValueError, match="do not match"):
        continuation.encode("/registry/pods/ns/a", ROOT, 1)


@given(st.binary(max_size=30) | st.text(max_size=30).map(str.encode))
def test_any_token_decodes_or_is_refused(data: bytes) -> None:
    """Whatever a client sends is a place below the root, or a 400."""
    token = base64.urlsafe_b64encode(data).decode().rstrip("=")
    for text in (token, data.decode(errors="replace")):
        try:
            found = continuation.decode(text, ROOT)
        except APIError as error:
            assert error.code == 400
            assert error.message.startswith("invalid continue token: continue key is not valid")
        else:
            assert found.start.startswith(ROOT)


def test_deep_token_is_refused() -> None:
    """A token nested beyond reason is refused like any other that is no object."""
    token = base64.urlsafe_b64encode(b"[" * 5000 + b"]" * 5000).decode().rstrip("=")
    with pytest.raises(APIError, match="invalid continue token: continue key is not valid"):
        continuation.decode(token, ROOT)


TOKEN = continuation.encode(ROOT + "b\0", ROOT, 7)
STALE = continuation.encode(ROOT + "b\0", ROOT, -1)


@pytest.mark.parametrize(("options", "wanted"), [
    (ListOptions(), Position("", 0, False)),
    (ListOptions(resource_version="0"), Position("", 0, False)),
    (ListOptions(resource_version="5"), Position("", 5, False)),
    (ListOptions(resource_version="5", limit=2), Position("", 5, True)),
    (ListOptions(resource_version="5", limit=2, resource_version_match="NotOlderThan"),
     Position("", 5, False)),
    (ListOptions(resource_version="5", resource_version_match="Exact"), Position("", 5, True)),
    (ListOptions(resource_version="0", limit=2), Position("", 0, False)),
    (ListOptions(continue_=TOKEN, limit=2), Position(ROOT + "b\0", 7, True)),
    (ListOptions(continue_=TOKEN, resource_version="0"), Position(ROOT + "b\0", 7, True)),
    (ListOptions(continue_=STALE), Position(ROOT + "b\0", 0, False)),
])
def test_position(options: ListOptions, wanted: Position) -> None:
    """resourceVersion, match, limit and token together say where and when a list begins."""
    assert continuation.position(options, ROOT) == wanted


@pytest.mark.parametrize(("options", "message"), [
    (ListOptions(continue_=TOKEN, resource_version="1"),
     "specifying resource version is not allowed when using continue"),
    (ListOptions(continue_="abc", resource_version="1"),
     "invalid continue token: continue key is not valid: "
     "invalid character 'i' looking for beginning of value"),
    (ListOptions(resource_version="abc"),
     'invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": '
     "invalid syntax"),
])
def test_position_refused(options: ListOptions, message: str) -> None:
    """A bad token comes before a version beside it; all are 400."""
    with pytest.raises(APIError) as caught:
        continuation.position(options, ROOT)
    assert (caught.value.code, caught.value.message) == (400, message)
