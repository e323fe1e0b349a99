"""Answers about custom resources, made comparable: kube-apiserver's as they were recorded, and this server's.

Identities and times are left out; problems come in the order of Go's maps, that is, in any.
"""

from __future__ import annotations

import re
from typing import Any

import orjson

_LEFT_OUT = frozenset({"uid", "resourceVersion", "creationTimestamp", "time"})
_AGE = re.compile(r"\d+[smh]")
_ANY_OF_THEM = "field not declared in schema"
"""Of several such fields in one struct upstream tells one."""


def settled(value: Any) -> Any:
    if isinstance(value, dict):
        made = {name: settled(inner) for name, inner in value.items() if name not in _LEFT_OUT}
        if isinstance(made.get("managedFields"), list):
            made["managedFields"].sort(key=_text)
        return made
    if isinstance(value, list):
        return [settled(inner) for inner in value]
    return "an age" if isinstance(value, str) and _AGE.fullmatch(value) else value


def comparable(answer: Any) -> Any:
    made = settled(answer)
    if made.get("kind") != "Status":
        return made
    message = made.pop("message", "")
    about, _, rest = message.partition(": ")
    causes = (made.get("details") or {}).get("causes")
    if causes:
        causes.sort(key=_text)
    if _ANY_OF_THEM in message:
        return made, about
    return made, about, sorted(re.split(r", |\n *", rest.strip("[]")))


def _text(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
