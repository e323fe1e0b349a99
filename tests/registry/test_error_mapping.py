"""Storage errors as clients see them."""

from __future__ import annotations

import pytest

from orlop.api.gvk import GroupResource
from orlop.registry.error_mapping import interpret
from orlop.storage.errors import (
    Closed,
    CommitFailed,
    KeyExists,
    KeyNotFound,
    Overloaded,
    ReadFailed,
    RevisionCompacted,
    RevisionTooLarge,
    StorageError,
)


@pytest.mark.parametrize(("error", "code", "reason", "retry"), [
    (KeyNotFound("k"), 404, "NotFound", 0),
    (KeyExists("k"), 409, "AlreadyExists", 0),
    (RevisionTooLarge(9, 5), 504, "Timeout", 1),
    (RevisionCompacted(1, 5), 410, "Expired", 0),
    (CommitFailed("disk full"), 500, "InternalError", 0),
    (Overloaded(20_000), 429, "TooManyRequests", 1),
    (ReadFailed("damaged"), 500, "InternalError", 0),
    (Closed(), 503, "ServiceUnavailable", 0),
])
def test_every_error_has_an_answer(error: StorageError, code: int, reason: str, retry: int) -> None:
    """With the reason that clients act upon, and when to come back if that helps."""
    refusal = interpret(error, GroupResource("apps", "deployments"), "web")
    assert (refusal.code, refusal.reason, refusal.retry_after) == (code, reason, retry)
    assert refusal.status()["code"] == code
