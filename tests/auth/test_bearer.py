"""Tokens in headers: static tokens, the forms of the header, and the chain of authenticators around them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

import pytest

from orlop.api.context import Context, User
from orlop.api.errors import APIError
from orlop.api.http import Request
from orlop.auth.anonymous import AnonymousAuthenticator
from orlop.auth.bearer import BearerAuthenticator, WebSocketBearerAuthenticator
from orlop.auth.identities import ANONYMOUS_USER
from orlop.auth.interface import Authentication, TokenRejected
from orlop.auth.token_review import TokenReviewer
from orlop.auth.tokens import StaticTokens, TokenFileError, load_token_file
from orlop.auth.union import AuthenticatorChain

HOME = ("https://kubernetes.default.svc",)
TOKENS = {"tok": User("alice", ("devs",), "u1"), "odd token": User("odd"), "anon": User("system:anonymous")}
ALICE = User("alice", ("devs", "system:authenticated"), "u1")


class Expired:
    """Knows the token "old", which it rejects."""

    def authenticate_token(self, token: str, audiences: Sequence[str]) -> Authentication | None:
        if token == "old":
            raise TokenRejected("too old")
        return None


def bearer() -> BearerAuthenticator:
    return BearerAuthenticator([StaticTokens(TOKENS, HOME), Expired()], HOME)


def chain() -> AuthenticatorChain:
    tokens = bearer()
    return AuthenticatorChain([tokens, WebSocketBearerAuthenticator(tokens)], AnonymousAuthenticator())


def get(*headers: tuple[str, str], path: str = "/") -> Request:
    asked = Request("GET", path, "", {n.lower(): v for n, v in headers}, header_list=list(headers))
    asked.context = Context()
    return asked


@pytest.mark.parametrize("header", ["Bearer tok", "bearer tok", "BEARER tok", "Bearer tok ", " Bearer tok",
                                    "Bearer tok more"])
def test_forms_of_the_header(header: str) -> None:
    """The scheme in any case, one space, the token; what follows is ignored."""
    assert chain().authenticate(get(("Authorization", header))) == ALICE


@pytest.mark.parametrize("header", ["", "Basic YTpi", "Token x", "Bearertok", "Bearer", "Bearer ",
                                    "Bearer  tok"])
def test_other_forms_are_anonymous(header: str) -> None:
    """Another scheme, or no token where one is due, is as good as no header."""
    asked = get(("Authorization", header))
    assert chain().authenticate(asked) == ANONYMOUS_USER
    assert bool(asked.context.warnings) is (header == "Bearer  tok")


def test_extra_space_is_warned_of() -> None:
    """A second space before the token makes it invisible; the client is told."""
    asked = get(("Authorization", "Bearer  tok"))
    chain().authenticate(asked)
    assert asked.context.warnings == [
        "the provided Authorization header contains extra space before the bearer token, and is ignored"]


@pytest.mark.parametrize("token", ["nonsense", "old", "odd"])
def test_bad_tokens_are_401(token: str) -> None:
    """A token nobody accepts is never anonymous."""
    with pytest.raises(APIError) as caught:
        chain().authenticate(get(("Authorization", f"Bearer {token}")))
    error = caught.value
    assert (error.code, error.reason, error.message) == (401, "Unauthorized", "Unauthorized")


def test_first_of_several_headers_counts() -> None:
    """A repeated Authorization header is read at its first occurrence."""
    asked = Request("GET", "/", "", {"authorization": "Bearer tok, Bearer x"},
                    header_list=[("Authorization", "Bearer tok"), ("Authorization", "Bearer x")])
    assert chain().authenticate(asked) == ALICE


def test_anonymous_keeps_its_groups() -> None:
    """system:authenticated is not added to a user that is anonymous by name."""
    assert chain().authenticate(get(("Authorization", "Bearer anon"))).groups == ()


def test_anonymous_may_be_off_or_limited() -> None:
    """Without anonymous access, or beyond its paths, callers without credentials are 401."""
    with pytest.raises(APIError):
        AuthenticatorChain([bearer()]).authenticate(get())
    limited = AuthenticatorChain([bearer()], AnonymousAuthenticator(["/healthz"]))
    assert limited.authenticate(get(path="/healthz")) == ANONYMOUS_USER
    with pytest.raises(APIError):
        limited.authenticate(get(path="/version"))


def protocol(token: str) -> str:
    encoded = base64.urlsafe_b64encode(token.encode()).rstrip(b"=").decode()
    return f"base64url.bearer.authorization.k8s.io.{encoded}"


def websocket(protocols: str) -> Request:
    return get(("Connection", "keep-alive, Upgrade"), ("Upgrade", "websocket"),
               ("Sec-WebSocket-Protocol", protocols))


def test_websocket_token() -> None:
    """A token among the subprotocols authenticates, and is taken out of them."""
    asked = websocket(f"v4.channel.k8s.io, {protocol('tok')}")
    assert chain().authenticate(asked) == ALICE
    assert asked.headers["sec-websocket-protocol"] == "v4.channel.k8s.io"
    assert protocol("tok") not in str(asked.header_list)


@pytest.mark.parametrize("protocols", [
    protocol("tok"), f"v4, {protocol('wrong')}", f"v4, {protocol('tok')}, {protocol('tok')}",
    "v4, base64url.bearer.authorization.k8s.io.!!"])
def test_bad_websocket_tokens(protocols: str) -> None:
    """No other subprotocol, an unknown token, two tokens, no base64: 401."""
    with pytest.raises(APIError):
        chain().authenticate(websocket(protocols))


def test_token_file(tmp_path: Path) -> None:
    """Lines of token, user, uid and optional groups; the last of equal tokens counts."""
    path = tmp_path / "tokens.csv"
    path.write_text('t1,alice,u1,"devs,ops"\nt2,bob,u2\n,nobody,u3\nt2,bobby,u4\n\n')
    assert load_token_file(path) == {
        "t1": User("alice", ("devs", "ops"), "u1"), "t2": User("bobby", (), "u4")}


def test_bad_token_files(tmp_path: Path) -> None:
    """Too few columns and unreadable files are refused by name."""
    path = tmp_path / "tokens.csv"
    with pytest.raises(TokenFileError, match=str(path)):
        load_token_file(path)
    path.write_text("t1,alice\n")
    with pytest.raises(TokenFileError, match=r"at least 3 columns \(token, user name, user uid\), found 2"):
        load_token_file(path)


@pytest.mark.parametrize(("token", "audiences", "found", "error"), [
    ("tok", (), Authentication(ALICE, HOME), ""),
    ("tok", ("other", *HOME), Authentication(ALICE, HOME), ""),
    ("tok", ("other",), None, "invalid bearer token"),
    ("unknown", (), None, "invalid bearer token"),
    ("old", (), None, "[invalid bearer token, too old]"),
    (" ", (), Authentication(ANONYMOUS_USER, HOME), ""),
])
def test_token_review(token: str, audiences: tuple[str, ...], found: Authentication | None,
                      error: str) -> None:
    """A review says whose the token is and for which audiences, or why not."""
    assert TokenReviewer(bearer()).review(token, audiences) == (found, error)
