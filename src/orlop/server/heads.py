"""The first lines of answers as bytes.

Used by the connection for every answer. A head is encoded once per (status, content type, headers) and then
copied; the date is encoded once per second, when the listener's sweep says so. RFC 9110, 5 and 6.
"""

from __future__ import annotations

import time

from orlop.api.http import Response

Pairs = tuple[tuple[str, str], ...]

_KEPT = 512
"""Heads remembered; when full they are forgotten together, which only costs encoding them again."""

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")

_PHRASES = {
    100: "Continue", 101: "Switching Protocols", 102: "Processing", 103: "Early Hints", 200: "OK", 201: "Created",
    202: "Accepted", 203: "Non-Authoritative Information", 204: "No Content", 205: "Reset Content",
    206: "Partial Content", 207: "Multi-Status", 208: "Already Reported", 226: "IM Used", 300: "Multiple Choices",
    301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified", 305: "Use Proxy",
    307: "Temporary Redirect", 308: "Permanent Redirect", 400: "Bad Request", 401: "Unauthorized",
    402: "Payment Required", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
    407: "Proxy Authentication Required", 408: "Request Timeout", 409: "Conflict", 410: "Gone",
    411: "Length Required", 412: "Precondition Failed", 413: "Request Entity Too Large",
    414: "Request URI Too Long", 415: "Unsupported Media Type", 416: "Requested Range Not Satisfiable",
    417: "Expectation Failed", 418: "I'm a teapot", 421: "Misdirected Request", 422: "Unprocessable Entity",
    423: "Locked", 424: "Failed Dependency", 425: "Too Early", 426: "Upgrade Required", 428: "Precondition Required",
    429: "Too Many Requests", 431: "Request Header Fields Too Large", 451: "Unavailable For Legal Reasons",
    500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Gateway Timeout", 505: "HTTP Version Not Supported", 506: "Variant Also Negotiates",
    507: "Insufficient Storage", 508: "Loop Detected", 510: "Not Extended", 511: "Network Authentication Required",
}  # fmt: skip
"""Reason phrases as Go's `http.StatusText` has them."""

BODILESS = frozenset({100, 101, 102, 103, 204, 304})
"""Statuses whose answers have neither a body nor a length."""

CLOSING = ("Connection", "close")
"""Of an answer that is the connection's last."""

VARYING = "Audit-Id"
"""The one header that differs in every answer: when it comes first it is left out of the remembered head."""

_UNSAFE = str.maketrans({"\r": " ", "\n": " ", "\0": " "})


def http_date(now: float) -> str:
    at = time.gmtime(now)
    return (f"{_DAYS[at.tm_wday]}, {at.tm_mday:02} {_MONTHS[at.tm_mon - 1]} {at.tm_year:04} "
            f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02} GMT")


def field_lines(headers: Pairs) -> bytes:
    """Header lines; a value cannot end its line."""
    return b"".join(f"{name}: {value.translate(_UNSAFE)}\r\n".encode("utf-8", "surrogateescape")
                    for name, value in headers)


class Heads:
    """Encoded heads of one listener and the date of this second."""

    __slots__ = ("_known", "_second", "date", "end")

    def __init__(self, now: float) -> None:
        self._known: dict[tuple[int, str, Pairs], bytes] = {}
        self._second = -1
        self.date = ""
        self.end = b""
        self.set_time(now)

    def set_time(self, now: float) -> None:
        """Renew `end`, the last lines of every head, when the second changed."""
        if int(now) != self._second:
            self._second = int(now)
            self.date = http_date(now)
            self.end = f"Date: {self.date}\r\n\r\n".encode()

    def start(self, status: int, content_type: str, headers: Pairs) -> bytes:
        """Status line, Content-Type and headers; the lines about length and connection and `end` follow."""
        if headers and headers[0][0] == VARYING:
            line = f"{VARYING}: {headers[0][1].translate(_UNSAFE)}\r\n".encode()
            return self.start(status, content_type, headers[1:]) + line
        key = (status, content_type, headers)
        head = self._known.get(key)
        if head is None:
            if len(self._known) >= _KEPT:
                self._known.clear()
            head = self._known[key] = self._encode(status, content_type, headers)
        return head

    def sized(self, response: Response, size: int) -> bytes:
        """`start` for a whole answer with its length: the one place that writes Content-Length."""
        start = self.start(response.status, response.content_type, response.headers)
        if response.status in BODILESS:
            return start
        return b"%bContent-Length: %d\r\n" % (start, size)

    def _encode(self, status: int, content_type: str, headers: Pairs) -> bytes:
        phrase = _PHRASES.get(status, f"status code {status}")
        lines = (("Content-Type", content_type), *headers) if content_type else headers
        return f"HTTP/1.1 {status} {phrase}\r\n".encode() + field_lines(lines)
