"""Remarks about files of one volume that lie upon each other.

Called by `warnings`. Texts and their order: kubernetes `pkg/api/pod/warnings.go` (warningsForOverlappingVirtualPaths).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from orlop.api.field import quote
from orlop.api.tree import Tree

File = tuple[str, str]
"""Where it lies, and what it comes from ("" when that goes without saying)."""

_SINGLE: Final = (("configMap", "ConfigMap", "name"), ("secret", "Secret", "secretName"), ("downwardAPI", "", ""))


def virtual_paths(volumes: list[Tree]) -> list[str]:
    found: list[str] = []
    for volume in volumes:
        name = volume.get("name") or ""
        for kind, noun, member in _SINGLE:
            items = (volume.get(kind) or {}).get("items")
            if items and len(items) > 1:
                what = f"{noun} {quote(volume[kind].get(member) or '')}" if noun else "DownwardAPI"
                found += _described(name, what, _overlaps([(item.get("path") or "", "") for item in items]))
        if "projected" in volume:
            found += _projected(name, volume["projected"].get("sources") or ())
    return found


def _projected(name: str, sources: Iterable[Tree]) -> list[str]:
    found: list[str] = []
    files: list[File] = []
    for source in sources:
        if not source:
            found.append(f"volume {quote(name)} (Projected) has no sources provided")
        own = _files(source)
        found += _described(name, "Projected", _overlaps(own, files))
        files += own
    return found


def _files(source: Tree) -> list[File]:
    for kind, noun in (("configMap", "ConfigMap"), ("secret", "Secret"), ("downwardAPI", "")):
        items = (source.get(kind) or {}).get("items")
        if items is not None:
            what = f"{noun} {quote(source[kind].get('name') or '')}" if noun else "DownwardAPI"
            return [(_trimmed(item), what) for item in items]
    if "serviceAccountToken" in source:
        return [(_trimmed(source["serviceAccountToken"]), "ServiceAccountToken")]
    return []


def _trimmed(item: Tree) -> str:
    path: str = item.get("path") or ""
    return path.rstrip("/")


def _overlaps(files: list[File], before: Iterable[File] = ()) -> list[str]:
    found: list[str] = []
    known = list(before)
    for path, source in files:
        own = path.rstrip("/")
        if own:
            found += [f"{_shown((own, source))} with {_shown(other)}" for other in known
                      if other[0] and (f"{other[0]}/".startswith(f"{own}/") or f"{own}/".startswith(f"{other[0]}/"))]
        known.append((own, source))
    return found


def _shown(file: File) -> str:
    path, source = file
    return f"{quote(path)} ({source})" if source else quote(path)


def _described(name: str, what: str, overlaps: list[str]) -> list[str]:
    return [f"volume {quote(name)} ({what}): overlapping paths: {text}" for text in overlaps]
