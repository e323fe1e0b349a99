"""Patch errors: why a patch cannot be applied, with what the HTTP answer needs.

Raised by every module of this room, turned into an answer by `endpoints.patch` through `PatchError.answer`.
Mutating admission wraps `str(error)` in words of its own instead. Which class a failure belongs to follows
apiserver's `endpoints/handlers/patch.go`.

    PatchError
    ├── BadPatch            400, the text        -> orlop.api.errors.bad_request
    ├── TooManyOperations   413, the text        -> orlop.api.errors.request_entity_too_large
    ├── Unprocessable       422, a generic text  -> orlop.api.errors.generic(422, ...)
    │   └── TestFailed      ... a `test` operation of a JSON patch did not hold
    ├── PatchFailed         500, the text        -> orlop.api.errors.unknown
    └── PatchCrashed        500, plain text      -> no Status: `PatchCrashed.BODY` as text/plain
"""

from __future__ import annotations

from orlop.api import errors
from orlop.api.gvk import GroupResource


class PatchError(Exception):
    """A patch that cannot be applied; `str()` is upstream's text of the cause."""

    code = 500

    def answer(self) -> errors.APIError:
        """The refusal a client sees when it sent this patch itself."""
        return errors.unknown(str(self))


class BadPatch(PatchError):
    """The patch is no patch of its type: 400 with the text."""

    code = 400

    def answer(self) -> errors.APIError:
        return errors.bad_request(str(self))


class TooManyOperations(PatchError):
    """A JSON patch with more operations than a request may carry: 413 with the text."""

    code = 413

    def answer(self) -> errors.APIError:
        return errors.request_entity_too_large(str(self))


class Unprocessable(PatchError):
    """A patch that does not fit the object: 422, whose wire message never shows the text."""

    code = 422

    def answer(self) -> errors.APIError:
        return errors.generic(422, "", GroupResource("", ""), message=str(self))


class TestFailed(Unprocessable):
    """A `test` operation found another value: mutating policies then leave the object as it is."""

    __test__ = False  # not a test class, whatever pytest thinks of its name


class PatchFailed(PatchError):
    """A strategic merge patch that cannot be merged: a bare Go error, hence 500 without a reason."""


class PatchCrashed(PatchError):
    """Input on which upstream panics: its panic handler answers in text/plain, without a Status."""

    BODY = "This request caused apiserver to panic. Look in the logs for details.\n"

    def __init__(self) -> None:
        super().__init__(self.BODY.strip())

    def answer(self) -> errors.APIError:
        refusal = errors.unknown(str(self))
        refusal.plain = self.BODY
        return refusal
