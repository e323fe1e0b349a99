"""CertificateSigningRequests: who asked is the server's to say; approval and signing have rooms of their own.

Made by `makers`; who may approve or sign is admission's business. Behaviour: kubernetes
`pkg/registry/certificates/certificates`, `pkg/apis/certificates/validation`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from orlop.api import base64, names, times
from orlop.api.context import Context
from orlop.api.field import duplicate, forbidden, invalid, not_supported, required, too_long
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, STATUS, Errors, printed
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import Form, MainStrategy, StatusStrategy, carry
from orlop.kinds.rooms import RestOptions, Rooms, form, store
from orlop.world.clock import Clock

MIN_SECONDS: Final = 600
MAX_DOMAIN: Final = 253
MAX_SIGNER: Final = 571
_APPROVED, _DENIED, _FAILED = "Approved", "Denied", "Failed"
_CONDITIONS: Final = STATUS.child("conditions")
_CERTIFICATE: Final = STATUS.child("certificate")
_SIGNER: Final = SPEC.child("signerName")
_SIGNER_FORM: Final = "must be a fully qualified domain and path of the form 'example.com/signer-name'"
_USAGES: Final = (
    "any", "cert sign", "client auth", "code signing", "content commitment", "crl sign", "data encipherment",
    "decipher only", "digital signature", "email protection", "encipher only", "ipsec end system", "ipsec tunnel",
    "ipsec user", "key agreement", "key encipherment", "microsoft sgc", "netscape sgc", "ocsp signing", "s/mime",
    "server auth", "signing", "timestamping")
_PEM: Final = re.compile(rb"-----BEGIN ([^-\n]*)-----\r?\n(.*?)-----END \1-----", re.DOTALL)


def request_problem(pem: bytes) -> str:
    """Why a text is no signed request, "" when it is one."""
    found = _PEM.search(pem)
    if found is None or found[1] != b"CERTIFICATE REQUEST":
        return "PEM block type must be CERTIFICATE REQUEST"
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.x509 import load_pem_x509_csr

    try:
        request = load_pem_x509_csr(pem[found.start() :])
        valid = request.is_signature_valid
    except (ValueError, UnsupportedAlgorithm):
        return "asn1: structure error: tags don't match"
    return "" if valid else "x509: signature check failed"


def certificate_problem(pem: bytes) -> str:
    if not pem:
        return ""
    blocks = list(_PEM.finditer(pem))
    for block in blocks:
        if block[1] != b"CERTIFICATE":
            return f'only CERTIFICATE PEM blocks are allowed, found "{block[1].decode("utf-8", "replace")}"'
        if b": " in block[2]:
            return "no PEM block headers are permitted"
    if not blocks:
        return "must contain at least one CERTIFICATE PEM block"
    from cryptography.x509 import load_pem_x509_certificates

    try:
        load_pem_x509_certificates(pem)
    except ValueError:
        return "x509: malformed certificate"
    return ""


def signer_name(name: str) -> Errors:
    if not name:
        return [required(_SIGNER)]
    domain, slash, path = name.partition("/")
    if not slash or "/" in path:
        return [invalid(_SIGNER, name, _SIGNER_FORM)]
    found: Errors = []
    if names.length(domain) > MAX_DOMAIN:
        found.append(too_long(_SIGNER, MAX_DOMAIN))
    labels = domain.split(".")
    found += _labels(domain, labels, names.dns1123_label)
    if len(labels) < 2:
        found.append(invalid(_SIGNER, domain, "should be a domain with at least two segments separated by dots"))
    found += _labels(path, path.split("."), names.dns1123_subdomain)
    if names.length(name) > MAX_SIGNER:
        found.append(too_long(_SIGNER, MAX_SIGNER))
    return found


def _labels(shown: str, labels: Sequence[str], check: Any) -> Errors:
    for label in labels:
        if complaints := check(label):
            return [invalid(_SIGNER, shown, f'validating label "{label}": {text}') for text in complaints]
    return []


def _conditions(conditions: Sequence[Tree]) -> Errors:
    found: Errors = []
    seen: set[str] = set()
    for index, condition in enumerate(conditions):
        path = _CONDITIONS.index(index)
        kind, status = condition.get("type") or "", condition.get("status") or ""
        if not kind:
            found.append(required(path.child("type")))
        allowed = ("True",) if kind in (_APPROVED, _DENIED, _FAILED) else ("False", "True", "Unknown")
        if not status:
            found.append(required(path.child("status")))
        elif status not in allowed:
            found.append(not_supported(path.child("status"), status, allowed))
        if {_APPROVED: _DENIED, _DENIED: _APPROVED}.get(kind) in seen:
            found.append(invalid(_CONDITIONS, kind, "Approved and Denied conditions are mutually exclusive"))
        if kind in seen:
            found.append(duplicate(path.child("type"), kind))
        seen.add(kind)
    return found


def request_rules(request: Tree) -> Errors:
    spec, status = request.get("spec") or {}, request.get("status") or {}
    found: Errors = []
    text = spec.get("request")
    if problem := request_problem(base64.decode(text or "")):
        found.append(invalid(SPEC.child("request"), printed(text), problem))
    usages = spec.get("usages") or ()
    if not usages:
        found.append(required(SPEC.child("usages")))
    place = SPEC.child("usages")
    found += [not_supported(place.index(i), usage, _USAGES) for i, usage in enumerate(usages) if usage not in _USAGES]
    found += [duplicate(place.index(i), usage) for i, usage in enumerate(usages) if usage in usages[:i]]
    name = spec.get("signerName") or ""
    if name == "kubernetes.io/legacy-unknown":
        found.append(invalid(_SIGNER, name, "the legacy signerName is not allowed via this API version"))
    else:
        found += signer_name(name)
    seconds = spec.get("expirationSeconds")
    if seconds is not None and seconds < MIN_SECONDS:
        found.append(invalid(SPEC.child("expirationSeconds"), seconds, (
            "may not specify a duration less than 600 seconds (10 minutes)")))
    found += _conditions(status.get("conditions") or ())
    if problem := certificate_problem(base64.decode(status.get("certificate") or "")):
        found.append(invalid(_CERTIFICATE, "<certificate data>", problem))
    return found


def _of(request: Tree, kind: str) -> list[Tree]:
    return [c for c in (request.get("status") or {}).get("conditions") or () if c.get("type") == kind]


def request_changes(new: Tree, old: Tree, *, approves: bool = False, signs: bool = False) -> Errors:
    found: Errors = []
    for kind in (_APPROVED, _DENIED, _FAILED):
        if len(_of(new, kind)) < len(_of(old, kind)):
            found.append(forbidden(_CONDITIONS, f'updates may not remove a condition of type "{kind}"'))
    for kind in () if approves else (_APPROVED, _DENIED):
        now, before = _of(new, kind), _of(old, kind)
        if len(now) > len(before):
            found.append(forbidden(_CONDITIONS, f'updates may not add a condition of type "{kind}"'))
        elif len(now) == len(before) and now != before:
            found.append(forbidden(_CONDITIONS, f'updates may not modify a condition of type "{kind}"\n'))
    certificates = [(tree.get("status") or {}).get("certificate") or "" for tree in (new, old)]
    if certificates[0] != certificates[1]:
        if not signs:
            found.append(forbidden(_CERTIFICATE, "updates may not set certificate content"))
        elif certificates[1]:
            found.append(forbidden(_CERTIFICATE, "updates may not modify existing certificate content"))
    return found


class _Named:
    def check_name(self, name: str, prefix: bool) -> Sequence[str]:
        """Any that fits into a path."""
        return names.name_is_path_segment(name, prefix)


class RequestStrategy(_Named, MainStrategy):
    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        user, spec = ctx.user, obj.setdefault("spec", {})
        own = {"username": user.name, "uid": user.uid, "groups": list(user.groups),
               "extra": {key: list(values) for key, values in user.extra}}
        for name, value in own.items():
            if value:
                spec[name] = value
            else:
                spec.pop(name, None)
        obj["status"] = {}

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        carry(obj, old, "spec")
        carry(obj, old, "status")

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        return request_rules(obj)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return request_rules(obj) + request_changes(obj, old)


class _ConditionsStrategy(_Named, StatusStrategy):
    """Conditions get the times they lack."""

    def __init__(self, form: Form, clock: Clock) -> None:
        super().__init__(form)
        self._clock = clock

    def stamp(self, new: Tree, old: Tree) -> None:
        now = times.text(times.from_timestamp(self._clock.now()))
        for condition in (new.get("status") or {}).get("conditions") or ():
            if not condition.get("lastUpdateTime"):
                condition["lastUpdateTime"] = now
            if condition.get("lastTransitionTime"):
                continue
            before = next((c for c in _of(old, condition.get("type") or "")
                           if c.get("status") == condition.get("status") and c.get("lastTransitionTime")), None)
            condition["lastTransitionTime"] = before["lastTransitionTime"] if before is not None else now


class RequestStatusStrategy(_ConditionsStrategy):
    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        super().prepare_for_update(ctx, obj, old)
        self.stamp(obj, old)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return request_rules(obj) + request_changes(obj, old, signs=True)


class RequestApprovalStrategy(_ConditionsStrategy):
    """Changes conditions only."""

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        super().prepare_for_update(ctx, obj, old)
        conditions = (obj.get("status") or {}).get("conditions")
        obj["status"] = {**(old.get("status") or {})}
        obj["status"].pop("conditions", None)
        if conditions:
            obj["status"]["conditions"] = conditions
        self.stamp(obj, old)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return request_rules(obj) + request_changes(obj, old, approves=True)


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    shape, clock = form(resource, options), options.outside.clock
    made = store(resource, options, RequestStrategy(shape))
    return {"": made, "status": made.with_strategy(RequestStatusStrategy(shape, clock)),
            "approval": made.with_strategy(RequestApprovalStrategy(shape, clock))}
