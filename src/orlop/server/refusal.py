"""Requests that never reach a handler, and what their senders are told.

Raised by the parser, carried out by the connection and by the in-process transport. What is wrong with the
HTTP itself is told in plain text, as Go's `net/http/server.go` does; what kube-apiserver refuses is told as
a Status.
"""

from __future__ import annotations

import orjson

from orlop.api import errors
from orlop.api.errors import APIError
from orlop.api.gvk import GroupResource
from orlop.api.http import Response

PLAIN_TEXT = "text/plain; charset=utf-8"


class Refusal(Exception):
    """This request cannot be understood or is too much; `response` is the last one on its connection."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def as_status(error: APIError) -> Response:
    body = orjson.dumps(error.status(), option=orjson.OPT_APPEND_NEWLINE)
    headers: tuple[tuple[str, str], ...] = (("Cache-Control", "no-cache, private"),)
    if error.retry_after:
        headers += (("Retry-After", str(error.retry_after)),)
    return Response(error.code, body, "application/json", headers)


def plain(status: int, text: str) -> Refusal:
    return Refusal(Response(status, text.encode(), PLAIN_TEXT))


def malformed(why: str = "") -> Refusal:
    return plain(400, f"400 Bad Request: {why}" if why else "400 Bad Request")


def head_too_large() -> Refusal:
    return plain(431, "431 Request Header Fields Too Large")


def target_too_long() -> Refusal:
    return plain(414, "414 Request URI Too Long")


def unknown_coding() -> Refusal:
    return plain(501, "Unsupported transfer encoding")


def unknown_version() -> Refusal:
    return plain(505, "505 HTTP Version Not Supported: unsupported protocol version")


def unknown_expectation() -> Refusal:
    return Refusal(Response(417, b"", ""))


def unknown_method() -> Refusal:
    return Refusal(as_status(errors.generic(405, "", GroupResource("", ""))))


def body_too_large(limit: int) -> Refusal:
    return Refusal(as_status(errors.request_entity_too_large(f"limit is {limit}")))


def body_too_slow() -> Refusal:
    return Refusal(as_status(errors.timeout("request did not complete within the allotted timeout", 0)))


def overloaded() -> Refusal:
    return Refusal(as_status(errors.too_many_requests("Too many requests, please try again later.", 1)))


def handler_failed() -> Response:
    text = "This request caused apiserver to panic. Look in the logs for details."
    return as_status(errors.internal(text))


def upgrade_needs_socket() -> Response:
    return as_status(errors.bad_request("Upgrade request required"))
