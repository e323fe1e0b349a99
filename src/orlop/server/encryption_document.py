"""The operator's encryption file, from bytes to a tree whose types and names are right.

Called by `encryption_config`; what the values may be is said by `encryption_rules`. YAML or JSON, read strictly: a
typing error in this file must not leave secrets in the clear. Behaviour and texts: apiserver
`pkg/server/options/encryptionconfig/config.go` loadConfig and `pkg/apis/apiserver/v1`; but where upstream's complaint
quotes the file, ours does not, because keys are in it.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Final

from orlop.api.field import quote
from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.codec import document
from orlop.endpoints.decode import Unreadable, read
from orlop.schema.exact import Reader
from orlop.schema.interface import DecodeError
from orlop.schema.types import Type, TypeTable

GROUP: Final = "apiserver.config.k8s.io"

KINDS: Final = (
    GroupVersionKind(GROUP, "v1", "EncryptionConfiguration"),
    GroupVersionKind("", "v1", "EncryptionConfig"),
)
"""The second is what upstream's documentation once said by mistake."""

_OTHERS: Final = ("AdmissionConfiguration", "AuthenticationConfiguration", "AuthorizationConfiguration",
                  "TracingConfiguration")
"""Kinds of the same group that are for other files."""

_NOBODY: Final = GroupVersionKind("", "", "")

_TYPES: Final[list[list[Any]]] = [
    ["s", "string"],
    ["[", "[]string", 0],
    ["S", "v1.EncryptionConfiguration", "",
     [["kind", 0, 0], ["apiVersion", 0, 0], ["resources", 3, 0]]],
    ["[", "[]v1.ResourceConfiguration", 4],
    ["S", "v1.ResourceConfiguration", "", [["resources", 1, 0], ["providers", 5, 0]]],
    ["[", "[]v1.ProviderConfiguration", 6],
    ["S", "v1.ProviderConfiguration", "",
     [["aesgcm", 7, 0], ["aescbc", 7, 0], ["secretbox", 9, 0], ["identity", 13, 0], ["kms", 15, 0]]],
    ["*", 8],
    ["S", "v1.AESConfiguration", "", [["keys", 11, 0]]],
    ["*", 10],
    ["S", "v1.SecretboxConfiguration", "", [["keys", 11, 0]]],
    ["[", "[]v1.Key", 12],
    ["S", "v1.Key", "", [["name", 0, 0], ["secret", 0, 0]]],
    ["*", 14],
    ["S", "v1.IdentityConfiguration", "", []],
    ["*", 16],
    ["S", "v1.KMSConfiguration", "",
     [["apiVersion", 0, 0], ["name", 0, 0], ["cachesize", 17, 0], ["endpoint", 0, 0], ["timeout", 18, 0]]],
    ["*", 19],
    ["*", 0],
    ["i", "int32"],
]
"""The Go types of the file, as `schema.types` writes them: shape, name, and what they are made of."""

_ROOT: Final = 2


class DocumentError(ValueError):
    """The file cannot be decoded. The text is upstream's."""


class WrongKind(ValueError):
    """The file is a good one, for another purpose. The text is upstream's."""


@cache
def _root() -> Type:
    return TypeTable({"release": "", "kinds": {}, "registered": {}, "types": _TYPES})[_ROOT]


def decode(text: bytes) -> Tree:
    """The file as a tree; members that are not there are absent or None. Raises DocumentError and WrongKind."""
    try:
        body = read(text, "json" if text.lstrip().startswith(b"{") else "yaml", _NOBODY)
        if body.kind not in KINDS:
            raise _wrong_kind(body.kind)
        strict = [*body.complaints]
        tree = Reader(strict).read(_root(), document.parse(body.text or b"{}"))
    except (Unreadable, DecodeError) as error:
        raise DocumentError(str(error)) from None
    if strict:
        raise DocumentError(f"strict decoding error: {', '.join(strict)}")
    assert isinstance(tree, dict)  # a document that has a kind is an object
    return tree


def _wrong_kind(kind: GroupVersionKind) -> ValueError:
    if not kind.kind:
        return DocumentError("Object 'Kind' is missing")
    if not kind.version:
        return DocumentError("Object 'apiVersion' is missing")
    if kind.group_version == KINDS[0].group_version and kind.kind in _OTHERS:
        return WrongKind(f"got unexpected config type: {kind.api_version}, Kind={kind.kind}")
    return DocumentError(f"no kind {quote(kind.kind)} is registered for version {quote(kind.api_version)} in scheme "
                         '"pkg/runtime/scheme.go:111"')
