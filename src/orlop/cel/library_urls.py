"""URLs: `url('https://example.com/')` and its parts.

The environment takes `URLS`. Behaviour: Kubernetes pkg/cel/library/urls.go and pkg/cel/url.go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from orlop.cel import library_url_parser as parser
from orlop.cel import types as t
from orlop.cel.functions import Function, Library
from orlop.cel.library_signature import function, member, plain
from orlop.cel.library_url_parser import as_text
from orlop.cel.values import NO_SUCH_OVERLOAD, CelError, Opaque

URL_TYPE: Final = t.object_type("kubernetes.URL")


class URL(Opaque):
    """A URL; equal when written alike."""

    __slots__ = ("parts",)

    cel_type = URL_TYPE

    def __init__(self, parts: parser.URL) -> None:
        self.parts = parts

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, URL):
            raise CelError(NO_SUCH_OVERLOAD)
        return str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))

    def __str__(self) -> str:
        return str(self.parts)


def _url(text: str) -> URL:
    try:
        parser.parse_request(text)
        return URL(parser.parse(text))
    except parser.URLError as error:
        raise CelError(f"URL parse error during conversion from string: {error}") from None


def _is_url(text: str) -> bool:
    try:
        parser.parse_request(text)
    except parser.URLError:
        return False
    return True


def _part(name: str, identity: str, call: Callable[[URL], str]) -> Function:
    return function(name, member(identity, (URL_TYPE,), t.STRING, call))


_QUERY: Final = t.map_of(t.STRING, t.list_of(t.STRING))

URLS: Final = Library(
    "kubernetes.urls",
    (
        function("url", plain("string_to_url", (t.STRING,), URL_TYPE, _url)),
        _part("getScheme", "url_get_scheme", lambda url: as_text(url.parts.scheme)),
        _part("getHost", "url_get_host", lambda url: as_text(url.parts.host)),
        _part("getHostname", "url_get_hostname", lambda url: as_text(url.parts.host_and_port()[0])),
        _part("getPort", "url_get_port", lambda url: as_text(url.parts.host_and_port()[1])),
        _part("getEscapedPath", "url_get_escaped_path", lambda url: as_text(url.parts.escaped_path())),
        function("getQuery", member("url_get_query", (URL_TYPE,), _QUERY, lambda url: url.parts.parameters())),
        function("isURL", plain("is_url_string", (t.STRING,), t.BOOL, _is_url)),
    ),
)
