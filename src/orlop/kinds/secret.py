"""Secrets: types with required keys, stringData that becomes data, and the immutable ones.

Made by `makers`. Behaviour: kubernetes `pkg/registry/core/secret`, `pkg/apis/core/validation` ValidateSecret,
`pkg/apis/core/v1/conversion.go` (stringData), `pkg/api/secret/warnings.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from orlop.api import base64, go_json, names
from orlop.api.context import Context
from orlop.api.field import Path, invalid, required, too_long
from orlop.api.tree import Tree
from orlop.codec import json
from orlop.kinds import key_pair
from orlop.kinds.checks import Errors, said, unchanged
from orlop.kinds.config_map import MAX_SIZE, decoded_length, sealed
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import MainStrategy
from orlop.kinds.rooms import RestOptions, Rooms, stores

ACCOUNT_NAME: Final = "kubernetes.io/service-account.name"
TLS: Final = "kubernetes.io/tls"
_DATA: Final = Path("data")
_TYPE: Final = Path("type")
_REDACTED: Final = "<secret contents redacted>"

Data = Mapping[str, str]


def _account_token(secret: Tree, data: Data) -> Errors:
    if (secret["metadata"].get("annotations") or {}).get(ACCOUNT_NAME):
        return []
    return [required(Path("metadata.annotations").key(ACCOUNT_NAME))]


def _json_under(key: str) -> Callable[[Tree, Data], Errors]:
    def check(secret: Tree, data: Data) -> Errors:
        if key not in data:
            return [required(_DATA.key(key))]
        problem = _json_problem(base64.decode(data[key]))
        return [invalid(_DATA.key(key), _REDACTED, problem)] if problem else []

    return check


def _json_problem(text: bytes) -> str:
    """Why a text is no JSON object, in Go's words."""
    if problem := go_json.syntax_error(text):
        return problem
    value = json.decode(text)
    if value is None or isinstance(value, dict):
        return ""
    kind = {bool: "bool", str: "string", list: "array"}.get(type(value), "number")
    return f"json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"


def _basic_auth(secret: Tree, data: Data) -> Errors:
    if "username" in data or "password" in data:
        return []
    return [required(_DATA.key("username")), required(_DATA.key("password"))]


def _ssh_auth(secret: Tree, data: Data) -> Errors:
    return [] if data.get("ssh-privatekey") else [required(_DATA.key("ssh-privatekey"))]


def _tls(secret: Tree, data: Data) -> Errors:
    return [required(_DATA.key(key)) for key in (key_pair.CERTIFICATE, key_pair.KEY) if key not in data]


_BY_TYPE: Final[Mapping[str, Callable[[Tree, Data], Errors]]] = {
    "kubernetes.io/service-account-token": _account_token,
    "kubernetes.io/dockercfg": _json_under(".dockercfg"),
    "kubernetes.io/dockerconfigjson": _json_under(".dockerconfigjson"),
    "kubernetes.io/basic-auth": _basic_auth,
    "kubernetes.io/ssh-auth": _ssh_auth,
    TLS: _tls,
}


def take_string_data(secret: Tree) -> None:
    """stringData is write-only: its members go into data, and win."""
    texts = secret.pop("stringData", None)
    if not texts:
        return
    data = secret.get("data")
    data = secret["data"] = dict(data) if data else {}
    for key, text in texts.items():
        data[key] = base64.encode(text.encode())


class SecretStrategy(MainStrategy):
    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        if not obj.get("type"):
            obj["type"] = old.get("type") or ""

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        found: Errors = []
        data: Data = obj.get("data") or {}
        size = 0
        for key, value in data.items():
            if complaints := names.config_map_key(key):
                found += said(_DATA.key(key), key, complaints)
            size += decoded_length(value)
        if size > MAX_SIZE:
            found.append(too_long(_DATA, MAX_SIZE))
        check = _BY_TYPE.get(obj.get("type") or "")
        return found + check(obj, data) if check is not None else found

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        found = unchanged(_TYPE, obj.get("type") or "", old.get("type") or "")
        return found + sealed(obj, old, ("data",)) + self.validate(ctx, obj)

    def warnings_on_create(self, ctx: Context, obj: Tree) -> Sequence[str]:
        return key_pair.warnings(obj.get("data") or {}) if obj.get("type") == TLS else ()

    def warnings_on_update(self, ctx: Context, obj: Tree, old: Tree) -> Sequence[str]:
        return self.warnings_on_create(ctx, obj)


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, SecretStrategy)
