"""Requests out of the bytes of one connection.

Fed by the connection, hands it one whole Request at a time; leaves answering, waiting and time to it.
llhttp (through httptools) judges the syntax of RFC 9112; this module cuts the bytes so that it never runs
past the end of a message (a later one stays unparsed until the earlier is answered), enforces the size
limits, and refuses what llhttp lets pass but what can be read in two ways.

    between ──bytes──▶ head ──end of headers──▶ body (a known length, or chunks) ──▶ complete ──take──▶
    between
                         └────────── no body ──────────────────────────────────────────▲

A body that is to be passed on as it comes (`streamed`) is not gathered: who reads `taken`s it piece by piece.

Most clients repeat their headers word for word, so a header block without body and without surprises is
remembered: when it comes again only the request line is read, by `repeated`.
"""

from __future__ import annotations

import re

from httptools import (
    HttpParserError,
    HttpParserInvalidMethodError,
    HttpParserUpgrade,
    HttpRequestParser,
)

from orlop.api.http import Headers, Request
from orlop.server import refusal, target
from orlop.server.incoming import passed_on
from orlop.server.limits import Limits

BETWEEN, HEAD, BODY = range(3)

_END = b"\r\n\r\n"
_LINE = re.compile(rb"(GET|HEAD|DELETE|POST|PUT|PATCH|OPTIONS) (/[!-~]*) HTTP/1\.1")
_METHODS = {name.encode(): name for name in ("GET", "HEAD", "DELETE", "POST", "PUT", "PATCH", "OPTIONS")}
_UNREPEATABLE = ("content-length", "transfer-encoding", "upgrade", "connection", "expect")
_FRAMING_SLACK = 64 << 10


class _Sink:
    """What llhttp calls for one message; kept apart from the parser so that only this holds the cycle."""

    __slots__ = (
        "body", "complete", "fields", "headed", "http", "keep_alive", "method", "received",
        "target", "upgrade", "version",
    )  # fmt: skip

    def __init__(self) -> None:
        self.http: HttpRequestParser = HttpRequestParser(self)
        self.version = ""
        self.method = b""
        self.keep_alive = self.upgrade = False
        self.clear()

    def clear(self) -> None:
        self.target = b""
        self.fields: list[tuple[bytes, bytes]] = []
        self.body: list[bytes] = []
        self.received = 0
        self.headed = self.complete = False

    def on_url(self, part: bytes) -> None:
        self.target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))

    def on_headers_complete(self) -> None:
        http = self.http
        self.headed = True
        self.version = http.get_http_version()
        self.method = http.get_method()
        self.keep_alive = http.should_keep_alive()
        self.upgrade = http.should_upgrade()

    def on_body(self, part: bytes) -> None:
        self.body.append(part)
        self.received += len(part)

    def on_message_complete(self) -> None:
        self.complete = True


class Parser:
    """One connection's reader. After `feed`: `complete` says that `take` has a request; `expects` that the
    client waits for 100 Continue; `phase` where it stands. `keep_alive`, `minor` and `upgrade` are those of
    the request last begun."""

    __slots__ = (
        "_block", "_block_headers", "_block_listed", "_certificate", "_chunked", "_fields", "_limits", "_peer",
        "_raw", "_remaining", "_request", "_sink", "_tail", "complete", "expects", "keep_alive",
        "minor", "phase", "streamed", "upgrade",
    )  # fmt: skip

    def __init__(self, limits: Limits, peer: str, certificate: bytes | None) -> None:
        self._limits, self._peer, self._certificate = limits, peer, certificate
        self._sink: _Sink | None = None
        self._request: Request | None = None
        self._block = b""
        self._block_headers: Headers = {}
        self._block_listed: list[tuple[str, str]] = []
        self._tail = b""
        self._raw = 0
        self._remaining = 0
        self._fields = 0
        self._chunked = False
        self.phase = BETWEEN
        self.complete = self.expects = self.streamed = self.upgrade = False
        self.keep_alive = True
        self.minor = 1

    def close(self) -> None:
        """Let go of llhttp, which holds a cycle."""
        if self._sink is not None:
            del self._sink.http
            self._sink = None

    @property
    def received(self) -> int:
        """Bytes of the body received so far."""
        return self._sink.received if self._sink is not None else 0

    def repeated(self, data: bytes) -> Request | None:
        """The request in `data`, if that is a whole one whose header block is the one remembered."""
        block = self._block
        if not block or self.phase != BETWEEN or not data.endswith(block):
            return None
        match = _LINE.fullmatch(data, 0, len(data) - len(block))
        if match is None:
            return None
        method, raw = match.groups()
        if len(raw) > self._limits.target:
            return None
        path, raw_path, query = target.split(raw)
        self.keep_alive, self.minor, self.upgrade = True, 1, False
        return Request(_METHODS[method], path, query, self._block_headers.copy(), raw_path=raw_path,
                       header_list=self._block_listed.copy(), peer=self._peer,
                       peer_certificate=self._certificate)

    def feed(self, data: bytes, start: int) -> int:
        """Read `data` from `start` up to the end of one message at most; returns where to go on."""
        sink = self._sink
        if sink is None:
            sink = self._sink = _Sink()
        if self._remaining:
            end = min(len(data), start + self._remaining)
            self._remaining -= end - start
        else:
            end = self._slice_end(data, start)
            self._raw += end - start
        first = self.phase == BETWEEN
        part = data if start == 0 and end == len(data) else data[start:end]
        self._execute(sink, part)
        if self.phase == BODY:
            self._check_body(sink)
        else:
            self._check_head(sink)
            self.phase = HEAD
            if sink.headed:
                self._begin(sink, part if first else b"")
        self.complete = sink.complete
        return end

    def take(self) -> Request:
        """The request that is complete; the next may be fed."""
        request, sink = self._request, self._sink
        assert request is not None and sink is not None
        body = sink.body
        if body:
            request.body = body[0] if len(body) == 1 else b"".join(body)
        if self.upgrade:
            self.close()
        else:
            sink.clear()
        self._request, self._tail, self._raw, self._remaining = None, b"", 0, 0
        self.phase, self.complete, self.expects = BETWEEN, False, False
        return request

    def begun(self) -> tuple[Request, int | None]:
        """The request of which the body is `streamed`, and how much of that is still to come where that is known."""
        assert self._request is not None
        return self._request, None if self._chunked else self._remaining

    def taken(self) -> list[bytes]:
        """What has come of a streamed body since the last time."""
        sink = self._sink
        assert sink is not None
        parts = sink.body
        if parts:
            sink.body, sink.received, self._raw = [], 0, 0
        return parts

    def finish(self) -> list[tuple[str, str]]:
        """The trailers of a streamed body that is complete; the next request may be fed."""
        assert self._sink is not None
        trailers = target.fold(self._sink.fields[self._fields:])[1]
        self.keep_alive, self.streamed = self._sink.keep_alive, False
        self.take()
        return trailers

    def _slice_end(self, data: bytes, start: int) -> int:
        """Just after the next empty line, which may have begun in bytes fed before; else the end of the
        data."""
        tail = self._tail
        if tail:
            seam = (tail + data[start:start + 3]).find(_END)
            if seam >= 0:
                self._tail = b""
                return start + seam + 4 - len(tail)
        found = data.find(_END, start)
        if found >= 0:
            self._tail = b""
            return found + 4
        self._tail = (tail + data[max(start, len(data) - 3):])[-3:]
        return len(data)

    def _execute(self, sink: _Sink, part: bytes) -> None:
        try:
            sink.http.feed_data(part)
        except HttpParserUpgrade:
            pass  # the part ends where the head ends: nothing of what follows was read
        except HttpParserInvalidMethodError:
            token = part.partition(b" ")[0]
            raise (refusal.unknown_method() if token.isalpha() else refusal.malformed()) from None
        except HttpParserError:
            raise refusal.malformed() from None

    def _check_head(self, sink: _Sink) -> None:
        limits = self._limits
        if len(sink.target) > limits.target:
            raise refusal.target_too_long()
        if self._raw > limits.head or len(sink.fields) > limits.fields:
            raise refusal.head_too_large()

    def _check_body(self, sink: _Sink) -> None:
        limits = self._limits
        if sink.received > limits.body and not self.streamed:
            raise refusal.body_too_large(limits.body)
        if len(sink.fields) > limits.fields:
            raise refusal.head_too_large()
        if self._chunked and self._raw > limits.chunk_overhead * sink.received + _FRAMING_SLACK:
            raise refusal.malformed()

    def _begin(self, sink: _Sink, whole: bytes) -> None:
        """The headers are complete: judge them, and know what follows. `whole` is the head when it came at
        once."""
        if sink.version not in ("1.1", "1.0"):
            raise refusal.malformed() if sink.version == "0.9" else refusal.unknown_version()
        method = _METHODS.get(sink.method) or sink.method.decode("latin-1")
        if method == "CONNECT":
            raise refusal.unknown_method()
        headers, listed = target.fold(sink.fields)
        self.minor = 1 if sink.version == "1.1" else 0
        target.check_host(headers, self.minor == 1)
        path, raw_path, query = target.split(sink.target)
        self.keep_alive, self.upgrade = sink.keep_alive, sink.upgrade
        self._request = Request(method, path, query, headers, raw_path=raw_path, header_list=listed,
                                peer=self._peer, peer_certificate=self._certificate)
        self._expect_body(sink, headers, path)
        if whole.endswith(_END) and self.minor == 1 and not any(name in headers for name in _UNREPEATABLE):
            self._remember(whole, headers, listed)

    def _expect_body(self, sink: _Sink, headers: Headers, path: str) -> None:
        coding = headers.get("transfer-encoding")
        self._chunked = coding is not None
        length = 0
        if coding is not None:
            if self.minor == 0:
                raise refusal.malformed()
            if coding.lower() != "chunked":
                raise refusal.unknown_coding()
        else:
            length = int(headers.get("content-length", "0"))
        if length or self._chunked:
            self.streamed = not self.upgrade and passed_on(path)
            self._fields = len(sink.fields)
        if length > self._limits.body and not self.streamed:
            raise refusal.body_too_large(self._limits.body)
        expectation = headers.get("expect")
        if expectation is not None and self.minor == 1:
            if expectation.lower() != "100-continue":
                raise refusal.unknown_expectation()
            self.expects = self._chunked or length > 0
        if self._chunked or length:
            self.phase, self._remaining, self._raw = BODY, length, 0
            if self.upgrade:
                framing = b"transfer-encoding: chunked" if self._chunked else b"content-length: %d" % length
                self._restart(sink, framing)

    def _restart(self, sink: _Sink, framing: bytes) -> None:
        """An upgrade with a body: llhttp takes the message as ended with its head, so a fresh one reads the
        body."""
        sink.http = HttpRequestParser(sink)
        self._execute(sink, b"POST / HTTP/1.1\r\n" + framing + _END)
        sink.complete = False

    def _remember(self, head: bytes, headers: Headers, listed: list[tuple[str, str]]) -> None:
        """Keep the block after the request line. Only ever one: a copy of it proves that it is well
        formed."""
        line = head.find(b"\r\n")
        if line > 0:
            self._block = head[line:]
            self._block_headers, self._block_listed = headers.copy(), listed.copy()
