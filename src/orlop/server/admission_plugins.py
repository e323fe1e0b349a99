"""The built-in admission plugins in upstream's order, each with what it may ask of the stores.

Made by `Application`, which leaves out what is switched off. Behaviour: kubernetes
`pkg/kubeapiserver/options/plugins.go` AllOrderedPlugins and DefaultOffAdmissionPlugins.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orlop.admission.certificate_approval import CertificateApproval
from orlop.admission.certificate_signing import CertificateSigning
from orlop.admission.certificate_subject_restriction import CertificateSubjectRestriction
from orlop.admission.default_ingress_class import DefaultIngressClass
from orlop.admission.default_storage_class import DefaultStorageClass
from orlop.admission.default_toleration_seconds import DefaultTolerationSeconds
from orlop.admission.interface import Plugin
from orlop.admission.limit_ranger import LimitRanger
from orlop.admission.namespace_lifecycle import NamespaceLifecycle
from orlop.admission.persistent_volume_claim_resize import PersistentVolumeClaimResize
from orlop.admission.priority import Priority, SoleDefaultPriority
from orlop.admission.runtime_class import RuntimeClass
from orlop.admission.second_look import CatchUp
from orlop.admission.service_account import ServiceAccount
from orlop.admission.storage_object_in_use_protection import StorageObjectInUseProtection
from orlop.admission.taint_nodes import TaintNodesByCondition
from orlop.api.context import User
from orlop.auth.interface import Attributes, Authorizer
from orlop.registry.store import Store
from orlop.server.kept_objects import KeptObjects
from orlop.storage.interface import Entry
from orlop.world.entropy import Entropy


class AdmissionPlugins:
    """`catch_up`: where others write too, what to await before something is refused. `follow` starts when the caches
    have."""

    def __init__(self, stores: Mapping[tuple[str, str], Store], authorizer: Authorizer,
                 catch_up: CatchUp | None, entropy: Entropy) -> None:
        self._namespaces, self._authorizer, self._catch_up = stores[("", "namespaces")], authorizer, catch_up
        self._entropy = entropy
        self._accounts = KeptObjects(stores[("", "serviceaccounts")])
        self._ranges = KeptObjects(stores[("", "limitranges")])
        self._priorities = KeptObjects(stores[("scheduling.k8s.io", "priorityclasses")])
        self._storage = KeptObjects(stores[("storage.k8s.io", "storageclasses")])
        self._runtimes = KeptObjects(stores[("node.k8s.io", "runtimeclasses")])
        self._ingress = KeptObjects(stores[("networking.k8s.io", "ingressclasses")])
        self.every: Sequence[Plugin] = self._make()

    def follow(self) -> None:
        for kept in (self._accounts, self._ranges, self._priorities, self._storage, self._runtimes, self._ingress):
            kept.follow()

    def _make(self) -> list[Plugin]:
        namespaces, catch_up, priorities = self._namespaces, self._catch_up, self._priorities.by_name
        return [
            NamespaceLifecycle(lambda name: namespaces.cache.peek(namespaces.prefix + name), self._phase, catch_up),
            LimitRanger(self._ranges.of, catch_up),
            ServiceAccount(self._accounts.by_name, self._entropy.suffix, catch_up),
            TaintNodesByCondition(),
            Priority(priorities, catch_up),
            SoleDefaultPriority(priorities, catch_up),
            DefaultTolerationSeconds(),
            DefaultStorageClass(self._storage.by_name),
            StorageObjectInUseProtection(),
            PersistentVolumeClaimResize(self._storage.by_name, catch_up),
            RuntimeClass(self._runtimes.by_name, catch_up),
            CertificateApproval(self._may_sign, catch_up),
            CertificateSigning(self._may_sign, catch_up),
            CertificateSubjectRestriction(),
            DefaultIngressClass(self._ingress.by_name),
        ]

    def _phase(self, namespace: Entry) -> str:
        return self._namespaces.cache.attributes(namespace).fields.get("status.phase", "")

    def _may_sign(self, user: User, verb: str, signer: str) -> bool:
        question = Attributes(user, verb, "certificates.k8s.io", "*", "signers", name=signer)
        return self._authorizer.authorize(question).allowed
