"""Where a webhook is: a URL, or a service of the cluster.

Used by the rules of webhook configurations and of definitions that are converted by one. Behaviour:
apiserver `pkg/util/webhook/validation.go`.
"""

from __future__ import annotations

from typing import Final

from orlop.api import names
from orlop.api.field import Path, invalid, required
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, said
from orlop.kinds.go_url import URLError, parse

_FORM: Final = "; desired format: https://host[/path]"


def client_config(path: Path, config: Tree) -> Errors:
    """Exactly one of both. (The names that a service lacks are reported at each other's place, as upstream does.)"""
    url, service = config.get("url"), config.get("service")
    if (url is None) == (service is None):
        return [required(path, "exactly one of url or service is required")]
    if url is not None:
        return webhook_url(path.child("url"), url)
    assert service is not None
    return webhook_service(path.child("service"), service.get("name") or "", service.get("namespace") or "", service)


def webhook_url(path: Path, text: str) -> Errors:
    try:
        url = parse(text)
    except URLError as error:
        return [required(path, f"url must be a valid URL: {error}{_FORM}")]
    found: Errors = []
    if url.scheme != "https":
        found.append(invalid(path, url.scheme, f"'https' is the only allowed URL scheme{_FORM}"))
    if not url.host:
        found.append(invalid(path, url.host, f"host must be specified{_FORM}"))
    if url.user is not None:
        found.append(invalid(path, url.user, "user information is not permitted in the URL"))
    if url.fragment:
        found.append(invalid(path, url.fragment, "fragments are not permitted in the URL"))
    if url.query:
        found.append(invalid(path, url.query, "query parameters are not permitted in the URL"))
    return found


def webhook_service(path: Path, namespace: str, name: str, service: Tree) -> Errors:
    found: Errors = []
    if not name:
        found.append(required(path.child("name")))
    if not namespace:
        found.append(required(path.child("namespace")))
    port = service.get("port") or 0
    if complaints := names.port_number(port):
        found.append(invalid(path.child("port"), port, f"port is not valid: {', '.join(complaints)}"))
    return found + _path(path.child("path"), service.get("path") or "")


def _path(path: Path, text: str) -> Errors:
    if text in ("", "/"):
        return []
    if text == "//":
        return [invalid(path, text, "segment[0] may not be empty")]
    found: Errors = [] if text.startswith("/") else [invalid(path, text, "must start with a '/'")]
    for position, step in enumerate(text[1:].removesuffix("/").split("/")):
        complaints = names.dns1123_subdomain(step) if step else None
        if complaints is None:
            found.append(invalid(path, text, f"segment[{position}] may not be empty"))
        else:
            found += said(path, text, [f"segment[{position}]: {one}" for one in complaints])
    return found
