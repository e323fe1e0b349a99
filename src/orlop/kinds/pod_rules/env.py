"""Environment variables of containers.

Called by the rules of containers. Texts: kubernetes `pkg/apis/core/validation/validation.go` (ValidateEnv,
ValidateEnvFrom, validateObjectFieldSelector, validateContainerResourceFieldSelector); which fields a reference can
name: `pkg/apis/core/pods/helpers.go` ConvertDownwardAPIFieldLabel.
"""

from __future__ import annotations

import re
from typing import Final

from orlop.api import names
from orlop.api.field import Path, invalid, not_found, not_supported, required
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, dns_label, qualified_name, said
from orlop.kinds.pod_rules.paths import no_backsteps

FIELDS: Final = ("metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
                 "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs")
VOLUME_FIELDS: Final = ("metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace",
                        "metadata.uid")
_CONVERTIBLE: Final = frozenset({
    *FIELDS, *VOLUME_FIELDS, "spec.restartPolicy", "spec.schedulerName", "status.phase"})
_CONVERTED: Final = {"spec.host": "spec.nodeName"}
_SUBSCRIPT: Final = re.compile(r"(.+?)\['(.*)'\]", re.DOTALL)
_RESOURCES: Final = ("limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu",
                     "requests.ephemeral-storage", "requests.memory")
_HUGE: Final = ("limits.hugepages-", "requests.hugepages-")
_SIZES: Final = ("1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei")
_SIZE_TEXT: Final = f"only divisor's values {', '.join(_SIZES)} are supported with the %s resource"
_NO_SOURCE: Final = ("must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or "
                     "`fileKeyRef`")
_TWO_SOURCES: Final = "may not have more than one field specified at a time"


def variables(path: Path, items: list[Tree]) -> Errors:
    found: Errors = []
    for position, variable in enumerate(items):
        name = variable.get("name")
        if name and name.isascii() and name.isprintable() and "=" not in name and "valueFrom" not in variable:
            continue
        found += _variable(path.index(position), variable, name or "")
    return found


def _variable(path: Path, variable: Tree, name: str) -> Errors:
    place = path.child("name")
    found = said(place, name, names.relaxed_env_var_name(name)) if name else [required(place)]
    source = variable.get("valueFrom")
    return found if source is None else found + _source(path.child("valueFrom"), variable, source)


def _source(path: Path, variable: Tree, source: Tree) -> Errors:
    found: Errors = []
    if "fieldRef" in source:
        found += field_reference(path.child("fieldRef"), source["fieldRef"], FIELDS)
    if "resourceFieldRef" in source:
        found += resource_reference(path.child("resourceFieldRef"), source["resourceFieldRef"], in_volume=False)
    for kind in ("configMapKeyRef", "secretKeyRef"):
        if kind in source:
            found += _key_reference(path.child(kind), source[kind])
    if "fileKeyRef" in source:
        found += _file_reference(path.child("fileKeyRef"), source["fileKeyRef"])
    if not source:
        found.append(invalid(path, "", _NO_SOURCE))
    elif variable.get("value"):
        found.append(invalid(path, "", "may not be specified when `value` is not empty"))
    elif len(source) > 1:
        found.append(invalid(path, "", _TWO_SOURCES))
    return found


def field_reference(path: Path, reference: Tree, valid: tuple[str, ...]) -> Errors:
    version, field = reference.get("apiVersion") or "", reference.get("fieldPath") or ""
    if not version:
        return [required(path.child("apiVersion"))]
    if not field:
        return [required(path.child("fieldPath"))]
    place = path.child("fieldPath")
    if version != "v1":
        return [invalid(place, field, f"error converting fieldPath: unsupported pod version: {version}")]
    subscripted = _SUBSCRIPT.fullmatch(field)
    if subscripted is not None:
        return _subscripted(path, field, subscripted[1], subscripted[2])
    if field not in _CONVERTIBLE and field not in _CONVERTED:
        return [invalid(place, field, f"error converting fieldPath: field label not supported: {field}")]
    field = _CONVERTED.get(field, field)
    return [] if field in valid else [not_supported(place, field, valid)]


def _subscripted(path: Path, field: str, holder: str, key: str) -> Errors:
    if holder == "metadata.annotations":
        return qualified_name(path, key.lower())
    if holder == "metadata.labels":
        return qualified_name(path, key)
    return [invalid(path.child("fieldPath"), field,
                    f"error converting fieldPath: field label does not support subscript: {field}")]


def resource_reference(path: Path, reference: Tree, *, in_volume: bool) -> Errors:
    resource = reference.get("resource") or ""
    found: Errors = []
    if in_volume and not reference.get("containerName"):
        found.append(required(path.child("containerName")))
    elif not resource:
        found.append(required(path.child("resource")))
    elif resource not in _RESOURCES and not resource.startswith(_HUGE):
        found.append(not_supported(path.child("resource"), resource, _RESOURCES))
    divisor = reference.get("divisor") or "0"
    return found if divisor == "0" else found + _divisor(path.child("divisor"), resource, divisor)


def _divisor(path: Path, resource: str, divisor: str) -> Errors:
    kind = resource.partition(".")[2]
    if resource in _RESOURCES and kind == "cpu":
        if divisor in ("1m", "1"):
            return []
        return [invalid(path, resource, "only divisor's values 1m and 1 are supported with the cpu resource")]
    if divisor in _SIZES:
        return []
    if resource in _RESOURCES:
        return [invalid(path, resource, _SIZE_TEXT % ("memory" if kind == "memory" else "local ephemeral storage"))]
    return [invalid(path, resource, _SIZE_TEXT % "hugepages")] if resource.startswith(_HUGE) else []


def _key_reference(path: Path, reference: Tree) -> Errors:
    name, key = reference.get("name") or "", reference.get("key") or ""
    found = said(path.child("name"), name, names.name_is_dns_subdomain(name, False))
    place = path.child("key")
    return found + (said(place, key, names.config_map_key(key)) if key else [required(place)])


def _file_reference(path: Path, reference: Tree) -> Errors:
    key, volume, file = (reference.get(name) or "" for name in ("key", "volumeName", "path"))
    found = said(path.child("key"), key, names.relaxed_env_var_name(key)) if key else [required(path.child("key"))]
    place = path.child("volumeName")
    found += dns_label(place, volume) if volume else [required(place)]
    place = path.child("path")
    return found + (no_backsteps(place, file) if file else [required(place)])


def from_sources(path: Path, items: list[Tree]) -> Errors:
    found: Errors = []
    for position, source in enumerate(items):
        place, prefix = path.index(position), source.get("prefix") or ""
        if prefix:
            found += said(place.child("prefix"), prefix, names.relaxed_env_var_name(prefix))
        count = 0
        for kind in ("configMapRef", "secretRef"):
            if kind in source:
                count += 1
                name = source[kind].get("name") or ""
                at = place.child(kind, "name")
                found += said(at, name, names.name_is_dns_subdomain(name, True)) if name else [required(at)]
        if count == 0:
            found.append(invalid(path, "", "must specify one of: `configMapRef` or `secretRef`"))
        elif count > 1:
            found.append(invalid(path, "", _TWO_SOURCES))
    return found


def file_volumes(path: Path, containers: list[tuple[Path, Tree]], volumes: list[Tree]) -> Errors:
    """What a variable reads from a file must lie on an emptyDir of the pod."""
    sources = {volume.get("name"): volume for volume in volumes}
    found: Errors = []
    for place, container in containers:
        for position, variable in enumerate(container.get("env") or ()):
            reference = (variable.get("valueFrom") or {}).get("fileKeyRef")
            if reference is None:
                continue
            name = reference.get("volumeName") or ""
            at = place.child("env").index(position).child("valueFrom", "fileKeyRef", "volumeName")
            if name not in sources:
                found.append(not_found(at, name))
            elif "emptyDir" not in sources[name]:
                found.append(invalid(at, name, "referenced volume must be of type emptyDir"))
    return found
