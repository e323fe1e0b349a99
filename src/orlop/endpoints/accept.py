"""The Accept header of requests that are not for resources: discovery and OpenAPI documents.

`discovery` and `openapi` ask it which form of a document to send; resources have their own negotiation in
`codec`, which also reads the header. The choice is apiserver's `endpoints/handlers/negotiation`, and `produces` is
go-restful's own, cruder test that comes before it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from orlop.api import errors
from orlop.api.gvk import GroupResource
from orlop.api.http import Request
from orlop.codec.accept_header import parse

REMEMBERED = 256
"""Headers whose reading is kept; the least recently used goes first. Clients send a handful of them."""

AGGREGATED = ("apidiscovery.k8s.io", "v2", "APIGroupDiscoveryList")
STRUCTURED = ("application/json", "application/yaml", "application/vnd.kubernetes.protobuf")
_TRUE = ("1", "t", "T", "TRUE", "true", "True")
_PEOPLE = ("curl", "Wget", "Mozilla/5.0")
"""User agents of terminals and browsers."""
_STREAMING = frozenset({"application/json", "application/vnd.kubernetes.protobuf"})


class Choice(NamedTuple):
    """How to write a document: the media type, indented, and as the aggregated list."""

    media_type: str
    pretty: bool = False
    aggregated: bool = False


@lru_cache(maxsize=REMEMBERED)
def negotiate(header: str, *, aggregated: bool = False) -> Choice | None:
    """What to send, None when nothing fits. `aggregated`: the aggregated list may be asked for here, and
    whoever names it in any clause gets it."""
    if not header:
        return Choice(STRUCTURED[0])
    if aggregated and (choice := _first(header, aggregated=True)) is not None:
        return choice
    return _first(header, aggregated=False)


def _first(header: str, *, aggregated: bool) -> Choice | None:
    for clause in parse(header):
        for media_type in STRUCTURED:
            if clause.matches(media_type) and _allowed(clause.parameters, media_type, aggregated):
                return Choice(media_type, clause.parameters.get("pretty") == "1", aggregated)
    return None


def _allowed(parameters: dict[str, str], media_type: str, aggregated: bool) -> bool:
    target = tuple(parameters.get(name, "") for name in ("g", "v", "as"))
    if target != (AGGREGATED if aggregated else ("", "", "")):
        return False
    stream = parameters.get("stream", "")
    if stream and (stream != "watch" or media_type not in _STREAMING):
        return False
    return not parameters.get("sv")


@lru_cache(maxsize=REMEMBERED)
def produces(header: str, produced: tuple[str, ...] = STRUCTURED) -> bool:
    """Whether a route that produces these media types is found at all: `*/*` or one of them by name, ranges
    such as `application/*` do not count."""
    if not header:
        return True
    for part in header.split(","):
        media_type = part.partition(";")[0].strip(" ")
        if media_type == "*/*" or media_type in produced:
            return True
    return False


def first_of(header: str, produced: tuple[str, ...]) -> str:
    """The first of the media types that a clause names, "" for none: how OpenAPI documents are chosen,
    where a clause's `*` stands for itself on each side."""
    for clause in parse(header or "*/*"):
        for media_type in produced:
            kind, _, subtype = media_type.partition("/")
            if clause.type in ("*", kind) and clause.subtype in ("*", subtype):
                return media_type
    return ""


def choose(request: Request, *, aggregated: bool = False) -> Choice:
    """The form to answer this request in; raises 406. JSON is indented for whoever asks for it or looks
    like a person."""
    choice = negotiate(request.headers.get("accept", ""), aggregated=aggregated)
    if choice is None:
        raise errors.not_acceptable(STRUCTURED)
    pretty = choice.media_type == STRUCTURED[0] and (choice.pretty or _asks_for_indent(request))
    return choice._replace(pretty=pretty)


def _asks_for_indent(request: Request) -> bool:
    if "pretty" in request.query and (asked := request.parameter("pretty")):
        return asked in _TRUE
    return request.headers.get("user-agent", "").startswith(_PEOPLE)


def require(request: Request, produced: tuple[str, ...]) -> None:
    """go-restful's refusal when no route writes what the client accepts."""
    if not produces(request.headers.get("accept", ""), produced):
        text = f"406: Not Acceptable\n\nAvailable representations: {', '.join(produced)}"
        raise errors.generic(406, "", GroupResource("", ""), message=text)
