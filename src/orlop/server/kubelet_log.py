"""What a container has written, passed on as the kubelet sends it.

Used by `kubelet_client`. The client's slowness is the kubelet's; a client that leaves cuts the kubelet's connection.
Behaviour and texts: apiserver `pkg/registry/generic/rest/{streamer,response_checker}.go`, StreamObject in
`pkg/endpoints/handlers/responsewriters/writers.go`.
"""

from __future__ import annotations

import ssl
from typing import Final

from orlop.api import errors
from orlop.api.errors import APIError
from orlop.api.field import quote
from orlop.api.gvk import GroupResource
from orlop.api.http import Answer, Channel, Request, Stream
from orlop.kinds.kubelet import Location
from orlop.server.kubelet_dial import DialError
from orlop.server.kubelet_log_socket import over_websocket
from orlop.server.kubelet_pool import Pool
from orlop.server.kubelet_request import AGENT, encode, url
from orlop.server.kubelet_wire import Head, Wire, WireError
from orlop.websocket.handshake import is_websocket

_LONGEST_ERROR: Final = 50_000
"""Of an error's text, so much is told."""
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_RESOURCE: Final = GroupResource("", "pods/log")

_REASONS: Final = {
    401: ("Unauthorized", "the server has asked for the client to provide credentials"),
    404: ("NotFound", "the server could not find the requested resource"),
    405: ("MethodNotAllowed", "the server does not allow this method on the requested resource"),
    409: ("Conflict", "the server reported a conflict"),
    422: ("Invalid", "the server rejected our request due to an error in our request"),
    429: ("TooManyRequests", "the server has received too many requests and has asked us to try again later"),
    503: ("ServiceUnavailable", "the server is currently unable to handle the request"),
    504: ("Timeout", "the server was unable to return a response in the time allotted, but may still be processing "
                     "the request"),
}


async def read(pool: Pool, context: ssl.SSLContext, location: Location, request: Request, name: str) -> Answer:
    """`name` of the pod. Raises APIError."""
    try:
        wire, head = await pool.ask(location, context, encode("GET", location, location.authority, [AGENT], None),
                                    b"", "GET")
        if head.status in _REDIRECTS and (place := head.get("location")):
            wire.abort()
            raise errors.unknown(f'Get "{place}": redirects forbidden')
        if not 200 <= head.status <= 206:
            raise await _refusal(wire, head, name)
    except (DialError, WireError) as error:
        raise errors.unknown(f'Get "{url(location)}": {error}') from None
    wire.guard()
    if is_websocket(request):
        return over_websocket(wire, request)
    return Stream("text/plain", lambda channel: _pass_on(channel, wire, pool, location, context))


def _pass_on(channel: Channel, wire: Wire, pool: Pool, location: Location, context: ssl.SSLContext) -> None:
    def end(complete: bool) -> None:
        channel.close()
        pool.back(location, context, wire)

    wire.stream(channel, end)


async def _refusal(wire: Wire, head: Head, name: str) -> APIError:
    """NewGenericServerResponse, but that 400 and 500 pass on the kubelet's text."""
    try:
        raw, _ = await wire.whole(_LONGEST_ERROR)
    except WireError as error:
        return errors.internal(error)
    wire.abort()
    text, code = raw.decode(errors="replace"), head.status
    if code == 500:
        return errors.internal(text)
    if code == 400:
        return errors.bad_request(text)
    reason, message = _REASONS.get(code, ("", ""))
    if code in (403, 406, 415):
        reason = {403: "Forbidden", 406: "NotAcceptable", 415: "UnsupportedMediaType"}[code]
        message = text
        if code == 406 and text in ("", "unknown"):
            message = "the server was unable to respond with a content type that the client supports"
    elif not message and code > 500:
        reason = "InternalError"
        message = f"an error on the server ({quote(text)}) has prevented the request from succeeding"
    elif not message:
        message = f"the server responded with the status code {code} but did not return more information"
    return APIError(code, reason, f"{message} ( {_RESOURCE} {name})", {"name": name, "kind": _RESOURCE.resource})
