"""What a body is whose sender did not say.

Used by `kubelet_relay` for answers without Content-Type, as Go's server names all of its answers. Pure. Behaviour: Go's
`net/http/sniff.go`; https://mimesniff.spec.whatwg.org.
"""

from __future__ import annotations

import re
from typing import Final

MOST: Final = 512
"""Bytes that are looked at."""
_WHITE: Final = b"\t\n\x0c\r "
_HTML: Final = re.compile(
    rb"<(?:!DOCTYPE HTML|HTML|HEAD|SCRIPT|IFRAME|H1|DIV|FONT|TABLE|A|STYLE|TITLE|B|BODY|BR|P|!--)[ >]", re.IGNORECASE)
_STARTS: Final = (
    (b"%PDF-", "application/pdf"), (b"%!PS-Adobe-", "application/postscript"),
    (b"\xfe\xff..", "text/plain; charset=utf-16be"), (b"\xff\xfe..", "text/plain; charset=utf-16le"),
    (b"\xef\xbb\xbf.", "text/plain; charset=utf-8"), (b"\0\0\x01\0", "image/x-icon"), (b"\0\0\x02\0", "image/x-icon"),
    (b"BM", "image/bmp"), (b"GIF87a", "image/gif"), (b"GIF89a", "image/gif"), (b"RIFF....WEBPVP", "image/webp"),
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"FORM....AIFF", "audio/aiff"),
    (b"ID3", "audio/mpeg"), (b"OggS\0", "application/ogg"), (b"MThd\0\0\0\x06", "audio/midi"),
    (b"RIFF....AVI ", "video/avi"), (b"RIFF....WAVE", "audio/wave"),
)
"""A dot stands for any byte."""
_LATER_STARTS: Final = (
    (b"\x1a\x45\xdf\xa3", "video/webm"), (b"." * 34 + b"LP", "application/vnd.ms-fontobject"),
    (b"\0\x01\0\0", "font/ttf"), (b"OTTO", "font/otf"), (b"ttcf", "font/collection"), (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"), (b"\x1f\x8b\x08", "application/x-gzip"), (b"PK\x03\x04", "application/zip"),
    (b"Rar!\x1a\x07\0", "application/x-rar-compressed"), (b"Rar!\x1a\x07\x01\0", "application/x-rar-compressed"),
    (b"\0asm", "application/wasm"),
)
_BINARY: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")


def _compiled(starts: tuple[tuple[bytes, str], ...]) -> tuple[tuple[re.Pattern[bytes], str], ...]:
    return tuple((re.compile(re.escape(start).replace(rb"\.", b"."), re.DOTALL), kind) for start, kind in starts)


_FIRST: Final = _compiled(_STARTS)
_LATER: Final = _compiled(_LATER_STARTS)


def content_type(data: bytes) -> str:
    """The type of a body that begins with `data`, which is not empty."""
    data = data[:MOST]
    text = data.lstrip(_WHITE)
    if _HTML.match(text):
        return "text/html; charset=utf-8"
    if text.startswith(b"<?xml"):
        return "text/xml; charset=utf-8"
    found = _started(data, _FIRST) or _mp4(data) or _started(data, _LATER)
    if found:
        return found
    return "application/octet-stream" if _BINARY.search(text) else "text/plain; charset=utf-8"


def _started(data: bytes, starts: tuple[tuple[re.Pattern[bytes], str], ...]) -> str:
    return next((kind for start, kind in starts if start.match(data)), "")


def _mp4(data: bytes) -> str:
    size = int.from_bytes(data[:4], "big")
    if len(data) < max(12, size) or size % 4 or data[4:8] != b"ftyp":
        return ""
    brands = (data[at:at + 3] for at in range(8, size, 4) if at != 12)
    return "video/mp4" if b"mp4" in brands else ""
