"""What is wrong with an answer, in Go's words.

Used by `kubelet_wire` when an answer's head cannot be read. Texts: ReadResponse in Go's `net/http/response.go`,
`net/http/transfer.go`, `net/textproto/reader.go`.
"""

from __future__ import annotations

import re
from typing import Final

from orlop.api.field import quote

ENDED: Final = "unexpected EOF"
_VERSION: Final = re.compile(r"HTTP/\d\.\d", re.ASCII)
_LENGTH: Final = "content-length"


def complaint(raw: bytes) -> str:
    """About what there is of a head; "" when nothing is wrong with it but that it ends."""
    first, *lines = (_text(line.rstrip(b"\r")) for line in raw.partition(b"\r\n\r\n")[0].split(b"\n"))
    return _status_line(first) or _headers([line for line in lines if line])


def coding(version: str, codings: list[str]) -> str:
    """About Transfer-Encoding; "" for none and for chunked."""
    if not codings or version == "1.0":
        return ""
    if len(codings) > 1:
        return f"too many transfer encodings: [{' '.join(map(quote, codings))}]"
    return "" if codings[0].lower() == "chunked" else f"unsupported transfer encoding: {quote(codings[0])}"


def _status_line(line: str) -> str:
    version, space, status = line.partition(" ")
    if not space:
        return f"malformed HTTP response {quote(line)}"
    code = status.lstrip(" ").partition(" ")[0]
    if len(code) != 3 or not (code.isascii() and code.isdigit()):
        return f"malformed HTTP status code {quote(code)}"
    return "" if _VERSION.fullmatch(version) else f"malformed HTTP version {quote(version)}"


def _headers(lines: list[str]) -> str:
    lengths: list[str] = []
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            return f"malformed MIME header: missing colon: {quote(line)}"
        if name.lower() == _LENGTH:
            lengths.append(value.strip())
    if len(set(lengths)) > 1:
        return f"http: message cannot contain multiple Content-Length headers; got [{' '.join(map(quote, lengths))}]"
    if lengths and not (lengths[0].isascii() and lengths[0].isdigit()):
        return f"bad Content-Length {quote(lengths[0])}"
    return ""


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace")
