"""Single Python values as JSON has them: for defaults, and for types that a library leaves to its user.

Used by `schema` and `models`.
"""

from __future__ import annotations

import base64
import dataclasses
import datetime
import decimal
import enum
import ipaddress
import uuid
from typing import Any, Final

from orlop.declared import members

_TEXTS: Final = (uuid.UUID, decimal.Decimal, ipaddress.IPv4Address, ipaddress.IPv6Address, ipaddress.IPv4Network,
                 ipaddress.IPv6Network)
ADDRESSES: Final = _TEXTS[2:]


def plain(value: Any) -> Any:
    """The value as a tree."""
    if value is None or (isinstance(value, bool | int | float | str) and not isinstance(value, enum.Enum)):
        return value
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if members.is_struct(type(value)):
        return without_none(members.library("msgspec").to_builtins(value, enc_hook=plain))
    if members.is_pydantic(type(value)):
        return without_none(value.model_dump(mode="json", by_alias=True))
    if dataclasses.is_dataclass(value):
        return without_none({field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)})
    if isinstance(value, dict):
        return {str(plain(key)): plain(each) for key, each in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(plain(each) for each in value)
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes | bytearray):
        return base64.b64encode(value).decode()
    if isinstance(value, _TEXTS):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be told in JSON")


def without_none(tree: Any) -> Any:
    """A tree without members that are None."""
    if isinstance(tree, dict):
        return {name: without_none(value) for name, value in tree.items() if value is not None}
    return [without_none(each) for each in tree] if isinstance(tree, list) else tree
