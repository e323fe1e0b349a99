"""Which representation a client gets, and how its body is to be read: Accept and Content-Type.

Called by endpoints once per request; the answers are remembered per header. Upstream asks twice: go-restful
looks whether the route produces anything that the header names (`check_produces`, `check_consumes`), then the
handler picks the clause that it can serve (`negotiate`); custom resources know only the second step.
Behaviour: go-restful `route.go`; apiserver `endpoints/handlers/negotiation/negotiate.go`,
`endpoints/handlers/rest.go` (AllowsMediaTypeTransform); `accept_header` reads the header. Failures are
APIErrors with upstream's words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias

from orlop.api import errors
from orlop.api.gvk import GroupResource
from orlop.codec.accept_header import Clause, parse

Media: TypeAlias = Literal["json", "yaml", "protobuf"]
Transform: TypeAlias = Literal["Table", "PartialObjectMetadata", "PartialObjectMetadataList"]

CONTENT_TYPES: Final[dict[Media, str]] = {
    "json": "application/json",
    "yaml": "application/yaml",
    "protobuf": "application/vnd.kubernetes.protobuf",
}
MEDIA_TYPES: Final = tuple(CONTENT_TYPES.values())
"""What a route for single objects produces."""
STREAM_TYPES: Final = tuple(f"{CONTENT_TYPES[media]};stream=watch" for media in ("json", "protobuf"))
ALL_TYPES: Final = MEDIA_TYPES + STREAM_TYPES
"""What a route for lists and watches produces."""

TRANSFORMS: Final[frozenset[str]] = frozenset({"Table", "PartialObjectMetadata", "PartialObjectMetadataList"})
_META_VERSIONS: Final = frozenset({"v1", "v1beta1"})
_NO_RESOURCE: Final = GroupResource("", "")
_REMEMBERED: Final = 1024
"""Headers whose outcome is remembered; the least used are forgotten."""


@dataclass(frozen=True, slots=True)
class Representation:
    """How an answer is written. `version` is that of the transform's kind in meta.k8s.io, "" without one."""

    media: Media = "json"
    transform: Transform | None = None
    version: str = ""
    pretty: bool = False

    @property
    def content_type(self) -> str:
        return CONTENT_TYPES[self.media]


JSON: Final = Representation()
RAW: Final = Representation(pretty=True)
"""Of errors for clients that accept nothing we have: JSON, always indented, without a line end."""


def _accepted(clause: Clause, media: Media, transforms: frozenset[str], plain: frozenset[str]) -> bool:
    """Whether the endpoint can do what the clause's parameters ask for."""
    parameters = clause.parameters
    if parameters.get("stream", "watch") != "watch" or ("stream" in parameters and media == "yaml"):
        return False
    if parameters.get("sv", "v1") != "v1":
        return False
    if not parameters.keys() & {"as", "g", "v"}:
        return media in plain
    kind = parameters.get("as", "")
    if parameters.get("g") != "meta.k8s.io" or parameters.get("v") not in _META_VERSIONS or kind not in transforms:
        return False
    return kind != "Table" or media != "protobuf"


_ALL_MEDIA: Final[frozenset[str]] = frozenset(CONTENT_TYPES)


@lru_cache(maxsize=_REMEMBERED)
def _negotiate(accept: str, transforms: frozenset[str], plain: frozenset[str], streaming: bool) -> Representation:
    if not accept:
        return JSON
    for clause in parse(accept):
        for media in CONTENT_TYPES:
            if not clause.matches(CONTENT_TYPES[media]) or not _accepted(clause, media, transforms, plain):
                continue
            if streaming and media == "yaml":
                raise errors.not_acceptable(STREAM_TYPES)
            kind, parameters = _transform(clause.parameters.get("as", "")), clause.parameters
            version = parameters.get("v", "") if kind else ""
            return Representation(media, kind, version, parameters.get("pretty") == "1" and media == "json")
    raise errors.not_acceptable(STREAM_TYPES if streaming else MEDIA_TYPES)


def _transform(kind: str) -> Transform | None:
    if kind == "Table":
        return "Table"
    if kind == "PartialObjectMetadata":
        return "PartialObjectMetadata"
    return "PartialObjectMetadataList" if kind else None


def negotiate(accept: str, *, transforms: frozenset[str] = TRANSFORMS, plain: frozenset[str] = _ALL_MEDIA,
              streaming: bool = False) -> Representation:
    """The representation for an Accept header ("" when absent). APIError 406 when nothing fits.

    `transforms`: what the endpoint can turn objects into. `plain`: the media it can write objects in without
    a transform (custom resources: not protobuf). `streaming`: for a watch.
    """
    return _negotiate(accept, transforms, plain, streaming)


def negotiate_error(accept: str) -> Representation:
    """The representation of an error: no transforms, and RAW when nothing fits."""
    try:
        return _negotiate(accept, frozenset(), _ALL_MEDIA, False)
    except errors.APIError:
        return RAW


@lru_cache(maxsize=_REMEMBERED)
def _names_any(header: str, types: tuple[str, ...], wildcard: bool) -> bool:
    for part in header.split(","):
        name = part.partition(";")[0].strip(" ")
        if name in types or (wildcard and name == "*/*"):
            return True
    return False


def check_produces(accept: str, produces: tuple[str, ...] = MEDIA_TYPES) -> None:
    """A route's first look at Accept. APIError 406; partial wildcards such as `application/*` do not
    count."""
    if accept and not _names_any(accept, produces, True):
        text = f"406: Not Acceptable\n\nAvailable representations: {', '.join(produces)}"
        raise errors.generic(406, "", _NO_RESOURCE, message=text)


def check_consumes(content_type: str, consumes: tuple[str, ...]) -> None:
    """A route's first look at Content-Type where it takes only some types (patches). APIError 415."""
    if not _names_any(content_type or "application/octet-stream", consumes, False):
        raise errors.generic(415, "", _NO_RESOURCE, message="415: Unsupported Media Type")


_TOKEN: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_PARAMETER: Final = rf'{_TOKEN}\s*=\s*(?:{_TOKEN}|"[^"]*")'
_MEDIA_TYPE: Final = re.compile(rf"\s*({_TOKEN})/({_TOKEN})\s*(?:;\s*{_PARAMETER}\s*)*;?\s*")
_BY_NAME: Final[dict[str, Media]] = {name: media for media, name in CONTENT_TYPES.items()}


@lru_cache(maxsize=_REMEMBERED)
def input_media(content_type: str, accepted: Sequence[str] = MEDIA_TYPES) -> Media:
    """How a body is to be read ("" counts as JSON). APIError 415 for what is not among `accepted`."""
    if not content_type:
        return "json"
    match = _MEDIA_TYPE.fullmatch(content_type)
    name = f"{match[1]}/{match[2]}".lower() if match else ""
    if name not in accepted or name not in _BY_NAME:
        raise errors.unsupported_media_type(accepted)
    return _BY_NAME[name]


_TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_PEOPLE: Final = ("curl", "Wget", "Mozilla/5.0")


def wants_pretty(parameter: str, user_agent: str) -> bool:
    """Whether JSON is to be indented: as the query parameter `pretty` says, else for clients that people look
    at."""
    return parameter in _TRUE if parameter else user_agent.startswith(_PEOPLE)
