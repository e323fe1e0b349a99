"""What the containers of a pod take together: all that run at once, or the most demanding moment of starting.

The sums of defaults, of LimitRanges and of quotas are made of it; what the pod says as a whole is theirs to add. Pure.
Behaviour: AggregateContainerRequests of component-helpers `resource/helpers.go`.
"""

from __future__ import annotations

from collections.abc import Callable

from orlop.api.amounts import Amounts, add, raise_to
from orlop.api.tree import Tree


def of_containers(spec: Tree, amounts: Callable[[Tree, bool], Amounts]) -> Amounts:
    """Regular containers and sidecars run together; before that, each init container beside the sidecars so far.
    `amounts` of a container, and whether it stays when it has started; what it returns is not changed."""
    total: Amounts = {}
    for container in spec.get("containers") or ():
        add(total, amounts(container, True))
    sidecars: Amounts = {}
    peak: Amounts = {}
    for container in spec.get("initContainers") or ():
        stays = container.get("restartPolicy") == "Always"
        own = amounts(container, stays)
        if stays:
            add(total, own)
            add(sidecars, own)
            raise_to(peak, sidecars)
        else:
            start = dict(own)
            add(start, sidecars)
            raise_to(peak, start)
    raise_to(total, peak)
    return total
