"""JSON trees: the only shape in which objects travel through orlop.

There is no class per kind. A tree that came from a request body is owned by that request and may be changed in
place; a tree decoded from storage is shared until copied.
"""

from __future__ import annotations

from typing import Any, TypeAlias

Tree: TypeAlias = dict[str, Any]
Value: TypeAlias = Any
"""Any JSON value: None, bool, int, float, str, list or Tree."""
