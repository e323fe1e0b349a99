"""Which representation an Accept header leads to, and which Content-Types are read."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.api.errors import APIError
from orlop.codec import negotiation as n

META = "g=meta.k8s.io;v=v1"


@pytest.mark.parametrize(("accept", "expected"), [
    ("", n.Representation()),
    ("*/*", n.Representation()),
    ("application/*", n.Representation()),
    ("application/yaml", n.Representation("yaml")),
    ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", n.Representation()),
    ("application/yaml;q=0.5, application/json;q=0.4", n.Representation("yaml")),
    ("application/vnd.kubernetes.protobuf,application/json", n.Representation("protobuf")),
    ("application/json,application/vnd.kubernetes.protobuf", n.Representation()),
    (f"application/json;as=Table;{META}", n.Representation("json", "Table", "v1")),
    (f"application/json;as=Table;{META},application/json", n.Representation("json", "Table", "v1")),
    ("application/json;as=Table;g=meta.k8s.io;v=v1beta1", n.Representation("json", "Table", "v1beta1")),
    (f"application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;{META}",
     n.Representation("protobuf", "PartialObjectMetadata", "v1")),
    (f"application/vnd.kubernetes.protobuf;as=Table;{META},application/json;as=Table;{META}",
     n.Representation("json", "Table", "v1")),
    ("application/json;as=Nonsense;g=meta.k8s.io;v=v1,application/json", n.Representation()),
    ("application/json;pretty=1", n.Representation(pretty=True)),
    ("application/yaml;stream=watch,application/json;stream=watch", n.Representation()),
])
def test_the_first_clause_that_can_be_served_wins(accept: str, expected: n.Representation) -> None:
    """Clauses in order of quality, media in the server's order, transforms only where they can be made."""
    assert n.negotiate(accept) == expected


@pytest.mark.parametrize("accept", [
    "text/html", "application/cbor", f"application/json;as=Nonsense;{META}", "application/json;as=Table;v=v1",
    f"application/vnd.kubernetes.protobuf;as=Table;{META}", "application/json;stream=other",
])
def test_nothing_that_fits_is_406(accept: str) -> None:
    """The message lists what can be had; an error of that request is JSON all the same, indented."""
    with pytest.raises(APIError) as caught:
        n.negotiate(accept)
    assert caught.value.code == 406
    assert caught.value.message == ("only the following media types are accepted: application/json, "
                                    "application/yaml, application/vnd.kubernetes.protobuf")
    assert n.negotiate_error(accept) is n.RAW and n.RAW.media == "json"


def test_endpoints_without_tables_skip_their_clauses() -> None:
    """An endpoint that cannot transform falls through to the plain clause; a custom resource to JSON."""
    header = f"application/json;as=Table;{META},application/yaml"
    assert n.negotiate(header, transforms=frozenset()).media == "yaml"
    accept = "application/vnd.kubernetes.protobuf,application/json"
    assert n.negotiate(accept, plain=frozenset({"json", "yaml"})).media == "json"


def test_a_watch_cannot_be_yaml() -> None:
    """The streams on offer are listed instead."""
    with pytest.raises(APIError) as caught:
        n.negotiate("application/yaml", streaming=True)
    assert caught.value.message == ("only the following media types are accepted: application/json;stream=watch, "
                                    "application/vnd.kubernetes.protobuf;stream=watch")
    assert n.negotiate("application/vnd.kubernetes.protobuf;stream=watch", streaming=True).media == "protobuf"


def test_a_route_looks_at_the_header_first() -> None:
    """Partial wildcards do not pass the route, full ones and named types do."""
    for accept in ("", "*/*", "text/html, application/json;q=0.1", "text/html, */*;q=0.8"):
        n.check_produces(accept)
    with pytest.raises(APIError) as caught:
        n.check_produces("application/*", n.ALL_TYPES)
    assert caught.value.status() == {
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "reason": "NotAcceptable",
        "message": "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, "
                   "application/vnd.kubernetes.protobuf, application/json;stream=watch, "
                   "application/vnd.kubernetes.protobuf;stream=watch",
        "details": {}, "code": 406}


def test_a_patch_route_takes_its_own_types() -> None:
    """Parameters do not matter, other types are 415."""
    n.check_consumes("application/merge-patch+json; charset=utf-8", ("application/merge-patch+json",))
    for content_type in ("", "application/json", "text/plain"):
        with pytest.raises(APIError) as caught:
            n.check_consumes(content_type, ("application/merge-patch+json",))
        assert (caught.value.code, caught.value.message) == (415, "415: Unsupported Media Type")


@pytest.mark.parametrize(("content_type", "media"), [
    ("", "json"), ("application/json", "json"), ("APPLICATION/JSON", "json"),
    ("application/json; charset=utf-8", "json"),
    ('application/yaml;a="b;c"', "yaml"), ("application/vnd.kubernetes.protobuf", "protobuf"),
])
def test_content_types_that_are_read(content_type: str, media: Any) -> None:
    """Case and well-formed parameters do not matter."""
    assert n.input_media(content_type) == media


@pytest.mark.parametrize("content_type", [
    "text/plain", "garbage", "application/json; charset", "application/merge-patch+json",
])
def test_other_content_types_are_415(content_type: str) -> None:
    """The message lists what is read."""
    with pytest.raises(APIError) as caught:
        n.input_media(content_type)
    assert caught.value.code == 415
    assert caught.value.message == (
        "the body of the request was in an unknown format - accepted media types include: application/json, "
        "application/yaml, application/vnd.kubernetes.protobuf")


def test_people_get_indented_json() -> None:
    """The query parameter decides; without it curl and browsers get it."""
    assert n.wants_pretty("1", "") and n.wants_pretty("true", "kubectl/v1.36")
    assert not n.wants_pretty("false", "curl/8") and not n.wants_pretty("bogus", "curl/8")
    assert n.wants_pretty("", "curl/8.5.0") and not n.wants_pretty("", "kubectl/v1.36")
