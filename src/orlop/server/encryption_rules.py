"""What may stand in the operator's encryption file: names of resources, providers, keys.

Called by `encryption_config` with the tree that `encryption_document` made; rules between entries of the file are in
`encryption_plan`, as upstream has them. Behaviour and texts: apiserver
`pkg/apis/apiserver/validation/validation_encryption.go`; but no key is ever shown. What is said of a kms provider
is not looked at: the plan refuses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from orlop.api import base64
from orlop.api.field import FieldError, Path, invalid, required
from orlop.api.gotext import json_value
from orlop.api.gvk import GroupResource
from orlop.api.tree import Tree
from orlop.storage.encryption_aes import KEY_SIZES

ANY: Final = "*"
PROVIDERS: Final = (("kms", "KMS"), ("aesgcm", "AESGCM"), ("aescbc", "AESCBC"), ("secretbox", "Secretbox"),
                    ("identity", "Identity"))
"""The providers in the order in which upstream looks for them, and their names in its texts."""

_SHOWN: Final = ("AESGCM", "AESCBC", "Secretbox", "Identity", "KMS")
_SECRETBOX_SIZES: Final = (32,)
_NOT_SERVED: Final = frozenset({"apiserveripinfo", "serviceipallocations", "servicenodeportallocations"})

_NONE_FOUND: Final = ("provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, Secretbox, "
                      "Identity")
_MORE_THAN_ONE: Final = ("more than one provider specified in a single element, should split into different list "
                         "elements")
_OVERLAP: Final = ("using overlapping resources such as 'secrets' and '*.' in the same resource list is not allowed as "
                   "they will be masked")
_STAR: Final = "use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources"
_EVENTS: Final = ("'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in "
                  "the config file")
_EXTENSIONS: Final = "'extensions' group has been removed and cannot be used for encryption"


def parse_resource(text: str) -> GroupResource:
    """`resource` or `resource.group`."""
    resource, _, group = text.partition(".")
    return GroupResource(group, resource)


def check(config: Tree) -> list[FieldError]:
    root = Path("resources")
    entries = config.get("resources") or []
    if not entries:
        return [required(root, f"at least one {root} is required")]
    return [error for i, entry in enumerate(entries) for error in _check_entry(entry or {}, root.index(i))]


def _check_entry(entry: Tree, path: Path) -> Iterator[FieldError]:
    names = [name or "" for name in entry.get("resources") or []]
    providers = entry.get("providers") or []
    resources_path, providers_path = path.child("resources"), path.child("providers")
    if not names:
        yield required(resources_path, f"at least one {resources_path} is required")
    yield from _check_overlap(names, resources_path)
    for i, name in enumerate(names):
        if complaint := _wrong_name(name):
            yield invalid(resources_path.index(i), name, complaint)
    if not providers:
        yield required(providers_path, f"at least one {providers_path} is required")
    for i, provider in enumerate(providers):
        yield from _check_provider(provider or {}, providers_path.index(i))


def _check_overlap(names: Sequence[str], path: Path) -> Iterator[FieldError]:
    resources = [parse_resource(name) for name in names]
    if len(set(resources)) < len(resources):
        yield invalid(path, json_value(names), "the same resource cannot be specified multiple times")
    if _overlap(resources):
        yield invalid(path, json_value(names), _OVERLAP)


def _overlap(resources: Sequence[GroupResource]) -> bool:
    """Whether a wildcard stands beside what it includes. Upstream notices the first pair of equal names as equal, and
    their second meeting as an overlap."""
    duplicate = False
    for i, one in enumerate(resources):
        for j, other in enumerate(resources):
            if i == j:
                continue
            if one == other and not duplicate:
                duplicate = True
            elif one == GroupResource(ANY, ANY) or (one.group == other.group and ANY in (one.resource, other.resource)):
                return True
    return False


def _wrong_name(name: str) -> str:
    resource = parse_resource(name)
    if name.lower() != name:
        return "resource name should not contain capital letters"
    if name == ANY:
        return _STAR
    if name in _NOT_SERVED:
        return "resources which do not have REST API/s cannot be encrypted"
    if resource.group == "events.k8s.io":
        return _EVENTS
    if resource.group == "extensions":
        return _EXTENSIONS
    if resource.group == ANY and resource.resource != ANY:
        return "encrypting the same resource across groups is not supported"
    return ""


def _check_provider(provider: Tree, path: Path) -> Iterator[FieldError]:
    found = [name for name, _ in PROVIDERS if provider.get(name) is not None]
    if len(found) != 1:
        yield invalid(path, json_value(_shown(provider)), _MORE_THAN_ONE if found else _NONE_FOUND)
    kind = found[0] if found else ""
    if kind in ("", "identity", "kms"):
        return
    sizes = _SECRETBOX_SIZES if kind == "secretbox" else KEY_SIZES
    yield from _check_keys(provider[kind].get("keys") or [], path.child(kind, "keys"), sizes)


def _check_keys(keys: Sequence[Any], path: Path, sizes: Sequence[int]) -> Iterator[FieldError]:
    if not keys:
        yield required(path, "at least one keys is required")
    for i, key in enumerate(keys):
        yield from _check_key(key or {}, path.index(i), sizes)


def _check_key(key: Tree, path: Path, sizes: Sequence[int]) -> Iterator[FieldError]:
    secret_path = path.child("secret")
    if not key.get("name"):
        yield required(path.child("name"), "name is a mandatory field for a key")
    if not key.get("secret"):
        yield required(secret_path, "secret is a mandatory field for a key")
        return
    try:
        size = len(base64.decode(key["secret"]))
    except base64.CorruptInput:
        yield invalid(secret_path, "REDACTED", "secrets must be base64 encoded")
        return
    if size not in sizes:
        expected = f"[{' '.join(map(str, sizes))}]"
        yield invalid(secret_path, "REDACTED",
                      f"secret is not of the expected length, got {size}, expected one of {expected}")


def _shown(provider: Tree) -> Tree:
    """The provider as upstream's text shows it, but for the secrets."""
    shown: Tree = dict.fromkeys(_SHOWN)
    for name, go_name in PROVIDERS:
        content = provider.get(name)
        if content is None:
            continue
        if name == "kms":
            shown[go_name] = _shown_kms(content)
        else:
            shown[go_name] = {} if name == "identity" else {"Keys": _shown_keys(content.get("keys"))}
    return shown


def _shown_keys(keys: Sequence[Any] | None) -> list[Tree] | None:
    if keys is None:
        return None
    return [{"Name": (key or {}).get("name") or "", "Secret": "REDACTED"} for key in keys]


def _shown_kms(kms: Tree) -> Tree:
    version = kms.get("apiVersion") or "v1"
    size = kms.get("cachesize")
    return {
        "APIVersion": version,
        "Name": kms.get("name") or "",
        "CacheSize": 1000 if size is None and version == "v1" else size,
        "Endpoint": kms.get("endpoint") or "",
        "Timeout": kms.get("timeout") or "3s",
    }
