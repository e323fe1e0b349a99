"""Ingresses: hosts and paths, and what stands behind them.

Made by `makers`. Behaviour: kubernetes `pkg/registry/networking/ingress`, `pkg/apis/networking/validation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api import names
from orlop.api.context import Context
from orlop.api.field import Path, invalid, not_supported, required
from orlop.api.tree import Tree
from orlop.kinds import ip
from orlop.kinds.checks import SPEC, STATUS, Errors, dns_label, dns_subdomain, port_number, printed, said
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import CountingStrategy, StatusStrategy
from orlop.kinds.rooms import RestOptions, Rooms, stores

CLASS_ANNOTATION: Final = "kubernetes.io/ingress.class"
_PATH_TYPES: Final = ("Exact", "ImplementationSpecific", "Prefix")
_BAD_SEQUENCES: Final = ("//", "/./", "/../", "%2f", "%2F")
_BAD_ENDS: Final = ("/..", "/.")
_NOT_AN_IP: Final = "must be a DNS name, not an IP address"


def typed_reference(path: Path, reference: Tree) -> Errors:
    """A reference to an object of any kind in the same namespace."""
    found: Errors = []
    if reference.get("apiGroup") is not None:
        found += dns_subdomain(path.child("apiGroup"), reference["apiGroup"])
    for member in ("kind", "name"):
        text = reference.get(member) or ""
        if text:
            found += said(path.child(member), text, names.path_segment_name(text))
        else:
            found.append(required(path.child(member)))
    return found


def _host(path: Path, host: str) -> Errors:
    if "*" in host:
        return said(path, host, names.wildcard_dns1123_subdomain(host))
    return said(path, host, names.dns1123_subdomain(host))


def _backend(path: Path, backend: Tree) -> Errors:
    resource, service = backend.get("resource"), backend.get("service")
    if resource is not None and service is not None:
        return [invalid(path, "", "cannot set both resource and service backends")]
    if resource is not None:
        return typed_reference(path.child("resource"), resource)
    if service is None:
        return [invalid(path, "", "resource or service backend is required")]
    name, port = service.get("name") or "", service.get("port") or {}
    place = path.child("service")
    found = dns_label(place.child("name"), name) if name else [required(place.child("name"))]
    port_name, number = port.get("name"), port.get("number")
    if port_name and number:
        found.append(invalid(path, "", "cannot set both port name & port number"))
    elif port_name:
        found += said(place.child("port.name"), port_name, names.port_name(port_name))
    elif number:
        found += port_number(place.child("port.number"), number)
    else:
        found.append(required(path, "port name or number is required"))
    return found


def _path(place: Path, rule: Tree) -> Errors:
    kind = rule.get("pathType")
    if kind is None:
        return [required(place.child("pathType"), "pathType must be specified")]
    text, where = rule.get("path") or "", place.child("path")
    found: Errors = []
    if kind not in _PATH_TYPES:
        found.append(not_supported(place.child("pathType"), kind, _PATH_TYPES))
    elif not text.startswith("/") and (text or kind != "ImplementationSpecific"):
        found.append(invalid(where, text, "must be an absolute path"))
    if kind in ("Exact", "Prefix"):
        found += [invalid(where, text, f"must not contain '{bad}'") for bad in _BAD_SEQUENCES if bad in text]
        found += [invalid(where, text, f"cannot end with '{bad}'") for bad in _BAD_ENDS if text.endswith(bad)]
    return found + _backend(place.child("backend"), rule.get("backend") or {})


def _rule(path: Path, rule: Tree) -> Errors:
    found: Errors = []
    host = rule.get("host")
    if host:
        if ip.parse(host) is not None:
            found.append(invalid(path.child("host"), host, _NOT_AN_IP))
        found += _host(path.child("host"), host)
    http = rule.get("http")
    if http is not None:
        paths = http.get("paths") or ()
        place = path.child("http.paths")
        if not paths:
            found.append(required(place))
        for index, item in enumerate(paths):
            found += _path(place.index(index), item)
    return found


def _tls(path: Path, tls: Tree) -> Errors:
    found: Errors = []
    for index, host in enumerate(tls.get("hosts") or ()):
        found += _host(path.child("hosts").index(index), host)
    secret = tls.get("secretName")
    if secret:
        found += dns_subdomain(path.child("secretName"), secret)
    return found


def ingress_spec(spec: Tree) -> Errors:
    found: Errors = []
    rules, default = spec.get("rules") or [], spec.get("defaultBackend")
    if not rules and default is None:
        found.append(invalid(SPEC, printed(spec.get("rules")), "either `defaultBackend` or `rules` must be specified"))
    if default is not None:
        found += _backend(SPEC.child("defaultBackend"), default)
    for index, rule in enumerate(rules):
        found += _rule(SPEC.child("rules").index(index), rule)
    for index, tls in enumerate(spec.get("tls") or ()):
        found += _tls(SPEC.child("tls").index(index), tls)
    name = spec.get("ingressClassName")
    if name is not None:
        found += dns_subdomain(SPEC.child("ingressClassName"), name)
    return found


class IngressStrategy(CountingStrategy):
    def validate(self, ctx: Context, obj: Tree) -> Errors:
        spec = obj.get("spec") or {}
        found = ingress_spec(spec)
        named, annotated = spec.get("ingressClassName"), _annotation(obj)
        if named is not None and annotated is not None and named != annotated:
            found.append(invalid(Path("annotations").child(CLASS_ANNOTATION), annotated,
                                 "must match `ingressClassName` when both are specified"))
        return found

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return ingress_spec(obj.get("spec") or {})

    def warnings_on_create(self, ctx: Context, obj: Tree) -> Sequence[str]:
        if _annotation(obj) is None or (obj.get("spec") or {}).get("ingressClassName") is not None:
            return ()
        return (f'annotation "{CLASS_ANNOTATION}" is deprecated, please use \'spec.ingressClassName\' instead',)


def _annotation(ingress: Tree) -> str | None:
    value: str | None = (ingress["metadata"].get("annotations") or {}).get(CLASS_ANNOTATION)
    return value


class IngressStatusStrategy(StatusStrategy):
    repeats_metadata_rules = ("change",)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        found: Errors = []
        balancer = (obj.get("status") or {}).get("loadBalancer") or {}
        for index, point in enumerate(balancer.get("ingress") or ()):
            path = STATUS.child("loadBalancer.ingress").index(index)
            if point.get("ip"):
                found += ip.valid(path.child("ip"), point["ip"])
            if point.get("hostname"):
                found += hostname(path.child("hostname"), point["hostname"])
        return found


def hostname(path: Path, text: str) -> Errors:
    found = dns_subdomain(path, text)
    if ip.parse(text) is not None:
        found.append(invalid(path, text, _NOT_AN_IP))
    return found


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    return stores(resource, options, IngressStrategy, IngressStatusStrategy)
