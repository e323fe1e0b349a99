"""From a checked encryption file to the plan that storage follows: which resource, which place, which keys.

Called by `encryption_config`; the plan goes to `storage.encryption`. Places are the catalog's: `services/specs` for
services, `events` for the events of both groups; custom resources are at `group/plural`, also those defined later.
What is no resource (allocation ranges, leases of servers) is never encrypted, as upstream does not.
Behaviour and texts: apiserver `pkg/server/options/encryptionconfig/config.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, Final, TypeAlias

from orlop.api import base64
from orlop.api.gvk import GroupResource
from orlop.api.tree import Tree
from orlop.kinds.catalog import RESOURCES
from orlop.server.encryption_rules import ANY, parse_resource
from orlop.storage.encryption import IDENTITY, Cipher, Plan, Provider, Providers
from orlop.storage.encryption_aes import CBC, GCM
from orlop.storage.transformer import Transformer

_AES: Final[Mapping[str, tuple[bytes, Callable[[bytes], Cipher]]]] = {
    "aesgcm": (b"k8s:enc:aesgcm:v1:", GCM),
    "aescbc": (b"k8s:enc:aescbc:v1:", CBC),
}
_LACKING: Final = {
    "kms": "orlop does not speak to KMS plugins, use aesgcm or aescbc",
    "secretbox": "orlop does not have XSalsa20, use aesgcm or aescbc (what is stored with secretbox must be written "
                 "with one of these, by kube-apiserver, before orlop can read it)",
}
_EVERYTHING: Final = GroupResource(ANY, ANY)

_Rules: TypeAlias = dict[GroupResource, list[Provider | None]]


class PlanError(ValueError):
    """A rule that could never take effect, in upstream's words; or a provider that orlop does not have."""


def build(config: Tree) -> Plan:
    """Raises PlanError. `config` has passed `encryption_rules.check`."""
    rules: _Rules = {}
    for entry in config["resources"]:
        providers = [_provider(each) for each in entry["providers"]]
        for name in entry["resources"]:
            resource = parse_resource(name or "")
            _check_masked(resource, rules)
            rules.setdefault(resource, []).extend(providers)
    transformers = {resource: Providers(providers) for resource, providers in rules.items()}
    return _plan(lambda resource: _chosen(transformers, resource))


def plain() -> Plan:
    """The plan of a server without encryption: it refuses to take for objects what another one has encrypted."""
    return _plan(lambda resource: IDENTITY)


def _plan(choose: Callable[[GroupResource], Transformer]) -> Plan:
    places = _places()
    shared = {place.partition("/")[0] for place in places if "/" in place}

    def at(place: str) -> Transformer:
        resource = places.get(place) or _custom(place)
        return IDENTITY if resource is None else choose(resource)

    return Plan(at, shared)


def _provider(provider: Tree) -> Provider | None:
    for kind, (label, cipher) in _AES.items():
        if provider.get(kind) is not None:
            return Provider(label, [_key(key, cipher) for key in provider[kind]["keys"]])
    for kind, why in _LACKING.items():
        if provider.get(kind) is not None:
            raise PlanError(f"provider {kind} is not supported: {why}")
    return None


def _key(key: Mapping[str, Any], cipher: Callable[[bytes], Cipher]) -> tuple[str, Cipher]:
    return key["name"], cipher(base64.decode(key["secret"]))


def _check_masked(resource: GroupResource, rules: _Rules) -> None:
    for wildcard in (GroupResource(resource.group, ANY), _EVERYTHING):
        if wildcard in rules:
            raise PlanError(f'resource "{_written(resource)}" is masked by earlier rule "{_written(wildcard)}"')


def _written(resource: GroupResource) -> str:
    return "*." if resource == GroupResource("", ANY) else str(resource)


def _chosen(transformers: Mapping[GroupResource, Transformer], resource: GroupResource) -> Transformer:
    for rule in (resource, GroupResource(resource.group, ANY), _EVERYTHING):
        if rule in transformers:
            return transformers[rule]
    return IDENTITY


@cache
def _places() -> Mapping[str, GroupResource]:
    """Place in storage to resource. Where two groups keep their objects in one place, the core group owns it."""
    stored = [each for each in RESOURCES if each.stored]
    return {each.prefix: each.group_resource for each in sorted(stored, key=lambda each: each.group, reverse=True)}


def _custom(place: str) -> GroupResource | None:
    """The custom resource whose objects are there: their groups have a dot, which nothing else has."""
    group, _, plural = place.partition("/")
    return GroupResource(group, plural) if "." in group and plural else None
