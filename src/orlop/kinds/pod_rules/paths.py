"""Paths inside containers and volumes: absolute or not, with or without steps upwards.

Called by the rules of volumes, mounts and profiles. Texts: kubernetes `pkg/apis/core/validation/validation.go`
(validatePathNoBacksteps, validateLocalDescendingPath, ValidateLocalNonReservedPath).
"""

from __future__ import annotations

from orlop.api.field import Path, invalid
from orlop.kinds.checks import Errors


def no_backsteps(path: Path, text: str) -> Errors:
    return [invalid(path, text, "must not contain '..'")] if ".." in text.split("/") else []


def descending(path: Path, text: str) -> Errors:
    """Relative, and never upwards."""
    found: Errors = [invalid(path, text, "must be a relative path")] if text.startswith("/") else []
    return found + no_backsteps(path, text)


def local_name(path: Path, text: str) -> Errors:
    """Relative, never upwards, and not beginning with two dots: the volume keeps its own state there."""
    found = descending(path, text)
    if text.startswith("..") and not text.startswith("../"):
        found.append(invalid(path, text, "must not start with '..'"))
    return found
