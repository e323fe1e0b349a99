"""Where a webhook is called: an address, or a service of the cluster.

Called by `conversion_rules`. Behaviour: apiserver `pkg/util/webhook/validation.go`; what is a URL, and what is wrong
with one that is none, follows Go's `net/url`.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple
from urllib.parse import quote as percent_encoded
from urllib.parse import unquote

from orlop.api import names
from orlop.api.field import Path, invalid, quote, required
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors

_FORM: Final = "; desired format: https://host[/path]"
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_USER: Final = re.compile(r"[A-Za-z0-9\-._:~!$&'()*+,;=%@]*")
_HOST_CHAR: Final = re.compile(r"[^A-Za-z0-9\-._~!$&'()*+,;=:\[\]<>\"%\x80-\U0010ffff]")
_PORT: Final = re.compile(r"(?::[0-9]*)?")


class _BadURL(ValueError):
    """What Go says of a text that is no URL; `shown` is the part of it that Go shows."""

    shown = ""


class _URL(NamedTuple):
    scheme: str
    user: str | None
    host: str
    query: str
    fragment: str = ""


def url(path: Path, text: str) -> Errors:
    """An address that must be https."""
    try:
        parsed = _parse(text)
    except _BadURL as error:
        return [required(path, f"url must be a valid URL: parse {quote(error.shown)}: {error}{_FORM}")]
    found: Errors = []
    if parsed.scheme != "https":
        found.append(invalid(path, parsed.scheme, f"'https' is the only allowed URL scheme{_FORM}"))
    if not parsed.host:
        found.append(invalid(path, "", f"host must be specified{_FORM}"))
    if parsed.user is not None:
        found.append(invalid(path, parsed.user, "user information is not permitted in the URL"))
    if parsed.fragment:
        found.append(invalid(path, parsed.fragment, "fragments are not permitted in the URL"))
    if parsed.query:
        found.append(invalid(path, parsed.query, "query parameters are not permitted in the URL"))
    return found


def _parse(text: str) -> _URL:
    """Go parses what stands before the fragment first, and shows only that where it fails."""
    before, _, fragment = text.partition("#")
    try:
        parsed = _without_fragment(before)
    except _BadURL as error:
        error.shown = before
        raise
    try:
        _check_escapes(fragment)
    except _BadURL as error:
        error.shown = text
        raise
    return parsed._replace(fragment=fragment)


def _without_fragment(before: str) -> _URL:
    if _CONTROL.search(before):
        raise _BadURL("net/url: invalid control character in URL")
    scheme, rest = _scheme(before)
    rest, _, query = rest.partition("?")
    user: str | None = None
    host = ""
    if rest.startswith("//") and not (not scheme and rest.startswith("///")):
        authority, slash, tail = rest[2:].partition("/")
        rest = slash + tail
        user, host = _authority(authority)
    elif not scheme and ":" in rest.partition("/")[0]:
        raise _BadURL("first path segment in URL cannot contain colon")
    elif scheme and not rest.startswith("/"):
        return _URL(scheme, None, "", query)  # opaque, as mailto:
    _check_escapes(rest)
    return _URL(scheme, user, host, query)


def _scheme(text: str) -> tuple[str, str]:
    found = _SCHEME.match(text)
    if found is not None:
        return found.group()[:-1].lower(), text[found.end():]
    if text.startswith(":"):
        raise _BadURL("missing protocol scheme")
    return "", text


def _authority(text: str) -> tuple[str | None, str]:
    user, at, host = text.rpartition("@")
    _check_host(host)
    if not at:
        return None, host
    if not _USER.fullmatch(user):
        raise _BadURL("net/url: invalid userinfo")
    _check_escapes(user)
    return ":".join(_escaped(unquote(part)) for part in user.split(":", 1)), host


def _escaped(text: str) -> str:
    """A part of the user as Go prints it."""
    return percent_encoded(text, safe="$&+,;=~")


def _check_host(host: str) -> None:
    if host.startswith("["):
        end = host.rfind("]")
        if end < 0:
            raise _BadURL("missing ']' in host")
        port = host[end + 1:]
    else:
        port = host[host.find(":"):] if ":" in host else ""
    if not _PORT.fullmatch(port):
        raise _BadURL(f"invalid port {quote(port)} after host")
    strange = _HOST_CHAR.search(host)
    if strange is not None:
        raise _BadURL(f"invalid character {quote(strange.group())} in host name")
    _check_escapes(host, host=True)


def _check_escapes(text: str, host: bool = False) -> None:
    bad = _ESCAPE.search(text)
    if bad is None and host and "%" in text and not text.startswith("["):
        place = text.index("%")
        escape = text[place:place + 3]
        if int(escape[1:], 16) < 0x80 and escape != "%25":
            raise _BadURL(f"invalid URL escape {quote(escape)}")
    if bad is not None:
        raise _BadURL(f"invalid URL escape {quote(bad.group())}")


def service(path: Path, reference: Tree) -> Errors:
    found = [required(path.child(name)) for name in ("name", "namespace") if not reference.get(name)]
    port, place = reference.get("port") or 0, reference.get("path")
    complaints = names.port_number(port)
    if complaints:
        found.append(invalid(path.child("port"), port, f"port is not valid: {', '.join(complaints)}"))
    return found + (_service_path(path.child("path"), place) if place not in (None, "", "/") else [])


def _service_path(path: Path, text: str) -> Errors:
    if text == "//":
        return [invalid(path, text, "segment[0] may not be empty")]
    found: Errors = [] if text.startswith("/") else [invalid(path, text, "must start with a '/'")]
    for index, step in enumerate(text[1:].removesuffix("/").split("/")):
        if not step:
            found.append(invalid(path, text, f"segment[{index}] may not be empty"))
        else:
            found += [invalid(path, text, f"segment[{index}]: {why}") for why in names.dns1123_subdomain(step)]
    return found
