"""Why a container is ended although its pod lives on: a probe has failed, or it is to be another. Pure.

Used by `lifecycle`. Behaviour and texts: kubernetes `pkg/kubelet/kuberuntime/kuberuntime_manager.go`
(computePodActions, computePodResizeAction), `kuberuntime_container.go` (setTerminationGracePeriod).
"""

from __future__ import annotations

from orlop.api.tree import Tree
from orlop.node.container import Container, Doom, Role


def of_probe(container: Container, kind: str, policy: str, grace: float) -> Doom:
    """`policy` and `grace` are the pod's; the probe may have a grace of its own."""
    message = f"Container {container.name} failed {kind} probe"
    if container.role is Role.SIDECAR:
        message = f"Init container {container.name} failed {kind} probe"
    elif container.restarts_when_killed(policy):
        message += ", will be restarted"
    own = (container.probe(kind) or {}).get("terminationGracePeriodSeconds")
    return Doom(message, grace if own is None else float(own))


def of_change(old: Container, new: Container, grace: float) -> Doom | None:
    """None: it can stay."""
    if old.image != new.image and old.role is Role.MAIN:
        return Doom(f"Container {old.name} definition changed, will be restarted", grace)
    if old.image != new.image and old.role is Role.SIDECAR:
        return Doom(f"Init container {old.name} definition changed", grace)
    if _restarts_for_resize(old.spec, new.spec):
        return Doom(f"Container {old.name} resize requires restart", grace)
    return None


def _restarts_for_resize(old: Tree, new: Tree) -> bool:
    """Another amount of a resource for which the container wants to be restarted."""
    before, after = old.get("resources") or {}, new.get("resources") or {}
    if before == after:
        return False
    wanting = {one.get("resourceName") for one in new.get("resizePolicy") or ()
               if one.get("restartPolicy") == "RestartContainer"}
    return any((before.get(kind) or {}).get(name) != (after.get(kind) or {}).get(name)
               for kind in ("requests", "limits") for name in wanting)
