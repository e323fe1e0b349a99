"""Continue tokens: where the next page of a list begins, and at which revision.

Called by stores: `position` for the request, `encode` for the answer. A token is unpadded base64url of
{"v":"meta.k8s.io/v1","rv":REVISION,"start":KEY}, KEY below the list's root; REVISION -1 continues at the
newest state because the page's own is gone. Behaviour and texts: apiserver `pkg/storage/continue.go`,
`ValidateListOptions` in `pkg/storage/interfaces.go`, Go's `encoding/base64` and `encoding/json`.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

from orlop.api import errors, resource_version
from orlop.api.go_json import syntax_error
from orlop.api.gotext import MAX_INT64, MIN_INT64, NumberError, json_text, parse_int64
from orlop.api.options import ListOptions

VERSION = "meta.k8s.io/v1"
_INVALID = "continue key is not valid"
_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_SURROGATES = re.compile("[\ud800-\udfff]")


class TokenError(ValueError):
    """A token that this server did not make, or that was tampered with."""


class Token(NamedTuple):
    """`start` is a full key, the first one wanted; `revision` -1 means the newest."""

    start: str
    revision: int


class Position(NamedTuple):
    """Where and when a list begins. `start` is a full key or "". With `exact` the state at `revision` is
    wanted, else one not older than that (0: the newest, or any for resourceVersion "0")."""

    start: str
    revision: int
    exact: bool


def encode(key: str, root: str, revision: int) -> str:
    """A token to continue at `key` (inclusive; append a NUL to the last key shown). `key` begins with
    `root`."""
    if not key.startswith(root) or not root:
        raise ValueError("unable to encode next field: the key and key prefix do not match")
    text = json_text({"v": VERSION, "rv": revision, "start": key[len(root):]})
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode(token: str, root: str) -> Token:
    """The place a client's token means. Raises APIError 400."""
    try:
        return read(token, root)
    except TokenError as error:
        raise errors.bad_request(f"invalid continue token: {error}") from None


def position(options: ListOptions, root: str) -> Position:
    """What `options` ask of the storage. Raises APIError 400."""
    version = options.resource_version
    if options.continue_:
        token = decode(options.continue_, root)
        if version and version != "0":
            raise errors.bad_request("specifying resource version is not allowed when using continue")
        return Position(token.start, max(token.revision, 0), token.revision > 0)
    revision = resource_version.parse_list(version)
    match = options.resource_version_match
    # A limited list at some revision has always meant exactly that revision.
    exact = revision > 0 and (match == "Exact" or (not match and options.limit > 0))
    return Position("", revision, exact)


def read(token: str, root: str) -> Token:
    """As `decode`; raises TokenError."""
    data = _debase(token)
    version, revision, start = _members(data)
    if version != VERSION:
        raise TokenError(f"{_INVALID}: server does not recognize this encoded version {version}")
    if revision == 0:
        raise TokenError(f"{_INVALID}: incorrect encoded start resourceVersion (version {VERSION})")
    if not start:
        raise TokenError(f"{_INVALID}: encoded start key empty (version {VERSION})")
    key = start.removeprefix("/")
    # The key must stay below the root: no empty, "." or ".." segments.
    if key and not {"", ".", ".."}.isdisjoint(key.split("/")):
        raise TokenError(f"{_INVALID}: {start}")
    return Token(root + key, revision)


def _members(data: bytes) -> tuple[str, int, str]:
    """(v, rv, start) of the JSON inside a token."""
    try:
        found = orjson.loads(data)
    except orjson.JSONDecodeError:
        found = None
    if isinstance(found, dict) and found.keys() == {"v", "rv", "start"}:
        version, revision, start = found["v"], found["rv"], found["start"]
        if type(version) is str and type(start) is str and type(revision) is int \
                and MIN_INT64 <= revision <= MAX_INT64:
            return version, revision, start
    return _unusual_members(data)


class _Number(str):
    """A JSON number as written."""


class _Pairs(list[tuple[str, Any]]):
    """A JSON object's members in order, repeats included."""


def _unusual_members(data: bytes) -> tuple[str, int, str]:
    """What Go's decoder makes of JSON that is not as `encode` writes it."""
    if complaint := syntax_error(data):
        raise TokenError(f"{_INVALID}: {complaint}")
    try:
        found = json.loads(data.decode(errors="replace"), parse_int=_Number, parse_float=_Number,
                           object_pairs_hook=_Pairs)
    except RecursionError:
        raise TokenError(f"{_INVALID}: exceeded max depth") from None
    if found is None:
        found = _Pairs()
    if not isinstance(found, _Pairs):
        raise TokenError(f"{_INVALID}: json: cannot unmarshal {_kind(found)} into Go value of type "
                         "storage.continueToken")
    return _fill(found)


def _fill(pairs: Sequence[tuple[str, Any]]) -> tuple[str, int, str]:
    values: dict[str, Any] = {"v": "", "rv": 0, "start": ""}
    wrong = ""
    for name, value in pairs:
        member = name.lower()
        if member not in values or value is None:
            continue
        wanted = "int64" if member == "rv" else "string"
        shown = _kind(value)
        if wanted == "string" and shown == "string":
            values[member] = _SURROGATES.sub("\ufffd", value)
            continue
        if wanted == "int64" and shown == "number":
            try:
                values[member] = parse_int64(value)
                continue
            except NumberError:
                shown = f"number {value}"
        place = f"Go struct field continueToken.{member} of type {wanted}"
        wrong = wrong or f"json: cannot unmarshal {shown} into {place}"
    if wrong:
        raise TokenError(f"{_INVALID}: {wrong}")
    return values["v"], values["rv"], values["start"]


def _kind(value: Any) -> str:
    """Go's word for a JSON value."""
    if isinstance(value, _Number):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, bool):
        return "bool"
    return "object" if isinstance(value, _Pairs) else "array"


def _debase(token: str) -> bytes:
    """Unpadded base64url; line ends are skipped. Complains as Go does, with the offset of the offending
    byte."""
    data = token.encode(errors="replace")
    plain = data.translate(None, b"\r\n")
    if not plain.translate(None, _ALPHABET) and len(plain) % 4 != 1:
        return base64.urlsafe_b64decode(plain + b"=" * (-len(plain) % 4))
    taken = 0
    for offset, byte in enumerate(data):
        if byte in b"\r\n":
            continue
        if byte not in _ALPHABET:
            raise TokenError(f"{_INVALID}: illegal base64 data at input byte {offset}")
        taken += 1
    # One letter too many: Go names the place one before the end.
    raise TokenError(f"{_INVALID}: illegal base64 data at input byte {len(data) - 1}")
