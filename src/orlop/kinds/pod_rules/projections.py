"""Files that a pod sees of other objects: keys of Secrets and ConfigMaps, its own fields, tokens.

Called by `volumes` for the sources that are such files by themselves, and for several of them in one `projected`
volume. Texts: kubernetes `pkg/apis/core/validation/validation.go` (validateProjectionSources, validateKeyToPath,
validateDownwardAPIVolumeFile). Trust bundles and pod certificates are left out: their gates are off, the strategies
drop them.
"""

from __future__ import annotations

from typing import Final

from orlop.api.field import Path, forbidden, invalid, required
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors
from orlop.kinds.pod_rules.env import VOLUME_FIELDS, field_reference, resource_reference
from orlop.kinds.pod_rules.paths import local_name
from orlop.kinds.pod_rules.terms import Allowances

_MODES: Final = range(0o1000)
_MODE: Final = "must be a number between 0 and 0777 (octal), both inclusive"
_TWICE: Final = "conflicting duplicate paths"
_SHORTEST: Final = 600
_LONGEST: Final = 1 << 32


def file_mode(path: Path, mode: int | None) -> Errors:
    return [] if mode is None or mode in _MODES else [invalid(path, mode, _MODE)]


def key_to_path(path: Path, item: Tree) -> Errors:
    at = item.get("path") or ""
    found: Errors = [] if item.get("key") else [required(path.child("key"))]
    if not at:
        found.append(required(path.child("path")))
    return found + local_name(path.child("path"), at) + file_mode(path.child("mode"), item.get("mode"))


def downward_file(path: Path, item: Tree) -> Errors:
    """`path` is that of the source: upstream does not say which of its files is wrong."""
    at = item.get("path") or ""
    found: Errors = [] if at else [required(path.child("path"))]
    found += local_name(path.child("path"), at)
    if "fieldRef" in item:
        found += field_reference(path.child("fieldRef"), item["fieldRef"], VOLUME_FIELDS)
        if "resourceFieldRef" in item:
            found.append(invalid(path, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"))
    elif "resourceFieldRef" in item:
        found += resource_reference(path.child("resourceFieldRef"), item["resourceFieldRef"], in_volume=True)
    else:
        found.append(required(path, "one of fieldRef and resourceFieldRef is required"))
    return found + file_mode(path.child("mode"), item.get("mode"))


def projected(path: Path, source: Tree, allow: Allowances) -> Errors:
    found = file_mode(path.child("defaultMode"), source.get("defaultMode"))
    taken: set[str] = set()
    for position, part in enumerate(source.get("sources") or ()):
        place = path.child("sources").index(position)
        for kind in ("secret", "configMap"):
            if kind in part:
                found += _keys(path, place.child(kind), part[kind], taken)
        if "downwardAPI" in part:
            for item in part["downwardAPI"].get("items") or ():
                found += downward_file(place.child("downwardAPI"), item)
                at = item.get("path")
                if at:
                    found += _once(path, at, at, taken)
        if "serviceAccountToken" in part:
            found += _token(path, place.child("serviceAccountToken"), part["serviceAccountToken"], allow)
        if len(part) > 1:
            found.append(forbidden(place, "may not specify more than 1 volume type per source"))
    return found


def _once(path: Path, at: str, shown: str, taken: set[str]) -> Errors:
    if at in taken:
        return [invalid(path, shown, _TWICE)]
    taken.add(at)
    return []


def _keys(path: Path, place: Path, part: Tree, taken: set[str]) -> Errors:
    name = part.get("name") or ""
    found: Errors = [] if name else [required(place.child("name"))]
    for position, item in enumerate(part.get("items") or ()):
        found += key_to_path(place.child("items").index(position), item)
        at = item.get("path")
        if at:
            found += _once(path, at, name, taken)
    return found


def _token(path: Path, place: Path, token: Tree, allow: Allowances) -> Errors:
    seconds, at = token.get("expirationSeconds") or 0, token.get("path") or ""
    found: Errors = []
    if seconds < _SHORTEST:
        found.append(invalid(place.child("expirationSeconds"), seconds,
                             "may not specify a duration less than 10 minutes"))
    if seconds > _LONGEST:
        found.append(invalid(place.child("expirationSeconds"), seconds,
                             "may not specify a duration larger than 2^32 seconds"))
    if not at:
        found.append(required(path.child("path")))
    elif not allow.token_paths:
        found += local_name(path.child("path"), at)
    return found


def tokens_without_account(path: Path, listed: list[Tree]) -> Errors:
    """Tokens of no service account; `path` is that of spec.volumes."""
    text = "must not be specified when serviceAccountName is not set"
    return [forbidden(path.index(position).child("projected", "sources").index(number).child("serviceAccountToken"),
                      text)
            for position, volume in enumerate(listed) if "projected" in volume
            for number, part in enumerate(volume["projected"].get("sources") or ()) if "serviceAccountToken" in part]
