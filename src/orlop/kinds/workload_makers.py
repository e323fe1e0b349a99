"""The makers of workloads: pods and everything that is made of pod templates.

Merged into `makers.MAKERS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from orlop.kinds.pod_makers import POD_MAKERS
from orlop.kinds.rooms import Maker

WORKLOAD_MAKERS: Final[Mapping[tuple[str, str], Maker]] = {
    **POD_MAKERS,
}
"""By (group, plural)."""
