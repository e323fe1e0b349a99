"""Conversion between served versions of the built-in kinds and the version they are stored in.

Read by the server's assembly: a served kind that is listed here is converted on its way in and out. Nearly all kinds
have one version and are not listed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.kinds import event_conversion, hpa_conversion

Convert: TypeAlias = Callable[[Tree], Tree]
"""From one version to another; owns its argument."""

CONVERSIONS: Final[dict[GroupVersionKind, tuple[Convert, Convert]]] = {
    GroupVersionKind("autoscaling", "v1", "HorizontalPodAutoscaler"): (
        hpa_conversion.to_stored, hpa_conversion.from_stored),
    GroupVersionKind("events.k8s.io", "v1", "Event"): (event_conversion.to_core, event_conversion.from_core),
}
"""By served kind: to the stored version, and back."""
