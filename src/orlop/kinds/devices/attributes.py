"""Attributes of devices: one value of one type each.

Called by the rules of devices. Behaviour: kubernetes `pkg/apis/resource/validation/validation.go`
(validateDeviceAttribute). Lists of values have a feature gate that is off (DRAListTypeAttributes): they are dropped
before.
"""

from __future__ import annotations

import re
from typing import Final

from orlop.api import names
from orlop.api.field import Path, invalid, too_long
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors
from orlop.kinds.go_form import Form

MAX_VALUE: Final = 64
_VALUES: Final = ("int", "bool", "string", "version")
_ONE_VALUE: Final = "exactly one value must be specified"
_NO_VERSION: Final = "must be a string compatible with semver.org spec 2.0.0"
_NUMBER: Final = "(?:0|[1-9][0-9]*)"
_PRE_RELEASE: Final = f"(?:{_NUMBER}|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
_BUILD: Final = "[0-9a-zA-Z-]+"
_VERSION: Final = re.compile(rf"{_NUMBER}\.{_NUMBER}\.{_NUMBER}(?:-{_PRE_RELEASE}(?:\.{_PRE_RELEASE})*)?"
                             rf"(?:\+{_BUILD}(?:\.{_BUILD})*)?")
_FORM: Final = Form({
    **{name[0].upper() + name[1:] + "Value": (name, None) for name in _VALUES},
    **{name[0].upper() + name[1:] + "Values": (name + "s", None) for name in _VALUES}})


def attribute(path: Path, item: Tree) -> Errors:
    text, version = item.get("string"), item.get("version")
    found: Errors = []
    if text is not None and names.length(text) > MAX_VALUE:
        found.append(too_long(path.child("string"), MAX_VALUE))
    if version is not None:
        if not _VERSION.fullmatch(version):
            found.append(invalid(path.child("version"), version, _NO_VERSION))
        if names.length(version) > MAX_VALUE:
            found.append(too_long(path.child("version"), MAX_VALUE))
    count = sum(item.get(name) is not None for name in _VALUES)
    if count != 1:
        found.append(invalid(path, _FORM.text(item) if count else "", _ONE_VALUE))
    return found
