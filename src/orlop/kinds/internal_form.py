"""Whole structs as upstream's differences print them: JSON of the internal types, whose members have Go's names.

Called by the rules that refuse a change and show it (`difference`), and by those that must know whether two trees mean
the same (`same`): an empty list equals none, quantities are numbers. The form comes from the type table; only names and
places in which the internal types differ are listed here. Behaviour: apimachinery `pkg/util/diff`, `pkg/api/equality`;
kubernetes `pkg/apis/core/types.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

from orlop.api import quantity
from orlop.api.field import GoText
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds.go_diff import diff
from orlop.schema.types import (
    BOOL,
    INT32,
    INT64,
    INT_OR_STRING,
    LIST,
    MAP,
    POINTER,
    QUANTITY,
    STRING,
    STRUCT,
    Field,
    Type,
)

_KNOWN_STRUCTS: Final = 512
"""How many structs' members are kept in order; there are fewer."""
_ZERO: Final[Mapping[str, Any]] = {STRING: "", BOOL: False, INT32: 0, INT64: 0, QUANTITY: "0", INT_OR_STRING: 0}
_PUBLISHED: Final = "v1.LabelSelector"
"""Types that are internal and published at once keep their JSON names."""
_METADATA: Final = "v1.ObjectMeta"

_NAMES: Final[Mapping[str, str]] = {
    "apiGroup": "APIGroup", "apiGroups": "APIGroups", "apiVersion": "APIVersion",
    "awsElasticBlockStore": "AWSElasticBlockStore", "cel": "CEL", "cephfs": "CephFS",
    "chapAuthDiscovery": "DiscoveryCHAPAuth", "chapAuthSession": "SessionCHAPAuth", "csi": "CSI",
    "diskURI": "DataDiskURI", "dnsConfig": "DNSConfig", "dnsPolicy": "DNSPolicy", "endpoints": "EndpointsName",
    "fc": "FC", "fsGroup": "FSGroup", "fsGroupChangePolicy": "FSGroupChangePolicy", "fsType": "FSType",
    "gcePersistentDisk": "GCEPersistentDisk", "gmsaCredentialSpec": "GMSACredentialSpec",
    "gmsaCredentialSpecName": "GMSACredentialSpecName", "grpc": "GRPC", "httpGet": "HTTPGet",
    "httpHeaders": "HTTPHeaders", "ip": "IP", "ips": "IPs", "iqn": "IQN", "iscsi": "ISCSI",
    "iscsiInterface": "ISCSIInterface", "nfs": "NFS", "nonResourceURLs": "NonResourceURLs", "os": "OS",
    "pdName": "PDName", "rbd": "RBD", "seLinuxChangePolicy": "SELinuxChangePolicy",
    "seLinuxOptions": "SELinuxOptions", "sslEnabled": "SSLEnabled", "storageos": "StorageOS",
    "tcpSocket": "TCPSocket", "tty": "TTY", "uid": "UID", "wwids": "WWIDs",
}
"""Go's names that are more than the JSON name with a capital."""
_OWN_NAMES: Final[Mapping[tuple[str, str], str]] = {
    **{(struct, name): go for struct in ("RBDVolumeSource", "RBDPersistentVolumeSource") for name, go in (
        ("monitors", "CephMonitors"), ("image", "RBDImage"), ("pool", "RBDPool"), ("user", "RadosUser"))},
    **{("DeviceAttribute", name): name[0].upper() + name[1:] + "Value" for name in (
        "int", "bool", "string", "version")},
    **{("DeviceAttribute", name + "s"): name[0].upper() + name[1:] + "Values" for name in (
        "int", "bool", "string", "version")},
}
_HOST: Final = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers")
"""Members of the spec that are in the internal security context, first."""
_ORDERS: Final[Mapping[str, tuple[str, ...]]] = {
    "PodSpec": (
        "volumes", "initContainers", "containers", "ephemeralContainers", "restartPolicy",
        "terminationGracePeriodSeconds", "activeDeadlineSeconds", "dnsPolicy", "nodeSelector", "serviceAccountName",
        "automountServiceAccountToken", "nodeName", "securityContext", "imagePullSecrets", "hostname", "subdomain",
        "setHostnameAsFQDN", "affinity", "schedulerName", "tolerations", "hostAliases", "priorityClassName",
        "priority", "preemptionPolicy", "dnsConfig", "readinessGates", "runtimeClassName", "overhead",
        "enableServiceLinks", "topologySpreadConstraints", "os", "schedulingGates", "resourceClaims", "resources",
        "hostnameOverride"),
    "PodSecurityContext": (
        "seLinuxOptions", "windowsOptions", "runAsUser", "runAsGroup", "runAsNonRoot", "supplementalGroups",
        "supplementalGroupsPolicy", "fsGroup", "fsGroupChangePolicy", "sysctls"),
    "PersistentVolumeSpec": (
        "capacity", "gcePersistentDisk", "awsElasticBlockStore", "hostPath", "glusterfs", "nfs", "rbd", "quobyte",
        "iscsi", "flexVolume", "cinder", "cephfs", "fc", "flocker", "azureFile", "vsphereVolume", "azureDisk",
        "photonPersistentDisk", "portworxVolume", "scaleIO", "local", "storageos", "csi", "accessModes"),
    "Volume": (
        "name", "hostPath", "emptyDir", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "secret", "nfs",
        "iscsi", "glusterfs", "persistentVolumeClaim", "rbd", "quobyte", "flexVolume", "cinder", "cephfs", "flocker",
        "downwardAPI", "fc", "azureFile", "configMap", "vsphereVolume", "azureDisk", "photonPersistentDisk",
        "projected", "portworxVolume", "scaleIO", "storageos", "csi", "ephemeral", "image"),
}
"""Members whose order differs inside; those not listed follow."""
_HIDDEN: Final[Mapping[str, frozenset[str]]] = {"PodSpec": frozenset({"serviceAccount", *_HOST})}
_PLAIN_NUMBERS: Final = frozenset({("ServiceAccountTokenProjection", "expirationSeconds")})
"""Numbers that are pointers outside only."""


def difference(kind: Type, old: Any, new: Any) -> str:
    """The lines that differ, with a few around them."""
    return diff(_form(kind, old), _form(kind, new))


def part_difference(kind: Type, members: Sequence[str], old: Tree, new: Tree) -> str:
    """As `difference`, of some members of a struct: those that are a struct of their own inside."""
    fields = [member for member in _members(kind.target) if member[0] in members]
    left, right = ({go: _form(field.type, tree.get(name)) for name, go, field in fields} for tree in (old, new))
    return diff(left, right)


def text(kind: Type, value: Any) -> GoText:
    """The whole struct, as JSON in one line."""
    return json_value(_form(kind, value))


def same(kind: Type, old: Any, new: Any) -> bool:
    """Whether two trees are equal to upstream."""
    return old == new or bool(_form(kind, old, _nothing) == _form(kind, new, _nothing))


def _kept(value: Any) -> Any:
    return value


def _nothing(value: Any) -> Any:
    """Empty lists and maps count as none."""
    return value or None


def _form(kind: Type, value: Any, collection: Callable[[Any], Any] = _kept) -> Any:
    """`collection` decides what an empty list or map becomes."""
    shape = kind.shape
    if shape == POINTER:
        return None if value is None else _form(kind.element, value, collection)
    if shape == LIST:
        return None if value is None else collection([_form(kind.element, item, collection) for item in value])
    if shape == MAP:
        if value is None:
            return None
        return collection({key: _form(kind.element, value[key], collection) for key in sorted(value)})
    if shape == QUANTITY and collection is _nothing:
        return quantity.parse(value or "0")
    if shape != STRUCT:
        return _ZERO.get(shape) if value is None else value
    if kind.go == _PUBLISHED:
        return _published(kind, value or {})
    return _struct(kind, value or {}, collection)


def _struct(kind: Type, tree: Tree, collection: Callable[[Any], Any]) -> Tree:
    form: Tree = {}
    for name, go, member in _members(kind):
        if member.type.target.go == _METADATA:
            form.update(_published(member.type, tree.get(name) or {}))
            continue
        value = tree.get(name)
        if name == "securityContext" and kind.name == "PodSpec":
            form[go] = _shared_with_host(kind, member.type, tree, collection)
        elif value is None and (kind.name, name) in _PLAIN_NUMBERS:
            form[go] = 0
        else:
            form[go] = _form(member.type, value, collection)
    return form


def _shared_with_host(spec: Type, kind: Type, tree: Tree, collection: Callable[[Any], Any]) -> Tree:
    """The internal security context, which is there as soon as any of its members is."""
    form = {name[0].upper() + name[1:]: _form(spec.fields[name].type, tree.get(name)) for name in _HOST}
    return {**form, **_struct(kind.target, tree.get("securityContext") or {}, collection)}


def _published(kind: Type, tree: Tree) -> Tree:
    """A struct under its JSON names, without empty members."""
    form: Tree = {}
    for name, member in kind.target.fields.items():
        value = tree.get(name)
        if value is None or (member.omitempty and not value):
            continue
        inner = member.type
        if inner.shape == LIST and inner.element.shape == STRUCT:
            value = [_published(inner.element, item) for item in value]
        elif inner.shape == MAP:
            value = dict(sorted(value.items()))
        form[name] = value
    return form


@lru_cache(_KNOWN_STRUCTS)
def _members(kind: Type) -> tuple[tuple[str, str, Field], ...]:
    """JSON name, Go name and declaration of each member, in internal order."""
    fields, hidden = kind.fields, _HIDDEN.get(kind.name, frozenset())
    first = [name for name in _ORDERS.get(kind.name, ()) if name in fields]
    rest = [name for name in fields if name not in first and name not in hidden]
    return tuple((name, _go_name(kind.name, name), fields[name]) for name in first + rest)


def _go_name(struct: str, name: str) -> str:
    return _OWN_NAMES.get((struct, name)) or _NAMES.get(name) or name[0].upper() + name[1:]
