"""Defaults of the volumes of a pod.

Called by `defaults.pod` for every pod spec that has volumes; changes them in place. Values: kubernetes
`pkg/apis/core/v1/defaults.go` and `zz_generated.defaults.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from orlop.api.tree import Tree
from orlop.kinds.image_names import pull_policy

_FILE_MODE: Final = 0o644
_TOKEN_SECONDS: Final = 3600


def _mode(source: Tree) -> None:
    if source.get("defaultMode") is None:
        source["defaultMode"] = _FILE_MODE


def _downward_files(source: Tree) -> None:
    for file in source.get("items") or ():
        reference = file.get("fieldRef")
        if reference is not None and not reference.get("apiVersion"):
            reference["apiVersion"] = "v1"


def _downward(source: Tree) -> None:
    _mode(source)
    _downward_files(source)


def _projected(source: Tree) -> None:
    _mode(source)
    for part in source.get("sources") or ():
        if "downwardAPI" in part:
            _downward_files(part["downwardAPI"])
        if "serviceAccountToken" in part:
            token = part["serviceAccountToken"]
            if token.get("expirationSeconds") is None:
                token["expirationSeconds"] = _TOKEN_SECONDS


def _host_path(source: Tree) -> None:
    if source.get("type") is None:
        source["type"] = ""


def _ephemeral(source: Tree) -> None:
    template = source.get("volumeClaimTemplate")
    if template is not None:
        spec = template.setdefault("spec", {})
        if spec.get("volumeMode") is None:
            spec["volumeMode"] = "Filesystem"


def _image(source: Tree) -> None:
    if not source.get("pullPolicy"):
        source["pullPolicy"] = pull_policy(source.get("reference") or "")


def _fill(**values: object) -> Callable[[Tree], None]:
    """Members that are set when they are empty, or not there."""

    def fill(source: Tree) -> None:
        for name, value in values.items():
            if not source.get(name):
                source[name] = value

    return fill


def _fill_absent(**values: object) -> Callable[[Tree], None]:
    """Members that are set when they are not there: pointers upstream, whose empty values stay."""

    def fill(source: Tree) -> None:
        for name, value in values.items():
            if source.get(name) is None:
                source[name] = value

    return fill


_SOURCES: Final[Mapping[str, Callable[[Tree], None]]] = {
    "secret": _mode,
    "configMap": _mode,
    "downwardAPI": _downward,
    "projected": _projected,
    "hostPath": _host_path,
    "ephemeral": _ephemeral,
    "image": _image,
    "iscsi": _fill(iscsiInterface="default"),
    "rbd": _fill(pool="rbd", user="admin", keyring="/etc/ceph/keyring"),
    "azureDisk": _fill_absent(cachingMode="ReadWrite", fsType="ext4", readOnly=False, kind="Shared"),
    "scaleIO": _fill(storageMode="ThinProvisioned", fsType="xfs"),
}


def default_volumes(volumes: Iterable[Tree]) -> None:
    for volume in volumes:
        if len(volume) < 2:
            volume["emptyDir"] = {}
            continue
        for name in volume:
            fill = _SOURCES.get(name)
            if fill is not None:
                fill(volume[name])
