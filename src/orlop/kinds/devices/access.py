"""Who may do what with claims, beyond the right to write them.

Called by the strategies of claims and templates. Admin access is a matter of the namespace's label; what a status says
of an allocation needs the right to the made-up subresource `binding`, and of a driver's devices the right to `driver`.
Behaviour: kubernetes `pkg/registry/resource/utils.go`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from orlop.api import errors
from orlop.api.context import Context, User
from orlop.api.field import Path, forbidden, internal
from orlop.api.gvk import GroupResource
from orlop.api.names import name_is_dns_subdomain
from orlop.api.tree import Tree
from orlop.auth.forbidden import refusal
from orlop.auth.interface import Attributes, Authorizer
from orlop.kinds.checks import SPEC, STATUS, Errors
from orlop.registry.store import Store

ADMIN_LABEL: Final = "resource.kubernetes.io/admin-access"
_REFUSED: Final = f"admin access to devices requires the `{ADMIN_LABEL}: true` label on the containing namespace"
_SERVICE_ACCOUNT: Final = "system:serviceaccount:"
_NODE_NAME: Final = "authentication.kubernetes.io/node-name"
_ALLOCATION: Final = STATUS.child("allocation")
_DEVICES: Final = STATUS.child("devices")


class AdminAccess:
    """`stores` will have that of the namespaces."""

    def __init__(self, stores: Mapping[tuple[str, str], Store]) -> None:
        self._stores = stores

    def of_requests(self, claim: Tree, namespace: str) -> Errors:
        for index, request in enumerate(claim.get("requests") or ()):
            if (request.get("exactly") or {}).get("adminAccess"):
                return self._check(SPEC.child("devices.requests").index(index).child("adminAccess"), namespace)
        return []

    def of_results(self, results: Sequence[Tree], old: Sequence[Tree], namespace: str) -> Errors:
        """Once granted it is not asked for again."""
        if any(result.get("adminAccess") for result in old):
            return []
        for index, result in enumerate(results):
            if result.get("adminAccess"):
                place = _ALLOCATION.child("devices.results").index(index).child("adminAccess")
                return self._check(place, namespace)
        return []

    def _check(self, path: Path, namespace: str) -> Errors:
        store = self._stores[("", "namespaces")]
        entry = store.cache.peek(store.prefix + namespace)
        if entry is None:
            missing = errors.not_found(GroupResource("", "namespaces"), namespace).message
            return [internal(path, f"could not retrieve namespace to verify admin access: {missing}")]
        labels = entry.tree()["metadata"].get("labels") or {}
        return [] if labels.get(ADMIN_LABEL) == "true" else [forbidden(path, _REFUSED)]


class StatusAccess:
    """Asks `authorizer`."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def of_binding(self, ctx: Context, new: Tree, old: Tree) -> Errors:
        """To allocate or reserve."""
        if all((new.get(name) or None) == (old.get(name) or None) for name in ("allocation", "reservedFor")):
            return []
        complaint = self._refused(ctx, ctx.info.verb, "binding", "", "")
        if not complaint:
            return []
        return [forbidden(_ALLOCATION, "changing status.allocation or status.reservedFor requires "
                          f'resource="resourceclaims/binding", verb="{ctx.info.verb}" permission: {complaint}')]

    def of_devices(self, ctx: Context, new: Tree, old: Tree) -> Errors:
        """To say something of the devices of a driver: everywhere, or on the node where the caller runs."""
        drivers = changed_drivers(new.get("devices") or (), old.get("devices") or ())
        if not drivers:
            return []
        verbs = [f"arbitrary-node:{ctx.info.verb}"]
        if _runs_on(ctx.user, _chosen_node(new.get("allocation") or {})):
            verbs.insert(0, f"associated-node:{ctx.info.verb}")
        found: Errors = []
        for driver in drivers:
            complaints = [self._refused(ctx, verb, "driver", ctx.info.namespace, driver) for verb in verbs]
            if all(complaints):
                found.append(forbidden(_DEVICES, 'changing status.devices requires resource="resourceclaims/driver", '
                                       f'verb="[{" ".join(verbs)}]" permission: {complaints[0]}'))
        return found

    def _refused(self, ctx: Context, verb: str, subresource: str, namespace: str, name: str) -> str:
        info = ctx.info
        asked = Attributes(ctx.user, verb, info.group, info.version, info.resource, subresource, namespace, name,
                           info.path)
        decision = self._authorizer.authorize(asked)
        if decision.allowed:
            return ""
        reason = f"{decision.error}: {decision.reason}" if decision.error and decision.reason else (
            decision.error or decision.reason)
        return refusal(asked, reason).message


def device_id(item: Tree) -> tuple[str, str, str, str]:
    """Driver, pool, device, share."""
    driver, pool, name, share = (item.get(member) or "" for member in ("driver", "pool", "device", "shareID"))
    return driver, pool, name, share


def changed_drivers(new: Sequence[Tree], old: Sequence[Tree]) -> list[str]:
    """Whose devices a status adds, changes or takes out."""
    before = {device_id(item): item for item in old}
    drivers: set[str] = set()
    for item in new:
        if before.pop(device_id(item), None) != item:
            drivers.add(item.get("driver") or "")
    return sorted(drivers.union(item.get("driver") or "" for item in before.values()))


def _chosen_node(allocation: Tree) -> str:
    """The one node that an allocation is for."""
    terms: Sequence[Tree] = (allocation.get("nodeSelector") or {}).get("nodeSelectorTerms") or ()
    if len(terms) != 1 or terms[0].get("matchExpressions"):
        return ""
    fields: Sequence[Tree] = terms[0].get("matchFields") or ()
    if len(fields) != 1 or fields[0].get("key") != "metadata.name" or fields[0].get("operator") != "In":
        return ""
    values: Sequence[str] = fields[0].get("values") or ()
    return values[0] if len(values) == 1 else ""


def _runs_on(user: User, node: str) -> bool:
    """Whether the caller is a service account whose token was made for a pod of this node."""
    if not node or not user.name.startswith(_SERVICE_ACCOUNT):
        return False
    named = dict(user.extra).get(_NODE_NAME, ())
    return len(named) == 1 and named[0] == node and not name_is_dns_subdomain(node, False)
