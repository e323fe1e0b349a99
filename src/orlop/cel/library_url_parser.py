"""URLs in text, read as Go's `net/url` reads them and refused in its words.

`library_urls` and the format `uri` read here. Parts are kept as bytes, as percent-escapes may stand for any. Behaviour:
Go net/url (Parse, ParseRequestURI, URL.String) of Go 1.26; RFC 3986.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from orlop.api.field import quote
from orlop.cel.library_ip_parser import AddressError, parse_address

_UNRESERVED: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~")
_SUB_DELIMITERS: Final = b"!$&'()*+,;="
_HOST: Final = _UNRESERVED | frozenset(_SUB_DELIMITERS + b':[]<>"')
_PATH: Final = _UNRESERVED | frozenset(b"$&+,/:;=@")
_USER: Final = _UNRESERVED | frozenset(b"$&+,;=")
_FRAGMENT: Final = _UNRESERVED | frozenset(b"$&+,/:;=?@!()*")
_AS_IT_STANDS: Final = frozenset(_SUB_DELIMITERS + b":@[]%")
_USER_INFO: Final = re.compile(rb"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_PORT: Final = re.compile(rb"(?::[0-9]*)?")
_SCHEME: Final = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*:")
_ESCAPE: Final = re.compile(rb"%[0-9A-Fa-f]{2}")
_HALF: Final = re.compile(r"\\udc[89a-f][0-9a-f]")
_CONTROL: Final = re.compile(rb"[\x00-\x1f\x7f]")
_MOST_PARAMETERS: Final = 10_000
"""Query parameters beyond which a query counts as having none."""


class URLError(ValueError):
    """A text that is no URL; the message is Go's, without what was parsed."""


@dataclass(slots=True)
class URL:
    """The parts of a URL; `raw_*` as they were written where that is not how they would be written again."""

    scheme: bytes = b""
    opaque: bytes = b""
    user: tuple[bytes, bytes | None] | None = None
    host: bytes = b""
    path: bytes = b""
    raw_path: bytes = b""
    query: bytes = b""
    force_query: bool = False
    omit_host: bool = False
    fragment: bytes = b""
    raw_fragment: bytes = b""

    def escaped_path(self) -> bytes:
        """The path with what must be escaped escaped."""
        if _is_kept(self.raw_path, self.path, _PATH):
            return self.raw_path
        return b"*" if self.path == b"*" else _escaped(self.path, _PATH)

    def host_and_port(self) -> tuple[bytes, bytes]:
        """The host without brackets, and the port."""
        host, port = self.host, b""
        colon = host.rfind(b":")
        if colon >= 0 and _PORT.fullmatch(host, colon):
            host, port = host[:colon], host[colon + 1 :]
        if host.startswith(b"[") and host.endswith(b"]"):
            host = host[1:-1]
        return host, port

    def parameters(self) -> dict[str, list[str]]:
        """The query, keys with all their values; parameters that cannot be read are left out."""
        found: dict[str, list[str]] = {}
        if self.query.count(b"&") >= _MOST_PARAMETERS:
            return found
        for pair in self.query.split(b"&"):
            if not pair or b";" in pair:
                continue
            key, _, value = pair.replace(b"+", b" ").partition(b"=")
            try:
                name, text = _unescaped(key), _unescaped(value)
            except URLError:
                continue
            found.setdefault(as_text(name), []).append(as_text(text))
        return found

    def __str__(self) -> str:
        text = self.scheme + b":" if self.scheme else b""
        if self.opaque:
            text += self.opaque
        else:
            text += self._authority()
            path = self.escaped_path()
            if path and not path.startswith(b"/") and self.host:
                text += b"/"
            if not text and b":" in path.partition(b"/")[0]:
                text += b"./"
            text += path
        if self.force_query or self.query:
            text += b"?" + self.query
        if self.fragment:
            kept = _is_kept(self.raw_fragment, self.fragment, _FRAGMENT)
            text += b"#" + (self.raw_fragment if kept else _escaped(self.fragment, _FRAGMENT))
        return as_text(text)

    def _authority(self) -> bytes:
        if not (self.scheme or self.host or self.user is not None):
            return b""
        if self.omit_host and not self.host and self.user is None:
            return b""
        text = b"//" if self.host or self.path or self.user is not None else b""
        if self.user is not None:
            name, password = self.user
            text += _escaped(name, _USER)
            text += b":" + _escaped(password, _USER) if password is not None else b""
            text += b"@"
        return text + _escaped(self.host, _HOST)


def as_text(data: bytes) -> str:
    """Bytes as text; what is no UTF-8 becomes the replacement character."""
    return data.decode("utf-8", "replace")


def _is_kept(raw: bytes, value: bytes, allowed: frozenset[int]) -> bool:
    """Whether a part can be written as it once was."""
    return bool(raw) and (allowed | _AS_IT_STANDS).issuperset(raw) and _unescaped(raw) == value


def _escaped(data: bytes, allowed: frozenset[int]) -> bytes:
    return b"".join(bytes((byte,)) if byte in allowed else b"%%%02X" % byte for byte in data)


def _wrong_escape(data: bytes) -> URLError:
    """The error about an escape, which may end inside a character."""
    shown = quote(data.decode("utf-8", "surrogateescape"))
    return URLError(f"invalid URL escape {_HALF.sub(lambda half: half[0].replace('udc', 'x'), shown)}")


def _unescaped(data: bytes) -> bytes:
    """`data` with its percent-escapes replaced."""
    if b"%" not in data:
        return data
    position = data.find(b"%")
    while position >= 0:
        if _ESCAPE.match(data, position) is None:
            raise _wrong_escape(data[position : position + 3])
        position = data.find(b"%", position + 3)
    return _ESCAPE.sub(lambda found: bytes((int(found[0][1:], 16),)), data)


def _unescaped_host(data: bytes, zone: bool = False) -> bytes:
    """The same for hosts, which may escape only what is not ASCII, and zones, which may escape what hosts may hold."""
    position = 0
    while position < len(data):
        byte = data[position]
        if byte == ord("%"):
            escape = data[position : position + 3]
            if _ESCAPE.fullmatch(escape):
                value = int(escape[1:], 16)
                wrong = value not in _HOST and value != ord(" ") if zone else value < 0x80
                if escape != b"%25" and wrong:
                    raise _wrong_escape(escape)
            else:
                raise _wrong_escape(escape)
            position += 3
        elif byte < 0x80 and byte not in _HOST:
            raise URLError(f"invalid character {quote(chr(byte))} in host name")
        else:
            position += 1
    return _unescaped(data)


def parse(text: str) -> URL:
    """The URL `text` writes, with a fragment; relative ones, too. The message says what was parsed."""
    url_text, _, fragment = text.partition("#")
    try:
        url = _parse(url_text.encode("utf-8", "surrogatepass"), False)
    except URLError as error:
        raise URLError(f"parse {quote(url_text)}: {error}") from None
    if fragment:
        raw = fragment.encode("utf-8", "surrogatepass")
        try:
            url.fragment = _unescaped(raw)
        except URLError as error:
            raise URLError(f"parse {quote(text)}: {error}") from None
        url.raw_fragment = b"" if _escaped(url.fragment, _FRAGMENT) == raw else raw
    return url


def parse_request(text: str) -> URL:
    """The URL `text` writes, absolute or an absolute path, taken to have no fragment."""
    try:
        return _parse(text.encode("utf-8", "surrogatepass"), True)
    except URLError as error:
        raise URLError(f"parse {quote(text)}: {error}") from None


def _parse(data: bytes, request: bool) -> URL:
    if _CONTROL.search(data):
        raise URLError("net/url: invalid control character in URL")
    if not data and request:
        raise URLError("empty url")
    if data == b"*":
        return URL(path=b"*")
    scheme, rest = _scheme(data)
    url = URL(scheme=scheme)
    if rest.endswith(b"?") and rest.count(b"?") == 1:
        url.force_query, rest = True, rest[:-1]
    else:
        rest, _, url.query = rest.partition(b"?")
    if not rest.startswith(b"/"):
        if scheme:
            url.opaque = rest
            return url
        if request:
            raise URLError("invalid URI for request")
        if b":" in rest.partition(b"/")[0]:
            raise URLError("first path segment in URL cannot contain colon")
    if rest.startswith(b"//") and (scheme or (not request and not rest.startswith(b"///"))):
        authority, slash, path = rest[2:].partition(b"/")
        rest = slash + path
        _set_authority(url, authority)
    elif scheme and rest.startswith(b"/"):
        url.omit_host = True
    url.path = _unescaped(rest)
    url.raw_path = b"" if _escaped(url.path, _PATH) == rest else rest
    return url


def _scheme(data: bytes) -> tuple[bytes, bytes]:
    """The scheme in lower case and what follows it."""
    if data.startswith(b":"):
        raise URLError("missing protocol scheme")
    found = _SCHEME.match(data)
    return (found[0][:-1].lower(), data[found.end() :]) if found is not None else (b"", data)


def _set_authority(url: URL, authority: bytes) -> None:
    user_info, at, host = authority.rpartition(b"@")
    url.host = _host(url.scheme, host)
    if not at:
        return
    if not _USER_INFO.fullmatch(user_info):
        raise URLError("net/url: invalid userinfo")
    name, colon, password = user_info.partition(b":")
    url.user = (_unescaped(name), _unescaped(password) if colon else None)


def _host(scheme: bytes, host: bytes) -> bytes:
    opening = host.rfind(b"[")
    if opening > 0:
        raise URLError("invalid IP-literal")
    if opening == 0:
        return _bracketed(host)
    first, last = host.find(b":"), host.rfind(b":")
    if first >= 0:
        _check_port(host[first if scheme in (b"http", b"https") else last :])
    return _unescaped_host(host)


def _check_port(port: bytes) -> None:
    if not _PORT.fullmatch(port):
        raise URLError(f"invalid port {quote(as_text(port))} after host")


def _bracketed(host: bytes) -> bytes:
    """A host in brackets: an IPv6 address, possibly with a zone behind `%25`."""
    closing = host.rfind(b"]")
    if closing < 0:
        raise URLError("missing ']' in host")
    port, name = host[closing + 1 :], host[1:closing]
    _check_port(port)
    zone = name.find(b"%25")
    if zone >= 0:
        plain = _unescaped_host(name[:zone]) + _unescaped_host(name[zone:], True)
    else:
        plain = _unescaped_host(name)
    try:
        address = parse_address(as_text(plain))
    except AddressError as error:
        raise URLError(f"invalid host: {error}") from None
    if address.version == 4:
        raise URLError("invalid IP-literal")
    return b"[" + plain + b"]" + port
