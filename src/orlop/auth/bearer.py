"""Bearer tokens: the Authorization header, and the WebSocket subprotocol that browsers use instead of it
(apiserver `authentication/request/bearertoken`, `.../websocket`).

In the authenticator chain after client certificates. Whose token it is, token authenticators say: static
tokens and service accounts.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Final

from orlop.api import errors
from orlop.api.context import User
from orlop.api.http import Request
from orlop.auth.interface import Authentication, TokenAuthenticator, TokenRejected, aggregate_texts
from orlop.auth.tokens import StaticTokens

EXTRA_SPACE: Final = ("the provided Authorization header contains extra space before the bearer token, "
                      "and is ignored")
INVALID_TOKEN: Final = "invalid bearer token"
_PROTOCOL_HEADER: Final = "sec-websocket-protocol"
_PROTOCOL_PREFIX: Final = "base64url.bearer.authorization.k8s.io."


class BearerToken(str):
    """A token found in a header; "" means that the header holds none."""

    __slots__ = ("extra_space",)
    extra_space: bool


def parse_authorization(value: str) -> BearerToken:
    """The token of an Authorization header. Only the scheme Bearer counts, in any case, and one space after
    it."""
    parts = value.strip().split(" ", 2)
    token = BearerToken(parts[1] if len(parts) > 1 and parts[0].lower() == "bearer" else "")
    token.extra_space = not token and len(parts) == 3 and parts[0].lower() == "bearer"
    return token


class BearerAuthenticator:
    """`audiences` are the server's own: a token must be good for one of them."""

    def __init__(self, authenticators: Sequence[TokenAuthenticator], audiences: Sequence[str]) -> None:
        self._authenticators = tuple(authenticators)
        self.audiences = tuple(audiences)
        self._headers: dict[str, User] = {}
        for authenticator in authenticators:
            if isinstance(authenticator, StaticTokens):
                for header, user in authenticator.headers():
                    self._headers.setdefault(header, user)

    def authenticate(self, request: Request) -> User | None:
        value = request.headers.get("authorization")
        if value is None:
            return None
        user = self._headers.get(value)
        return user if user is not None else self._authenticate_header(request)

    def _authenticate_header(self, request: Request) -> User | None:
        value = next((v for name, v in request.header_list if name.lower() == "authorization"), "")
        token = parse_authorization(value)
        if not token:
            context = getattr(request, "context", None)
            if token.extra_space and context is not None:
                context.warn(EXTRA_SPACE)
            return None
        return self.user_of(token)

    def user_of(self, token: str) -> User:
        """The token's user. Raises 401."""
        try:
            found = self.authenticate_token(token, self.audiences)
        except TokenRejected as rejected:
            raise errors.unauthorized() from rejected
        if found is None:
            raise errors.unauthorized()
        return found.user

    def authenticate_token(self, token: str, audiences: Sequence[str]) -> Authentication | None:
        """The first authenticator that knows the token decides; without one, all their complaints are
        raised."""
        complaints: list[str] = []
        for authenticator in self._authenticators:
            try:
                found = authenticator.authenticate_token(token, audiences)
            except TokenRejected as rejected:
                complaints.append(str(rejected))
                continue
            if found is not None:
                return found
        if complaints:
            raise TokenRejected(aggregate_texts(complaints))
        return None


class WebSocketBearerAuthenticator:
    """A token hidden among the subprotocols of a WebSocket handshake. On success that subprotocol is taken
    out of the request, so that it is never echoed."""

    def __init__(self, bearer: BearerAuthenticator) -> None:
        self._bearer = bearer

    def authenticate(self, request: Request) -> User | None:
        header = request.headers.get(_PROTOCOL_HEADER)
        if header is None or _PROTOCOL_PREFIX not in header or not _is_websocket(request):
            return None
        protocols = [protocol.strip() for protocol in header.split(",")]
        hidden = [protocol for protocol in protocols if protocol.startswith(_PROTOCOL_PREFIX)]
        others = [protocol for protocol in protocols if not protocol.startswith(_PROTOCOL_PREFIX)]
        if not hidden:
            return None
        token = _decoded(hidden[0][len(_PROTOCOL_PREFIX):]) if len(hidden) == 1 else None
        if token is None or (token and not others):
            raise errors.unauthorized()
        if not token:
            return None
        user = self._bearer.user_of(token)
        kept = ",".join(others)
        request.headers[_PROTOCOL_HEADER] = kept
        remaining = [(n, v) for n, v in request.header_list if n.lower() != _PROTOCOL_HEADER]
        request.header_list[:] = [*remaining, (_PROTOCOL_HEADER, kept)]
        return user


def _is_websocket(request: Request) -> bool:
    tokens = [token.strip() for token in request.headers.get("connection", "").lower().split(",")]
    return request.headers.get("upgrade", "").lower() == "websocket" and "upgrade" in tokens


def _decoded(text: str) -> str | None:
    """Unpadded URL-safe base64 of UTF-8, None when it is not."""
    if len(text) % 4 == 1 or "=" in text:
        return None
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        return None
