"""The last of the authenticators: callers without credentials are system:anonymous (apiserver
`request/anonymous`).

The chain calls it only when nobody else had anything to say; a bad credential never becomes anonymous.
"""

from __future__ import annotations

from collections.abc import Collection

from orlop.api.context import User
from orlop.api.http import Request
from orlop.auth.identities import ANONYMOUS_USER


class AnonymousAuthenticator:
    """`paths`, if any, are the only ones where anonymous callers are let in."""

    def __init__(self, paths: Collection[str] = ()) -> None:
        self._paths = frozenset(paths)

    def authenticate(self, request: Request) -> User | None:
        if self._paths and request.path not in self._paths:
            return None
        return ANONYMOUS_USER
