"""Levels, versions, and the labels of a namespace that set them. Pure.

Read by `plugin` and `evaluation`. Behaviour: pod-security-admission `api/helpers.go`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple, TypeAlias

from orlop.api.field import FieldError, Path, invalid

PRIVILEGED: Final = "privileged"
BASELINE: Final = "baseline"
RESTRICTED: Final = "restricted"
LEVELS: Final = (PRIVILEGED, BASELINE, RESTRICTED)
"""From the most to the least permissive."""

Minor: TypeAlias = int
LATEST: Final[Minor] = 1 << 62
"""The version that is newer than any."""

PREFIX: Final = "pod-security.kubernetes.io/"
_LABELS: Final = Path("metadata.labels")
_VERSION: Final = re.compile(r"v1\.([0-9]|[1-9][0-9]*)", re.ASCII)
_BAD_LEVEL: Final = f"must be one of {', '.join(LEVELS)}"
_BAD_VERSION: Final = 'must be "latest" or "v1.x"'
_LONGEST: Final = 18
"""Digits of a version that a 64-bit number surely holds."""


class LevelVersion(NamedTuple):
    level: str = PRIVILEGED
    version: Minor = LATEST

    def __str__(self) -> str:
        return f"{self.level}:{'latest' if self.version == LATEST else f'v1.{self.version}'}"


class Policy(NamedTuple):
    """What is refused and what is warned of. (What is only audited shows nowhere.)"""

    enforce: LevelVersion = LevelVersion()
    warn: LevelVersion = LevelVersion()

    @property
    def is_privileged(self) -> bool:
        return self.enforce.level == PRIVILEGED and self.warn.level == PRIVILEGED


DEFAULT: Final = Policy()


def stricter(one: str, other: str) -> bool:
    return LEVELS.index(one) > LEVELS.index(other)


def policy_of(labels: Mapping[str, str]) -> tuple[Policy, list[FieldError]]:
    """There is a policy even where labels are wrong: the strictest for what is enforced, none for warnings."""
    if not labels:
        return DEFAULT, []
    found: list[FieldError] = []
    level, level_said = _level(labels, "enforce", found, RESTRICTED)
    version = _version(labels, "enforce", found)
    _level(labels, "audit", found, PRIVILEGED)
    _version(labels, "audit", found)
    warned, _ = _level(labels, "warn", found, PRIVILEGED)
    warned_version = _version(labels, "warn", found)
    if PREFIX + "warn" not in labels and level_said and stricter(level, warned):
        warned = level
        if PREFIX + "warn-version" not in labels:
            warned_version = version
    return Policy(LevelVersion(level, version), LevelVersion(warned, warned_version)), found


def _level(labels: Mapping[str, str], mode: str, found: list[FieldError], instead: str) -> tuple[str, bool]:
    """The level of a mode, and whether it was validly said."""
    value = labels.get(PREFIX + mode)
    if value is None:
        return PRIVILEGED, False
    if value in LEVELS:
        return value, True
    found.append(invalid(_LABELS.key(PREFIX + mode), value, _BAD_LEVEL))
    return instead, False


def _version(labels: Mapping[str, str], mode: str, found: list[FieldError]) -> Minor:
    label = f"{PREFIX}{mode}-version"
    value = labels.get(label)
    if value is None or value == "latest":
        return LATEST
    match = _VERSION.fullmatch(value)
    if match is not None and len(match[1]) <= _LONGEST:
        return int(match[1])
    found.append(invalid(_LABELS.key(label), value, _BAD_VERSION))
    return LATEST
