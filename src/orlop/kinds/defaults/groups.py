"""Defaults of the named groups, workloads excepted.

Applied by the compiled walk (`schema.compile_defaults`) to every object of a named type. Behaviour: kubernetes
`pkg/apis/<group>/v1/defaults.go`, kube-aggregator `pkg/apis/apiregistration/v1/defaults.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from orlop.api.tree import Tree

RBAC_GROUP: Final = "rbac.authorization.k8s.io"


def _sets(**values: Any) -> Callable[[Tree], None]:
    """Members that are absent get these values; lists and objects a fresh one each."""

    def apply(tree: Tree) -> None:
        for name, value in values.items():
            if tree.get(name) is None:
                tree[name] = type(value)(value) if isinstance(value, list | dict) else value

    return apply


def _fills(**values: Any) -> Callable[[Tree], None]:
    """As `_sets`, where empty text and zero count as absent too."""

    def apply(tree: Tree) -> None:
        for name, value in values.items():
            if not tree.get(name):
                tree[name] = value

    return apply


def _network_policy(policy: Tree) -> None:
    spec = policy.get("spec")
    if spec is not None and not spec.get("policyTypes"):
        spec["policyTypes"] = ["Ingress", "Egress"] if spec.get("egress") else ["Ingress"]


def _binding(binding: Tree) -> None:
    role = binding.get("roleRef")
    if role is not None and not role.get("apiGroup"):
        role["apiGroup"] = RBAC_GROUP


def _subject(subject: Tree) -> None:
    if not subject.get("apiGroup") and subject.get("kind") in ("User", "Group"):
        subject["apiGroup"] = RBAC_GROUP


_webhook = _sets(failurePolicy="Fail", matchPolicy="Equivalent", namespaceSelector={}, objectSelector={},
                 timeoutSeconds=10)
_mutating = _sets(reinvocationPolicy="Never")


def _mutating_webhook(webhook: Tree) -> None:
    _webhook(webhook)
    _mutating(webhook)


_ADMISSION: Final = "io.k8s.api.admissionregistration.v1."
_STORAGE: Final = "io.k8s.api.storage.v1."
_FLOW: Final = "io.k8s.api.flowcontrol.v1."
_matches = _sets(matchPolicy="Equivalent", namespaceSelector={}, objectSelector={})

DEFAULTERS: Final[Mapping[str, Callable[[Tree], None]]] = {
    "io.k8s.api.authentication.v1.TokenRequestSpec": _sets(expirationSeconds=3600),
    "io.k8s.api.discovery.v1.EndpointPort": _sets(name="", protocol="TCP"),
    "io.k8s.api.networking.v1.IngressClassParametersReference": _sets(scope="Cluster"),
    "io.k8s.api.networking.v1.NetworkPolicy": _network_policy,
    "io.k8s.api.networking.v1.NetworkPolicyPort": _sets(protocol="TCP"),
    "io.k8s.api.rbac.v1.ClusterRoleBinding": _binding,
    "io.k8s.api.rbac.v1.RoleBinding": _binding,
    "io.k8s.api.rbac.v1.Subject": _subject,
    "io.k8s.api.scheduling.v1.PriorityClass": _sets(preemptionPolicy="PreemptLowerPriority"),
    "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.ServiceReference": _sets(port=443),
    _STORAGE + "CSIDriverSpec": _sets(
        attachRequired=True, podInfoOnMount=False, storageCapacity=False, fsGroupPolicy="ReadWriteOnceWithFSType",
        volumeLifecycleModes=["Persistent"], requiresRepublish=False, seLinuxMount=False),
    _STORAGE + "StorageClass": _sets(reclaimPolicy="Delete", volumeBindingMode="Immediate"),
    _ADMISSION + "MatchResources": _matches,
    _ADMISSION + "MutatingAdmissionPolicySpec": _sets(failurePolicy="Fail"),
    _ADMISSION + "MutatingWebhook": _mutating_webhook,
    _ADMISSION + "NamedRuleWithOperations": _sets(scope="*"),
    _ADMISSION + "RuleWithOperations": _sets(scope="*"),
    _ADMISSION + "ServiceReference": _sets(port=443),
    _ADMISSION + "ValidatingAdmissionPolicySpec": _sets(failurePolicy="Fail"),
    _ADMISSION + "ValidatingWebhook": _webhook,
    _FLOW + "ExemptPriorityLevelConfiguration": _sets(nominalConcurrencyShares=0, lendablePercent=0),
    _FLOW + "FlowSchemaSpec": _fills(matchingPrecedence=1000),
    _FLOW + "LimitedPriorityLevelConfiguration": _sets(nominalConcurrencyShares=30, lendablePercent=0),
    _FLOW + "QueuingConfiguration": _fills(queues=64, handSize=8, queueLengthLimit=50),
}
