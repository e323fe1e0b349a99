"""API errors: every refusal a client can see, as a Status.

Raised anywhere above storage, turned into a body by `endpoints.response`. Codes, reasons, messages and details equal
apimachinery's `api/errors/errors.go`.
"""

from __future__ import annotations

from collections.abc import Sequence

from orlop.api.field import FieldError, aggregate, quote
from orlop.api.gvk import GroupKind, GroupResource
from orlop.api.tree import Tree


class APIError(Exception):
    """A failed request, with the Status it answers.

    `retry_after` in seconds becomes the header, 0 for none. `plain` is a body of plain text that takes the place of the
    Status, where upstream answers without one.
    """

    def __init__(self, code: int, reason: str, message: str, details: Tree | None = None,
                 retry_after: int = 0, metadata: Tree | None = None) -> None:
        super().__init__(message)
        self.code, self.reason, self.message, self.details = code, reason, message, details
        self.retry_after, self.metadata = retry_after, metadata or {}
        self.plain = ""

    def status(self) -> Tree:
        """The Status object. `details` without members stays, as upstream prints `"details": {}`."""
        status: Tree = {"kind": "Status", "apiVersion": "v1", "metadata": self.metadata, "status": "Failure"}
        if self.message:
            status["message"] = self.message
        if self.reason:
            status["reason"] = self.reason
        if self.details is not None:
            status["details"] = self.details
        status["code"] = self.code
        return status


def _details(group: str = "", kind: str = "", name: str = "", causes: Sequence[Tree] = (), retry: int = 0) -> Tree:
    details: Tree = {}
    if name:
        details["name"] = name
    if group:
        details["group"] = group
    if kind:
        details["kind"] = kind
    if causes:
        details["causes"] = list(causes)
    if retry:
        details["retryAfterSeconds"] = retry
    return details


def not_found(resource: GroupResource, name: str) -> APIError:
    return APIError(404, "NotFound", f"{resource} {quote(name)} not found", _details(*resource, name))


def already_exists(resource: GroupResource, name: str) -> APIError:
    return APIError(409, "AlreadyExists", f"{resource} {quote(name)} already exists", _details(*resource, name))


def generate_name_conflict(resource: GroupResource, name: str, retry: int) -> APIError:
    text = f"{resource} {quote(name)} already exists, the server was not able to generate a unique name for the object"
    return APIError(409, "AlreadyExists", text, _details(*resource, name, retry=retry), retry)


def unauthorized(message: str = "Unauthorized") -> APIError:
    return APIError(401, "Unauthorized", message)


def forbidden(resource: GroupResource, name: str, why: str, causes: Sequence[Tree] = ()) -> APIError:
    if not resource.group and not resource.resource:
        text = f"forbidden: {why}"
    elif not name:
        text = f"{resource} is forbidden: {why}"
    else:
        text = f"{resource} {quote(name)} is forbidden: {why}"
    return APIError(403, "Forbidden", text, _details(*resource, name, causes))


def conflict(resource: GroupResource, name: str, why: str) -> APIError:
    text = f"Operation cannot be fulfilled on {resource} {quote(name)}: {why}"
    return APIError(409, "Conflict", text, _details(*resource, name))


MODIFIED = "the object has been modified; please apply your changes to the latest version and try again"
"""Why an update with an old resourceVersion fails (registry/generic/registry/store.go OptimisticLockErrorMsg)."""


def gone(message: str) -> APIError:
    return APIError(410, "Gone", message)


def expired(message: str) -> APIError:
    return APIError(410, "Expired", message)


def invalid(kind: GroupKind, name: str, errors: Sequence[FieldError]) -> APIError:
    text = f"{kind} {quote(name)} is invalid"
    if errors:
        text += f": {aggregate(errors)}"
    return APIError(422, "Invalid", text, _details(*kind, name, [e.cause() for e in errors]))


def bad_request(message: str) -> APIError:
    return APIError(400, "BadRequest", message)


def too_many_requests(message: str, retry: int) -> APIError:
    return APIError(429, "TooManyRequests", message, _details(retry=retry), retry)


def service_unavailable(message: str) -> APIError:
    return APIError(503, "ServiceUnavailable", message)


def method_not_supported(resource: GroupResource, action: str) -> APIError:
    text = f"{action} is not supported on resources of kind {quote(str(resource))}"
    return APIError(405, "MethodNotAllowed", text, _details(*resource))


def server_timeout(resource: GroupResource, operation: str, retry: int) -> APIError:
    text = f"The {operation} operation against {resource} could not be completed at this time, please try again."
    return APIError(500, "ServerTimeout", text, _details(*resource, operation, retry=retry), retry)


def internal(message: object) -> APIError:
    causes = [{"message": str(message)}]
    return APIError(500, "InternalError", f"Internal error occurred: {message}", {"causes": causes})


def timeout(message: str, retry: int, causes: Sequence[Tree] = ()) -> APIError:
    return APIError(504, "Timeout", f"Timeout: {message}", _details(causes=causes, retry=retry), retry)


def request_entity_too_large(message: str) -> APIError:
    return APIError(413, "RequestEntityTooLarge", f"Request entity too large: {message}")


def unknown(message: str) -> APIError:
    """A plain Go error that reaches the response writer: 500 with neither reason nor details."""
    return APIError(500, "", message)


_GENERIC = {
    404: ("NotFound", "the server could not find the requested resource"),
    405: ("MethodNotAllowed", "the server does not allow this method on the requested resource"),
    406: ("NotAcceptable", ""),
    415: ("UnsupportedMediaType", ""),
    422: ("Invalid", "the server rejected our request due to an error in our request"),
}


def generic(code: int, verb: str, resource: GroupResource, name: str = "", message: str = "") -> APIError:
    """An answer made from a bare status code (NewGenericServerResponse), as unknown paths and media types get."""
    reason, text = _GENERIC[code]
    text = text or message
    if (resource.group or resource.resource) and name:
        text = f"{text} ({verb.lower()} {resource} {name})"
    elif resource.group or resource.resource:
        text = f"{text} ({verb.lower()} {resource})"
    return APIError(code, reason, text, _details(*resource, name))


def not_acceptable(accepted: Sequence[str]) -> APIError:
    text = f"only the following media types are accepted: {', '.join(accepted)}"
    return APIError(406, "NotAcceptable", text)


def unsupported_media_type(accepted: Sequence[str]) -> APIError:
    text = f"the body of the request was in an unknown format - accepted media types include: {', '.join(accepted)}"
    return APIError(415, "UnsupportedMediaType", text)
