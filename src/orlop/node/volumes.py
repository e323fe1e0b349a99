"""Volumes of a pod in process mode: directories, filled where they have a content.

Called by `process_runtime` before the first container of a pod starts. Nothing can be mounted without containers: a
container has a directory that stands for its root, in which mount paths are symbolic links to the volumes. A process
finds the root in ORLOP_ROOT and each volume in ORLOP_MOUNT_<NAME>.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from orlop.api.field import quote
from orlop.api.tree import Tree
from orlop.node.environment import field_of
from orlop.node.runtime import MOUNT_ERROR, StartFailure
from orlop.node.sources import Sources

FILE_MODE: Final = 0o600
_KNOWN: Final = ("emptyDir", "configMap", "secret", "projected", "downwardAPI", "hostPath")
_FAILURE: Final = "CreateContainerConfigError"


async def make_volumes(pod: Tree, home: Path, sources: Sources, place: Mapping[str, str]) -> dict[str, Path]:
    """The directory (or file) of each volume by name. Raises StartFailure and OSError."""
    made: dict[str, Path] = {}
    for volume in pod["spec"].get("volumes") or ():
        kind = next((kind for kind in _KNOWN if volume.get(kind) is not None), "")
        if not kind:
            raise StartFailure(_FAILURE, f"volume {volume['name']}: process mode knows {', '.join(_KNOWN)} only")
        if kind == "hostPath":
            made[volume["name"]] = Path(volume["hostPath"]["path"])
            continue
        directory = made[volume["name"]] = home / "volumes" / volume["name"]
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            found = await _content(kind, volume[kind], pod, sources, place)
        except StartFailure as failure:
            text = f"MountVolume.SetUp failed for volume {quote(volume['name'])} : {failure.message}"
            raise StartFailure(MOUNT_ERROR, text) from failure
        for name, content in found.items():
            _write(directory, name, content)
    return made


def mount(container: Tree, root: Path, volumes: Mapping[str, Path]) -> dict[str, str]:
    """Link the volumes into the container's root; the variables that tell where they are. Raises StartFailure and
    OSError."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    variables = {"ORLOP_ROOT": str(root)}
    for one in sorted(container.get("volumeMounts") or (), key=lambda m: str(m["mountPath"])):
        source = volumes.get(one["name"])
        if source is None:
            raise StartFailure(_FAILURE, f"volume {one['name']} is not there")
        if one.get("subPath"):
            source = _below(source, one["subPath"])
            if not source.exists():
                source.mkdir(parents=True)
        variables["ORLOP_MOUNT_" + re.sub(r"[^A-Za-z0-9]", "_", one["name"]).upper()] = str(source)
        link = _below(root, one["mountPath"])
        if not link.exists() and not link.is_symlink() and link != root:
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(source)
    return variables


def _below(root: Path, path: str) -> Path:
    """Raises StartFailure for a path that leads out."""
    parts = [part for part in Path(path).parts if part != "/"]
    if ".." in parts:
        raise StartFailure(_FAILURE, f"path {path} leads out of its volume")
    return root.joinpath(*parts)


def work_dir(container: Tree, root: Path) -> Path:
    """Where processes begin: a mount or a directory below the root; else one of the machine if it has it; else the
    root. Raises StartFailure and OSError."""
    wanted = container.get("workingDir") or ""
    if not wanted:
        return root
    inside = _below(root, wanted)
    if inside.is_dir():
        return inside
    if Path(wanted).is_absolute() and Path(wanted).is_dir():
        return Path(wanted)
    inside.mkdir(parents=True)
    return inside


async def _content(kind: str, source: Tree, pod: Tree, sources: Sources, place: Mapping[str, str]) -> dict[str, bytes]:
    if kind == "projected":
        merged: dict[str, bytes] = {}
        for part in source.get("sources") or ():
            for member, value in part.items():
                merged |= await _content(member, value, pod, sources, place)
        return merged
    if kind == "serviceAccountToken":
        token = await sources.token(pod, source.get("audience") or "", source.get("expirationSeconds") or 3600)
        return {source.get("path") or "token": token}
    if kind == "downwardAPI":
        return {item["path"]: field_of(pod, item["fieldRef"]["fieldPath"], place).encode()
                for item in source.get("items") or () if item.get("fieldRef")}
    if kind not in ("configMap", "secret"):
        return {}
    name = source.get("name") or source.get("secretName") or ""
    data = await sources.data(kind, pod["metadata"]["namespace"], name, bool(source.get("optional")))
    items = source.get("items")
    return {item["path"]: data[item["key"]] for item in items if item["key"] in data} if items else data


def _write(directory: Path, name: str, content: bytes) -> None:
    path = _below(directory, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    path.chmod(FILE_MODE)
