"""What must be there for the server to work: the schemas and levels `exempt` and `catch-all`, whose specs are fixed.

Asked by the rules of both kinds for objects of these names only, so the packaged policy is read at the first of them.
Behaviour: apiserver `pkg/apis/flowcontrol/bootstrap/default.go`.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import orjson

from orlop import data
from orlop.api.tree import Tree

EXEMPT: Final = "exempt"
CATCH_ALL: Final = "catch-all"
SCHEMAS: Final = "flowschemas"
LEVELS: Final = "prioritylevelconfigurations"
MANDATORY: Final = (EXEMPT, CATCH_ALL)


@cache
def _specs() -> dict[tuple[str, str], Tree]:
    policy: dict[str, list[Tree]] = orjson.loads(data.load("bootstrap-1.36.json.gz"))
    return {(plural, obj["name"]): obj["spec"] for plural in (SCHEMAS, LEVELS) for obj in policy[plural]
            if obj["name"] in MANDATORY}


def fixed_spec(plural: str, name: str) -> Tree | None:
    """The spec that the object of this name has to have, None when it may have any."""
    return _specs()[plural, name] if name in MANDATORY else None
