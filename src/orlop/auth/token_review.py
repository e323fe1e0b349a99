"""A token reviewed for somebody else: what a TokenReview answers (kubernetes
`registry/authentication/tokenreview`).

The rest storage in `kinds.reviews` calls this. The token is put to the server's own authenticators as if it
came in an Authorization header.
"""

from __future__ import annotations

from collections.abc import Sequence

from orlop.auth.bearer import INVALID_TOKEN, BearerAuthenticator, parse_authorization
from orlop.auth.identities import ANONYMOUS_USER
from orlop.auth.interface import Authentication, TokenRejected, aggregate_texts


class TokenReviewer:
    """`anonymous`: a header without a usable token is an anonymous caller, as it is for requests."""

    def __init__(self, bearer: BearerAuthenticator, anonymous: bool = True) -> None:
        self._bearer, self._anonymous = bearer, anonymous

    def review(self, token: str, audiences: Sequence[str] = ()) -> tuple[Authentication | None, str]:
        """Whose the token is, for which of the audiences (the server's own when none are asked for); or why
        not."""
        asked = tuple(audiences) or self._bearer.audiences
        bearer = parse_authorization(f"Bearer {token}")
        if not bearer:
            return (Authentication(ANONYMOUS_USER, asked), "") if self._anonymous else (None, "")
        try:
            found = self._bearer.authenticate_token(bearer, asked)
        except TokenRejected as rejected:
            # the server's internal token is tried first and complains first
            return None, aggregate_texts((INVALID_TOKEN, str(rejected)))
        return found, "" if found is not None else INVALID_TOKEN
