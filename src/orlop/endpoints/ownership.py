"""Who owns which fields: managedFields of what is written through a route.

Asked by create, update and patch with trees in the stored version; `apply.tracking` works in the version of the
request. Behaviour: apiserver `endpoints/handlers/{create,update,patch}.go`, where they call the FieldManager.
"""

from __future__ import annotations

from typing import Any

import orjson

from orlop.api.tree import Tree
from orlop.endpoints.scope import Scope
from orlop.registry import times


def track(scope: Scope, old: Tree | None, new: Tree, manager: str) -> None:
    """Note in `new` who owns what after a write. `old` is what is stored, None or without a uid for nothing."""
    metadata = new["metadata"]
    fields = scope.field_manager
    if fields is None:
        metadata.pop("managedFields", None)
        return
    if old is not None and not old["metadata"].get("uid"):
        old = None
    managed = fields.update(served(scope, old) if old is not None else None, served(scope, new), manager, now(scope))
    if managed is None:
        metadata.pop("managedFields", None)
    else:
        metadata["managedFields"] = managed


def served(scope: Scope, tree: Tree) -> Tree:
    """A stored tree in the version of the route; the tree itself where that is the same."""
    return tree if scope.from_hub is None else scope.from_hub(copy(tree))


def copy(tree: Tree) -> Any:
    return orjson.loads(orjson.dumps(tree))


def now(scope: Scope) -> str:
    return times.text(scope.clock.now())
