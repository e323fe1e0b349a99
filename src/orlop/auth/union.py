"""The authenticator chain (apiserver `authentication/request/union` under `group` and `anonymous`).

The authentication filter calls this, first thing after the request info. Order: client certificate, bearer
token, WebSocket token, anonymous. The first that knows the caller wins; a bad credential is 401 unless
another one is good, and never anonymous.
"""

from __future__ import annotations

from collections.abc import Sequence

from orlop.api import errors
from orlop.api.context import User
from orlop.api.errors import APIError
from orlop.api.http import Request
from orlop.auth.interface import Authenticator


class AuthenticatorChain:
    """`anonymous` is asked when nobody else had anything to say; None: such callers are 401."""

    def __init__(self, chain: Sequence[Authenticator], anonymous: Authenticator | None = None) -> None:
        self._chain = tuple(chain)
        self._anonymous = anonymous

    def authenticate(self, request: Request) -> User:
        refused: APIError | None = None
        for authenticator in self._chain:
            try:
                user = authenticator.authenticate(request)
            except APIError as error:
                refused = refused or error
                continue
            if user is not None:
                return user
        if refused is not None:
            raise refused
        user = self._anonymous.authenticate(request) if self._anonymous is not None else None
        if user is None:
            raise errors.unauthorized()
        return user
