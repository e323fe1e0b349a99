"""The one place where storage errors become API errors, per verb (apiserver `pkg/storage/errors/storage.go`)."""

from __future__ import annotations

from orlop.api import errors, resource_version
from orlop.api.errors import APIError
from orlop.api.gvk import GroupResource
from orlop.storage.errors import (
    CommitFailed,
    KeyExists,
    KeyNotFound,
    Overloaded,
    ReadFailed,
    RevisionCompacted,
    RevisionTooLarge,
    StorageError,
)

TOO_OLD_LIST = "The resourceVersion for the provided list is too old."
TOO_OLD_CONTINUE = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new list without "
    "the continue parameter, or use the continue token in this response to retrieve the remainder of the results. "
    "Continuing with the provided token results in an inconsistent list - objects that were created, modified, or "
    "deleted between the time the first chunk was returned and now may show up in the list."
)


def interpret(error: StorageError, resource: GroupResource, name: str) -> APIError:
    """The answer to a failed get, create, update, delete or list."""
    match error:
        case KeyNotFound():
            return errors.not_found(resource, name)
        case KeyExists():
            return errors.already_exists(resource, name)
        case RevisionTooLarge():
            return resource_version.too_large(error.revision, error.current)
        case RevisionCompacted():
            return errors.expired(TOO_OLD_LIST)
        case CommitFailed():
            return errors.internal(error.cause)
        case ReadFailed():
            return errors.internal(error)
        case Overloaded():
            return errors.too_many_requests(f"storage is overloaded: {error}", 1)
    return errors.service_unavailable(f"storage is not available: {error}")


def precondition_failed(resource: GroupResource, name: str, key: str, why: str) -> APIError:
    """A uid or resourceVersion precondition that does not hold, as upstream's storage layer words it."""
    text = (f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, "
            f"AdditionalErrorMsg: Precondition failed: {why}")
    return errors.conflict(resource, name, text)
