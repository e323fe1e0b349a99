"""Links in HTML, rewritten.

Used by `kubelet_relay`. Start tags are written anew, as the tokenizer upstream has writes them; all else stays byte for
byte, but that a page's last tag is lost when it is not closed. Behaviour: apimachinery `pkg/util/proxy/transport.go`
(which attributes of which tags), golang.org/x/net/html `token.go`, `escape.go`.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Mapping
from html.entities import html5
from typing import Final

LONGEST_PAGE: Final = 16 << 20
"""A longer page is not passed on."""
ENCODINGS: Final = frozenset({"", "gzip", "deflate"})
_LINKS: Final[Mapping[str, tuple[str, ...]]] = {
    "a": ("href",), "applet": ("codebase",), "area": ("href",), "audio": ("src",), "base": ("href",),
    "blockquote": ("cite",), "body": ("background",), "button": ("formaction",), "command": ("icon",),
    "del": ("cite",), "embed": ("src",), "form": ("action",), "frame": ("longdesc", "src"), "head": ("profile",),
    "html": ("manifest",), "iframe": ("longdesc", "src"), "img": ("longdesc", "src", "usemap"),
    "input": ("src", "usemap", "formaction"), "ins": ("cite",), "link": ("href",),
    "object": ("classid", "codebase", "data", "usemap"), "q": ("cite",), "script": ("src",), "source": ("src",),
    "video": ("poster", "src"),
}
_RAW: Final = frozenset({"iframe", "noembed", "noframes", "noscript", "plaintext", "script", "style", "title",
                         "textarea", "xmp"})
"""Elements whose content is text up to their end tag."""
_TAG: Final = re.compile(rb"<([a-zA-Z][^ \n\r\t\f/>]*)")
_END_TAG: Final = re.compile(rb"</[a-zA-Z][^ \n\r\t\f/>]*")
_KEY: Final = re.compile(rb"=?[^= \n\r\t\f/>]*")
_BARE: Final = re.compile(rb"[^> \n\r\t\f]*")
_WHITE: Final = re.compile(rb"[ \n\r\t\f]*")
_OTHER: Final = re.compile(rb"<!--.*?(?:--!?>|\Z)|<[!?][^>]*>?|</>|</[^a-zA-Z][^>]*>?", re.DOTALL)
_SHORT_COMMENT: Final = re.compile(rb"<!---?>")
_REFERENCE: Final = re.compile(r"&(?:#([xX]?)([0-9a-fA-F]+);?|([0-9A-Za-z]+;?))")
_NEWLINE: Final = re.compile("\r\n?")
_ESCAPES: Final = {ord("&"): "&amp;", ord("'"): "&#39;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&#34;",
                   ord("\r"): "&#13;"}


class PageError(Exception):
    """The page is not in the encoding it says; the text is Go's."""


def rewrite(page: bytes, encoding: str, link: Callable[[str], str]) -> bytes:
    """Raises PageError."""
    if encoding == "gzip":
        packer = zlib.compressobj(zlib.Z_DEFAULT_COMPRESSION, zlib.DEFLATED, 31)
        return packer.compress(_rewrite(_unzipped(page), link)) + packer.flush()
    if encoding == "deflate":
        packer = zlib.compressobj(zlib.Z_BEST_COMPRESSION, zlib.DEFLATED, -zlib.MAX_WBITS)
        return packer.compress(_rewrite(_inflated(page, -zlib.MAX_WBITS), link)) + packer.flush()
    return _rewrite(page, link)


def _unzipped(page: bytes) -> bytes:
    if len(page) < 10:
        raise PageError(f"errorf making gzip reader: {'unexpected EOF' if page else 'EOF'}")
    if not page.startswith(b"\x1f\x8b\x08"):
        raise PageError("errorf making gzip reader: gzip: invalid header")
    return _inflated(page, 31)


def _inflated(page: bytes, bits: int) -> bytes:
    unpacker = zlib.decompressobj(bits)
    try:
        text = unpacker.decompress(page, LONGEST_PAGE)
    except zlib.error as error:
        raise PageError("gzip: invalid checksum" if "check" in str(error) else f"flate: {error}") from None
    if unpacker.unconsumed_tail:
        raise PageError("the page is too long")
    if not unpacker.eof:
        raise PageError("unexpected EOF")
    return text


def _rewrite(page: bytes, link: Callable[[str], str]) -> bytes:
    out: list[bytes] = []
    at = 0
    while (start := page.find(b"<", at)) >= 0:
        out.append(page[at:start])
        try:
            at = _next(page, start, link, out)
        except _Unclosed:
            return b"".join(out)
    out.append(page[at:])
    return b"".join(out)


def _next(page: bytes, start: int, link: Callable[[str], str], out: list[bytes]) -> int:
    """Write what begins with "<" at `start`; where it ends. Raises _Unclosed."""
    tag = _TAG.match(page, start)
    if tag is None:
        at = _skip(page, start)
        out.append(page[start:at])
        return at
    name = tag[1].decode("utf-8", "surrogateescape").lower()
    attributes = _Attributes(page, tag.end())
    out.append(_tag(name, attributes, link))
    if name not in _RAW:
        return attributes.end
    stop = _raw_end(page, attributes.end, name)
    out.append(page[attributes.end:stop])
    return stop


def _skip(page: bytes, start: int) -> int:
    """Where goes on what begins with "<" but is no start tag."""
    end_tag = _END_TAG.match(page, start)
    if end_tag is not None:
        return _Attributes(page, end_tag.end()).end
    other = _SHORT_COMMENT.match(page, start) or _OTHER.match(page, start)
    return other.end() if other is not None else start + 1


def _raw_end(page: bytes, at: int, name: str) -> int:
    if name == "plaintext":
        return len(page)
    end = re.compile(rb"</" + name.encode() + rb"[ \n\r\t\f/>]", re.IGNORECASE).search(page, at)
    return end.start() if end else len(page)


class _Unclosed(Exception):
    """The page ends within a tag."""


class _Attributes:
    """Of the tag whose name ends at `at`. `end` is where the tag does; `closing` whether it ends with a slash that is
    no part of a value. Raises _Unclosed."""

    def __init__(self, page: bytes, at: int) -> None:
        self._page = page
        self.found: list[tuple[str, bytes]] = []
        last = -1
        while self._byte(at := self._past_white(at)) != b">":
            key = _KEY.match(page, at)
            assert key is not None
            name = key[0].decode("utf-8", "surrogateescape").lower()
            start, stop, at = self._value(key.end())
            if name:
                self.found.append((name, page[start:stop]))
                last = stop
        self.end = at + 1
        self.closing = page[at - 1:at] == b"/" and last != at

    def _value(self, at: int) -> tuple[int, int, int]:
        """Where it starts and stops, and where to go on."""
        after = self._past_white(at)
        sign = self._byte(after)
        if sign != b"=":
            return at, at, after + (sign == b"/")
        at = self._past_white(after + 1)
        mark = self._byte(at)
        if mark in (b"'", b'"'):
            stop = self._page.find(mark, at + 1)
            if stop < 0:
                raise _Unclosed
            return at + 1, stop, stop + 1
        bare = _BARE.match(self._page, at)
        assert bare is not None
        return at, bare.end(), bare.end()

    def _past_white(self, at: int) -> int:
        white = _WHITE.match(self._page, at)
        assert white is not None
        return white.end()

    def _byte(self, at: int) -> bytes:
        if at >= len(self._page):
            raise _Unclosed
        return self._page[at:at + 1]


def _tag(name: str, attributes: _Attributes, link: Callable[[str], str]) -> bytes:
    links = _LINKS.get(name, ())
    parts = [name]
    for key, raw in attributes.found:
        value = _unescaped(_NEWLINE.sub("\n", raw.decode("utf-8", "surrogateescape")))
        if key in links:
            value = link(value)
        parts.append(f'{key}="{value.translate(_ESCAPES)}"')
    return f"<{' '.join(parts)}{'/' if attributes.closing else ''}>".encode("utf-8", "surrogateescape")


def _unescaped(text: str) -> str:
    """An attribute's value with its character references replaced."""
    return _REFERENCE.sub(_character, text) if "&" in text else text


def _character(found: re.Match[str]) -> str:
    if found[2] is not None:
        return _numbered(found)
    name = found[3]
    if not name.endswith(";") and found.string[found.end():found.end() + 1] == "=":
        return found[0]
    return html5.get(name, found[0])


def _numbered(found: re.Match[str]) -> str:
    digits = found[2]
    if found[1]:
        number, rest = int(digits, 16), ""
    else:
        decimal = re.match("[0-9]*", digits)
        assert decimal is not None
        if not decimal[0]:
            return found[0]
        number = int(decimal[0][:10])
        rest = found[0][3 - 1 + decimal.end():] if decimal.end() < len(digits) else ""
    if 0x80 <= number <= 0x9F:
        return bytes((number,)).decode("cp1252", "replace") + rest
    if number == 0 or 0xD800 <= number <= 0xDFFF or number > 0x10FFFF:
        return "\ufffd" + rest
    return chr(number) + rest
