"""Defaults of all built-in kinds: one function per type, by the type's OpenAPI name.

The endpoints compile them into one walk per kind (`schema.compile_defaults`), parents before their members.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from orlop.api.tree import Tree
from orlop.kinds.defaults import apps, autoscaling, batch, core, definitions, devices, groups, pod

DEFAULTERS: Final[Mapping[str, Callable[[Tree], None]]] = {
    **apps.DEFAULTERS, **autoscaling.DEFAULTERS, **batch.DEFAULTERS, **core.DEFAULTERS, **definitions.DEFAULTERS,
    **devices.DEFAULTERS, **groups.DEFAULTERS, **pod.DEFAULTERS,
}
