"""Static tokens: a file of `token,user,uid[,"group1,group2"]` lines (apiserver
`authentication/token/tokenfile`).

`BearerAuthenticator` asks this among other token authenticators, and takes over its table of whole
Authorization headers, so that the usual request costs one look-up.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from orlop.api.context import User
from orlop.auth.identities import with_authenticated
from orlop.auth.interface import Authentication, shared_audiences


class TokenFileError(Exception):
    """The token file cannot be used; the text names it."""


class StaticTokens:
    """Tokens known from the start, good for the server's own `audiences`."""

    def __init__(self, users: Mapping[str, User], audiences: Sequence[str]) -> None:
        self._users = {token: with_authenticated(user) for token, user in users.items()}
        self._audiences = tuple(audiences)

    def authenticate_token(self, token: str, audiences: Sequence[str]) -> Authentication | None:
        user = self._users.get(token)
        if user is None:
            return None
        good_for = shared_audiences(self._audiences, audiences)
        return Authentication(user, good_for) if good_for else None

    def headers(self) -> Iterator[tuple[str, User]]:
        """Authorization header values in their usual spelling, each with its user."""
        for token, user in self._users.items():
            if token == token.strip() and " " not in token:
                yield f"Bearer {token}", user


def load_token_file(path: Path) -> dict[str, User]:
    """The tokens of a file. Of repeated tokens the last one counts, lines without a token are skipped."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TokenFileError(f"cannot read token file {path}: {error}") from error
    users: dict[str, User] = {}
    for row in csv.reader(text.splitlines()):
        if not row:
            continue
        if len(row) < 3:
            raise TokenFileError(f"token file '{path}' must have at least 3 columns "
                                 f"(token, user name, user uid), found {len(row)}")
        token, name, uid = row[:3]
        if token:
            users[token] = User(name, tuple(row[3].split(",")) if len(row) > 3 else (), uid)
    return users
