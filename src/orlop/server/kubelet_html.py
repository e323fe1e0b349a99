"""Links in HTML, rewritten.

Used by `kubelet_relay`. Only tags with links are touched; all else stays byte for byte. Behaviour: apimachinery
`pkg/util/proxy/transport.go` (which attributes of which tags), golang.org/x/net/html (how a tag is written).
"""

from __future__ import annotations

import gzip
import html
import re
import zlib
from collections.abc import Callable, Mapping
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
_TAG: Final = re.compile(rb"<([a-zA-Z][^\s/>]*)((?:[^>\"']|\"[^\"]*\"|'[^']*')*)>")
_ATTRIBUTE: Final = re.compile(rb"[\s/]*([^\s/>=][^\s/>=]*)(?:\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s>]+)))?")
_COMMENT: Final = re.compile(rb"<!--.*?-->|<[!?/][^>]*>", re.DOTALL)
_ESCAPES: Final = {ord("&"): "&amp;", ord("'"): "&#39;", ord("<"): "&lt;", ord(">"): "&gt;", ord('"'): "&#34;",
                   ord("\r"): "&#13;"}


class PageError(Exception):
    """The page is not in the encoding it says."""


def rewrite(page: bytes, encoding: str, link: Callable[[str], str]) -> bytes:
    """Raises PageError."""
    try:
        if encoding == "gzip":
            return gzip.compress(_rewrite(_inflate(page, 31), link))
        if encoding == "deflate":
            packer = zlib.compressobj(zlib.Z_BEST_COMPRESSION, zlib.DEFLATED, -zlib.MAX_WBITS)
            return packer.compress(_rewrite(_inflate(page, -zlib.MAX_WBITS), link)) + packer.flush()
    except zlib.error as error:
        raise PageError(error) from None
    return _rewrite(page, link)


def _inflate(page: bytes, bits: int) -> bytes:
    unpacker = zlib.decompressobj(bits)
    text = unpacker.decompress(page, LONGEST_PAGE)
    if unpacker.unconsumed_tail:
        raise PageError("the page is too long")
    return text


def _rewrite(page: bytes, link: Callable[[str], str]) -> bytes:
    out: list[bytes] = []
    at = 0
    while (start := page.find(b"<", at)) >= 0:
        out.append(page[at:start])
        other = _COMMENT.match(page, start)
        tag = None if other else _TAG.match(page, start)
        found = other or tag
        if found is None:
            out.append(b"<")
            at = start + 1
            continue
        at = found.end()
        if tag is None:
            out.append(page[start:at])
            continue
        name = tag[1].decode(errors="replace").lower()
        attributes = _LINKS.get(name)
        out.append(_tag(name, tag[2], attributes, link) if attributes else page[start:at])
        if name in _RAW:
            end = re.compile(rb"</" + re.escape(name.encode()) + rb"[\s/>]", re.IGNORECASE).search(page, at)
            stop = end.start() if end else len(page)
            out.append(page[at:stop])
            at = stop
    out.append(page[at:])
    return b"".join(out)


def _tag(name: str, rest: bytes, links: tuple[str, ...], link: Callable[[str], str]) -> bytes:
    closing = rest.endswith(b"/")
    parts = [name]
    for found in _ATTRIBUTE.finditer(rest.removesuffix(b"/") if closing else rest):
        key = found[1].decode(errors="replace").lower()
        raw = next((value for value in found.groups()[1:] if value is not None), b"")
        value = html.unescape(raw.decode(errors="replace"))
        if key in links:
            value = link(value)
        parts.append(f'{key}="{value.translate(_ESCAPES)}"')
    return f"<{' '.join(parts)}{'/' if closing else ''}>".encode()
