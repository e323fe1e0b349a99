"""What a method, a path and a query ask for: the table of apiserver's own test, and its corners."""

from __future__ import annotations

import pytest

from orlop.api.http import Request
from orlop.api.request_info import UnknownRequest, request_info


def ask(method: str, url: str) -> Request:
    path, _, query = url.partition("?")
    return Request(method, path, query)


@pytest.mark.parametrize(("method", "url", "verb", "group", "namespace", "resource", "subresource", "name"), [
    ("GET", "/api/v1/namespaces", "list", "", "", "namespaces", "", ""),
    ("GET", "/api/v1/namespaces/other", "get", "", "other", "namespaces", "", "other"),
    ("GET", "/api/v1/namespaces/other/pods", "list", "", "other", "pods", "", ""),
    ("GET", "/api/v1/namespaces/other/pods/foo", "get", "", "other", "pods", "", "foo"),
    ("HEAD", "/api/v1/namespaces/other/pods/foo", "get", "", "other", "pods", "", "foo"),
    ("GET", "/api/v1/pods/", "list", "", "", "pods", "", ""),
    ("HEAD", "/api/v1/pods", "list", "", "", "pods", "", ""),
    ("GET", "/api/v1/proxy/namespaces/other/pods/foo", "proxy", "", "other", "pods", "", "foo"),
    ("GET", "/api/v1/proxy/namespaces/other/pods/foo/a/b", "proxy", "", "other", "pods", "", "foo"),
    ("GET", "/api/v1/watch/pods", "watch", "", "", "pods", "", ""),
    ("POST", "/api/v1/watch/namespaces/other/pods", "watch", "", "other", "pods", "", ""),
    ("GET", "/api/v1/watch/namespaces/other/pods/foo", "watch", "", "other", "pods", "", "foo"),
    ("GET", "/api/v1/pods?watch=true", "watch", "", "", "pods", "", ""),
    ("GET", "/api/v1/pods?watch=FALSE", "list", "", "", "pods", "", ""),
    ("GET", "/api/v1/pods?watch", "watch", "", "", "pods", "", ""),
    ("GET", "/api/v1/pods?watch=0&limit=1", "list", "", "", "pods", "", ""),
    ("GET", "/api/v1/pods/foo?watch=1", "get", "", "", "pods", "", "foo"),
    ("GET", "/api/v1/namespaces/other/pods/foo/status", "get", "", "other", "pods", "status", "foo"),
    ("GET", "/api/v1/namespaces/other/pods/foo/proxy/sub/path", "get", "", "other", "pods", "proxy", "foo"),
    ("PUT", "/api/v1/namespaces/other/finalize", "update", "", "other", "namespaces", "finalize", "other"),
    ("PUT", "/api/v1/namespaces/other/status", "update", "", "other", "namespaces", "status", "other"),
    ("PATCH", "/api/v1/nodes/n", "patch", "", "", "nodes", "", "n"),
    ("DELETE", "/api/v1/nodes/n", "delete", "", "", "nodes", "", "n"),
    ("POST", "/api/v1/namespaces/other/pods", "create", "", "other", "pods", "", ""),
    ("DELETE", "/api/v1/nodes", "deletecollection", "", "", "nodes", "", ""),
    ("DELETE", "/apis/apps/v1/namespaces/other/deployments", "deletecollection", "apps", "other",
     "deployments", "", ""),
    ("OPTIONS", "/apis/apps/v1/deployments", "", "apps", "", "deployments", "", ""),
    ("GET", "/apis/batch/v1/jobs/foo/scale", "get", "batch", "", "jobs", "scale", "foo"),
])
def test_resource_requests(method: str, url: str, verb: str, group: str, namespace: str, resource: str,
                           subresource: str, name: str) -> None:
    """Each path is taken apart, and each method becomes its verb, as upstream does it."""
    info = request_info(ask(method, url))
    assert (info.verb, info.group, info.namespace, info.resource, info.subresource, info.name) == (
        verb, group, namespace, resource, subresource, name)
    assert info.is_resource
    assert info.prefix == ("apis" if group else "api")


@pytest.mark.parametrize("url", ["/", "", "/api", "/api/v1", "/api/v1/", "/apis", "/apis/apps",
                                 "/apis/apps/v1/", "/healthz", "/badprefix/v1/pods",
                                 "/openapi/v3/apis/apps/v1"])
def test_other_requests(url: str) -> None:
    """Paths without a resource keep the method, in lower case, as their verb."""
    info = request_info(ask("POST", url))
    assert not info.is_resource
    assert (info.verb, info.path) == ("post", url)


@pytest.mark.parametrize(("query", "verb", "name"), [
    ("fieldSelector=metadata.name%3Dx", "list", "x"),
    ("fieldSelector=metadata.name=x&watch=1", "watch", "x"),
    ("fieldSelector=metadata.name%3D%3Dx", "list", "x"),
    ("fieldSelector=spec.a=b,metadata.name=x", "list", "x"),
    ("fieldSelector=metadata.name!=x", "list", ""),
    ("fieldSelector=spec.nodeName=x", "list", ""),
    ("fieldSelector=metadata.name=x,foo", "list", ""),
    ("fieldSelector=metadata.name=x,foo&watch=1", "watch", ""),
    ("fieldSelector=metadata.name=x,foo&watch=false", "list", ""),
    ("fieldSelector=metadata.name=x&limit=many", "list", ""),
    ("fieldSelector=metadata.name=a%2Fb", "list", ""),
    ("fieldSelector=metadata.name=..", "list", ""),
    ("fieldSelector=metadata.name=foo&fieldSelector=metadata.name=bar", "list", "foo"),
])
def test_name_from_field_selector(query: str, verb: str, name: str) -> None:
    """A read narrowed to one metadata.name carries that name, unless the options are no good."""
    info = request_info(ask("GET", f"/apis/group/version/resource?{query}"))
    assert (info.verb, info.name) == (verb, name)


def test_selector_of_deletecollection_gives_no_name() -> None:
    """Only reads take a name from the selector."""
    info = request_info(ask("DELETE", "/api/v1/pods?fieldSelector=metadata.name=x"))
    assert (info.verb, info.name) == ("deletecollection", "")


def test_parts_begin_at_the_resource() -> None:
    """`parts` are what follows the namespace: resource, name and the rest, uninterpreted."""
    info = request_info(ask("GET", "/api/v1/namespaces/ns/pods/p/proxy/a/b"))
    assert info.parts == ("pods", "p", "proxy", "a", "b")


def test_watch_prefix_without_resource_is_refused() -> None:
    """The old /watch/ prefix with nothing behind it cannot be understood."""
    with pytest.raises(UnknownRequest) as caught:
        request_info(ask("GET", "/api/v1/watch?a=<b"))
    assert str(caught.value) == (
        'Internal Server Error: "/api/v1/watch?a=&lt;b": failed to create RequestInfo: '
        "unable to determine kind and namespace from url, /api/v1/watch?a=&lt;b")
