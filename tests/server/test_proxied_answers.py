"""What the proxies say of answers in Go's place: their type, their links, what is wrong with them."""

from __future__ import annotations

import gzip

import pytest

from orlop.api.errors import APIError
from orlop.api.http import Request
from orlop.kinds.kubelet import Location
from orlop.server import kubelet_complaint, kubelet_html, sniffing
from orlop.server.kubelet_links import Links

BEFORE = "/api/v1/namespaces/default/pods/p/proxy"


@pytest.mark.parametrize(("body", "kind"), [
    (b"hello", "text/plain; charset=utf-8"), (b"\x00\x01", "application/octet-stream"),
    (b" <!doctype html><p>", "text/html; charset=utf-8"), (b"<htmlx>", "text/plain; charset=utf-8"),
    (b"\n<?xml version", "text/xml; charset=utf-8"), (b"%PDF-1.7", "application/pdf"),
    (b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xef\xbb\xbfx", "text/plain; charset=utf-8"),
    (b"RIFFabcdWEBPVP8", "image/webp"), (b"\x1f\x8b\x08\x00", "application/x-gzip"), (b"PK\x03\x04", "application/zip"),
    (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", "video/mp4"),
    (b"\x00\x00\x00\x18ftypmp42", "application/octet-stream"), (b'{"a": 1}', "text/plain; charset=utf-8"),
])
def test_types_of_bodies(body: bytes, kind: str) -> None:
    """As Go's http.DetectContentType tells them."""
    assert sniffing.content_type(body) == kind


@pytest.mark.parametrize(("head", "text"), [
    (b"nonsense\r\n\r\n", 'malformed HTTP response "nonsense"'),
    (b"HTTP/1.1 2000 OK\r\n\r\n", 'malformed HTTP status code "2000"'),
    (b"HTTP/one 200 OK\r\n\r\n", 'malformed HTTP version "HTTP/one"'),
    (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", 'malformed MIME header: missing colon: "no colon"'),
    (b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", 'bad Content-Length "x"'),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
     'http: message cannot contain multiple Content-Length headers; got ["1" "2"]'),
    (b"HTTP/1.1 200 OK\r\nA: b\r\n\r\n", ""),
])
def test_heads_that_cannot_be_read(head: bytes, text: str) -> None:
    """In the words of Go's http.ReadResponse."""
    assert kubelet_complaint.complaint(head) == text


def links() -> Links:
    request = Request("GET", f"{BEFORE}/page", "", {"host": "outside:1"}, b"")
    return Links(Location("http", "10.1.2.3", "80", "/page", ""), request)


@pytest.mark.parametrize(("given", "expected"), [
    ("/x/", f"{BEFORE}/x/"), ("http://10.1.2.3:80/y?z#w", f"{BEFORE}/y?z#w"), ("http://elsewhere/y", "http://elsewhere/y"),
    ("y", "y"), (f"{BEFORE}/z", f"{BEFORE}/z"), ("/a/../b//c", f"{BEFORE}/b/c"), ("", ""),
    ("http://outside:1/q", f"http://outside:1{BEFORE}/q"),
])
def test_links(given: str, expected: str) -> None:
    """Those to the other side lead through the proxy; relative ones and those to elsewhere stay."""
    assert links().location(given) == expected


def test_links_that_are_none() -> None:
    """A Location that is no URL fails the request; in a page it stays."""
    with pytest.raises(APIError, match="error trying to parse Location header"):
        links().location("http://[::1")
    assert links().page("http://[::1") == "http://[::1"


@pytest.mark.parametrize(("page", "text"), [
    (b"", "errorf making gzip reader: EOF"), (b"abc", "errorf making gzip reader: unexpected EOF"),
    (b"0123456789ab", "errorf making gzip reader: gzip: invalid header"),
    (gzip.compress(b"<a href=/x>")[:-4], "unexpected EOF"),
])
def test_pages_that_are_not_what_they_say(page: bytes, text: str) -> None:
    """The error is Go's."""
    with pytest.raises(kubelet_html.PageError, match=f"^{text}$"):
        kubelet_html.rewrite(page, "gzip", str)
