"""The request target and the header block, from bytes to what a Request holds.

Used by the parser and by the in-process transport, so that both see a request alike. The forms of a target
are those of RFC 9112, 3.2; escapes are judged as Go's `net/url` does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import unquote_to_bytes

from orlop.server.refusal import malformed

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ABSOLUTE = re.compile(rb"[A-Za-z][A-Za-z0-9+.\-]*://([^/?]*)")
_HOST = re.compile(r"[0-9A-Za-z!$%&'()*+,\-.:;=\[\]_~]*")
"""The characters Go's `httpguts.ValidHostHeader` lets pass."""

_NAMES_KEPT = 512
"""Header names remembered in lower case; a name beyond is worked out each time."""
_names: dict[bytes, str] = {}


def split(target: bytes) -> tuple[str, str, str]:
    """(decoded path, path as sent, query as sent). An absolute form loses its scheme and host."""
    if not target.startswith(b"/"):
        absolute = _ABSOLUTE.match(target)
        if absolute is not None:
            target = target[absolute.end():]
            if not target.startswith(b"/"):
                target = b"/" + target
        elif target != b"*":
            raise malformed()
    raw, _, query = target.partition(b"?")
    if b"%" not in raw:
        text = raw.decode("utf-8", "replace")
        return text, text, query.decode("utf-8", "replace")
    if _BAD_ESCAPE.search(raw):
        raise malformed()
    path = unquote_to_bytes(raw).decode("utf-8", "replace")
    return path, raw.decode("utf-8", "replace"), query.decode("utf-8", "replace")


def lower(name: bytes) -> str:
    """A header name in lower case, as one shared string."""
    known = _names.get(name)
    if known is None:
        known = name.decode("latin-1").lower()
        if len(_names) < _NAMES_KEPT:
            _names[name] = known
    return known


def fold(fields: Iterable[tuple[bytes, bytes]]) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """Headers by lower-case name with repeated ones joined, and the list that keeps them apart."""
    headers: dict[str, str] = {}
    listed: list[tuple[str, str]] = []
    for name, value in fields:
        key = _names.get(name) or lower(name)
        text = value.decode("utf-8", "replace")
        if text[-1:] in " \t":
            text = text.rstrip(" \t")
        listed.append((key, text))
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers, listed


def check_host(headers: dict[str, str], required: bool) -> None:
    """One Host, well formed; HTTP/1.1 cannot do without. (Two of them are joined by a space, which is no
    host.)"""
    host = headers.get("host")
    if host is None:
        if required:
            raise malformed("missing required Host header")
    elif _HOST.fullmatch(host) is None:
        raise malformed("malformed Host header")
