"""The order of API versions as people mean it: v10, v2, v1, v1beta2, v1beta1, v1alpha1, then all others by name.

Asked where custom resources are declared; discovery sorts by the same rule. Behaviour: apimachinery
`pkg/version/helpers.go` CompareKubeAwareVersionStrings.
"""

from __future__ import annotations

import re
from typing import Final

_KUBE_VERSION: Final = re.compile(r"v(\d+)(?:(alpha|beta)(\d+))?")
_STABILITY: Final = {"": 0, "beta": 1, "alpha": 2}


def version_order(version: str) -> tuple[int, int, int, int, str]:
    """A sort key: the best version first."""
    match = _KUBE_VERSION.fullmatch(version)
    if match is None:
        return (1, 0, 0, 0, version)
    return (0, _STABILITY[match[2] or ""], -int(match[1]), -int(match[3] or 0), "")
