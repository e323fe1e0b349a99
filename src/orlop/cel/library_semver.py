"""Semantic versions: `semver('1.2.3')`, their parts and their order, also with normalisation of loose spellings.

The environment takes `SEMVER`. Behaviour: Kubernetes pkg/cel/library/semverlib.go (version 1) over
github.com/blang/semver v4.
"""

from __future__ import annotations

from typing import Final

from orlop.api.field import quote
from orlop.api.gotext import NumberError, parse_uint64
from orlop.cel import types as t
from orlop.cel.functions import Library
from orlop.cel.library_signature import function, member, plain
from orlop.cel.values import NO_SUCH_OVERLOAD, CelError, Opaque

SEMVER_TYPE: Final = t.object_type("kubernetes.Semver")
_DIGITS: Final = frozenset("0123456789")
_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-0123456789")
_INT_BITS: Final = 64


class Semver(Opaque):
    """A version; `release` are major, minor and patch, `before` the steps of a pre-release, numbers as numbers."""

    __slots__ = ("before", "build", "release")

    cel_type = SEMVER_TYPE

    def __init__(self, release: tuple[int, int, int], before: tuple[int | str, ...], build: tuple[str, ...]) -> None:
        self.release = release
        self.before = before
        self.build = build

    def compare(self, other: Semver) -> int:
        """-1, 0 or 1; builds do not count."""
        if self.release != other.release:
            return 1 if self.release > other.release else -1
        if not self.before or not other.before:
            return bool(other.before) - bool(self.before)
        for mine, theirs in zip(self.before, other.before, strict=False):
            if mine != theirs:
                return _compare_steps(mine, theirs)
        return (len(self.before) > len(other.before)) - (len(self.before) < len(other.before))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Semver):
            raise CelError(NO_SUCH_OVERLOAD)
        return self.compare(other) == 0

    def __hash__(self) -> int:
        return hash((self.release, self.before))

    def __str__(self) -> str:
        text = ".".join(map(str, self.release))
        if self.before:
            text += "-" + ".".join(map(str, self.before))
        return text + "+" + ".".join(self.build) if self.build else text


def _compare_steps(mine: int | str, theirs: int | str) -> int:
    """Numbers come before words."""
    if isinstance(mine, int) and isinstance(theirs, int):
        return 1 if mine > theirs else -1
    if isinstance(mine, str) and isinstance(theirs, str):
        return 1 if mine > theirs else -1
    return -1 if isinstance(mine, int) else 1


def parse(text: str) -> Semver:
    """The version `text` writes; CelError with upstream's words."""
    if not text:
        raise CelError("Version string empty")
    parts = text.split(".", 2)
    if len(parts) != 3:
        raise CelError("No Major.Minor.Patch elements found")
    major, minor = _number(parts[0], "Major"), _number(parts[1], "Minor")
    patch, plus, build = parts[2].partition("+")
    patch, dash, before = patch.partition("-")
    release = (major, minor, _number(patch, "Patch"))
    steps = tuple(map(_step, before.split("."))) if dash else ()
    return Semver(release, steps, tuple(map(_build, build.split("."))) if plus else ())


def _number(text: str, name: str) -> int:
    if not _DIGITS.issuperset(text):
        raise CelError(f"Invalid character(s) found in {name.lower()} number {quote(text)}")
    if len(text) > 1 and text[0] == "0":
        raise CelError(f"{name} number must not contain leading zeroes {quote(text)}")
    return _unsigned(text)


def _unsigned(text: str) -> int:
    try:
        return parse_uint64(text)
    except NumberError as error:
        raise CelError(str(error)) from None


def _step(text: str) -> int | str:
    if not text:
        raise CelError("Prerelease is empty")
    if _DIGITS.issuperset(text):
        if len(text) > 1 and text[0] == "0":
            raise CelError(f"Numeric PreRelease version must not contain leading zeroes {quote(text)}")
        return _unsigned(text)
    if not _CHARACTERS.issuperset(text):
        raise CelError(f"Invalid character(s) found in prerelease {quote(text)}")
    return text


def _build(text: str) -> str:
    if not text:
        raise CelError("Build meta data is empty")
    if not _CHARACTERS.issuperset(text):
        raise CelError(f"Invalid character(s) found in build meta data {quote(text)}")
    return text


def parse_loosely(text: str) -> Semver:
    """A version that may begin with `v`, lack minor and patch, and have leading zeros."""
    parts = [_without_zeros(part) for part in text.removeprefix("v").split(".", 2)]
    if len(parts) < 3 and not {"+", "-"}.isdisjoint(parts[-1]):
        raise CelError("short version cannot contain PreRelease/Build meta data")
    return parse(".".join(parts + ["0"] * (3 - len(parts))))


def _without_zeros(part: str) -> str:
    if len(part) < 2:
        return part
    part = part.lstrip("0")
    return part if part[:1] in _DIGITS else "0" + part


def _semver(text: str, loosely: bool = False) -> Semver:
    return parse_loosely(text) if loosely else parse(text)


def _is_semver(text: str, loosely: bool = False) -> bool:
    try:
        _semver(text, loosely)
    except CelError:
        return False
    return True


def _int(number: int) -> int:
    """An unsigned number as CEL's signed int, as a Go conversion makes it."""
    return number - (1 << _INT_BITS) if number >> (_INT_BITS - 1) else number


_TWO: Final = (SEMVER_TYPE, SEMVER_TYPE)

SEMVER: Final = Library(
    "kubernetes.Semver",
    (
        function(
            "semver",
            plain("string_to_semver", (t.STRING,), SEMVER_TYPE, _semver),
            plain("string_bool_to_semver", (t.STRING, t.BOOL), SEMVER_TYPE, _semver),
        ),
        function(
            "isSemver",
            plain("is_semver_string", (t.STRING,), t.BOOL, _is_semver),
            plain("is_semver_string_bool", (t.STRING, t.BOOL), t.BOOL, _is_semver),
        ),
        function("isGreaterThan", member("semver_is_greater_than", _TWO, t.BOOL, lambda a, b: a.compare(b) == 1)),
        function("isLessThan", member("semver_is_less_than", _TWO, t.BOOL, lambda a, b: a.compare(b) == -1)),
        function("compareTo", member("semver_compare_to", _TWO, t.INT, Semver.compare)),
        function("major", member("semver_major", (SEMVER_TYPE,), t.INT, lambda version: _int(version.release[0]))),
        function("minor", member("semver_minor", (SEMVER_TYPE,), t.INT, lambda version: _int(version.release[1]))),
        function("patch", member("semver_patch", (SEMVER_TYPE,), t.INT, lambda version: _int(version.release[2]))),
    ),
)
