"""URLs as Go reads them, with Go's complaints. Pure.

Used by `webhook_client`. Behaviour: Go's `net/url` Parse.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import quote as escape
from urllib.parse import unquote

from orlop.api.field import quote

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+\-.]*", re.ASCII)
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}", re.ASCII | re.DOTALL)
_PLAIN_ESCAPE: Final = re.compile(r"%(?!25)[0-7][0-9A-Fa-f]", re.ASCII)
"""Hosts escape only what is not ASCII."""
_PORT: Final = re.compile(r"(:[0-9]*)?", re.ASCII)
_BAD_IN_HOST: Final = re.compile(r"[\x00-\x7f]")
_GOOD_IN_HOST: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.~!$&'()*+,;=:[]<>\"")
_USER: Final = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*", re.ASCII)


class URLError(ValueError):
    """A text that is no URL; the message is Go's."""


class URL(NamedTuple):
    """`user` is None when there is no user information; else it is as Go prints it."""

    scheme: str
    host: str
    user: str | None
    query: str
    fragment: str


def parse(text: str) -> URL:
    try:
        return _parse(text)
    except _BadPart as error:
        shown = text.partition("#")[0] if error.before_fragment else text
        raise URLError(f"parse {quote(shown)}: {error}") from None


class _BadPart(Exception):
    def __init__(self, message: str, before_fragment: bool = True) -> None:
        super().__init__(message)
        self.before_fragment = before_fragment


def _unescaped(text: str, before_fragment: bool = True) -> str:
    bad = _BAD_ESCAPE.search(text)
    if bad is not None:
        raise _BadPart(f"invalid URL escape {quote(bad[0])}", before_fragment)
    return unquote(text)


def _parse(text: str) -> URL:
    rest, _, fragment = text.partition("#")
    if any(ord(char) < 0x20 or ord(char) == 0x7F for char in rest):
        raise _BadPart("net/url: invalid control character in URL")
    scheme, rest = _split_scheme(rest)
    rest, _, query = rest.partition("?")
    host, user = "", None
    if not rest.startswith("/"):
        if scheme:
            return URL(scheme, "", None, query, _unescaped(fragment, False))
        if ":" in rest.partition("/")[0]:
            raise _BadPart("first path segment in URL cannot contain colon")
    elif rest.startswith("//") and (scheme or not rest.startswith("///")):
        authority, slash, path = rest[2:].partition("/")
        host, user = _authority(authority)
        rest = slash + path
    _unescaped(rest)
    return URL(scheme, host, user, query, _unescaped(fragment, False))


def _split_scheme(text: str) -> tuple[str, str]:
    if text.startswith(":"):
        raise _BadPart("missing protocol scheme")
    match = _SCHEME.match(text)
    if match is None or text[match.end() : match.end() + 1] != ":":
        return "", text
    return match[0].lower(), text[match.end() + 1 :]


def _authority(text: str) -> tuple[str, str | None]:
    user, at, host = text.rpartition("@")
    checked = _host(host)
    if not at:
        return checked, None
    if not _USER.fullmatch(user):
        raise _BadPart("net/url: invalid userinfo")
    return checked, ":".join(escape(_unescaped(part), safe="$&+,;=") for part in user.split(":", 1))


def _host(host: str) -> str:
    if host.startswith("["):
        end = host.rfind("]")
        if end < 0:
            raise _BadPart("missing ']' in host")
        port = host[end + 1 :]
    else:
        port = host[host.find(":") :] if ":" in host else ""
    if not _PORT.fullmatch(port):
        raise _BadPart(f"invalid port {quote(port)} after host")
    bad = next((char for char in host if char != "%" and _BAD_IN_HOST.match(char) and char not in _GOOD_IN_HOST), "")
    if bad:
        raise _BadPart(f"invalid character {quote(bad)} in host name")
    plain = _PLAIN_ESCAPE.search(host)
    if plain is not None:
        raise _BadPart(f"invalid URL escape {quote(plain[0])}")
    return _unescaped(host)
