"""Names of field managers: who owns fields in managedFields.

Called by option and metadata validation, and by the endpoints for the name of a caller that gave none.
Behaviour of apimachinery `pkg/apis/meta/v1/validation` (ValidateFieldManager) and apiserver
`endpoints/handlers/create.go`.
"""

from __future__ import annotations

from functools import lru_cache

from orlop.api.field import FieldError, Path, invalid, too_long
from orlop.api.names import length

MAX_LENGTH = 128
KNOWN_USER_AGENTS = 512
"""How many user agents' manager names are kept; the least recently used goes first."""


def validate(manager: str, path: Path) -> list[FieldError]:
    """At most 128 bytes, all printable."""
    if manager.isprintable() and len(manager) <= MAX_LENGTH and manager.isascii():
        return []
    found = [too_long(path, MAX_LENGTH)] if length(manager) > MAX_LENGTH else []
    offset = 0
    for char in manager:
        if not char.isprintable():
            detail = f"invalid character U+{ord(char):04X} (at position {offset})"
            found.append(invalid(path, manager, detail))
        offset += len(char.encode(errors="replace"))
    return found


@lru_cache(KNOWN_USER_AGENTS)
def from_user_agent(user_agent: str) -> str:
    """The manager that a User-Agent stands for: what precedes its first slash, printable and cut to size."""
    kept: list[str] = []
    size = 0
    for char in user_agent.partition("/")[0]:
        if not char.isprintable():
            continue
        size += len(char.encode(errors="replace"))
        if size > MAX_LENGTH:
            break
        kept.append(char)
    return "".join(kept)
