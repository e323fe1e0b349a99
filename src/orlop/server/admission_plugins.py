"""The built-in admission plugins in upstream's order, and which of them are on.

Made by `Application`. Plugins that call webhooks, evaluate policies or serve features that are off in this release are
not here. Behaviour: kubernetes `pkg/kubeapiserver/options/plugins.go` AllOrderedPlugins and
DefaultOffAdmissionPlugins, `pkg/kubeapiserver/options/admission.go` (who wins).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from orlop.admission.always import AlwaysAdmit, AlwaysDeny
from orlop.admission.always_pull_images import AlwaysPullImages
from orlop.admission.certificate_approval import CertificateApproval
from orlop.admission.certificate_signing import CertificateSigning
from orlop.admission.certificate_subject_restriction import CertificateSubjectRestriction
from orlop.admission.default_ingress_class import DefaultIngressClass
from orlop.admission.default_storage_class import DefaultStorageClass
from orlop.admission.default_toleration_seconds import DefaultTolerationSeconds
from orlop.admission.deny_external_ips import DenyServiceExternalIPs
from orlop.admission.extended_resource_toleration import ExtendedResourceToleration
from orlop.admission.interface import Plugin
from orlop.admission.limit_anti_affinity_topology import LimitPodHardAntiAffinityTopology
from orlop.admission.limit_ranger import LimitRanger
from orlop.admission.namespace_existence import NamespaceAutoProvision, NamespaceExists
from orlop.admission.namespace_lifecycle import NamespaceLifecycle
from orlop.admission.node_declared_features import NodeDeclaredFeatureValidator
from orlop.admission.owner_references import OwnerReferencesPermissionEnforcement
from orlop.admission.persistent_volume_claim_resize import PersistentVolumeClaimResize
from orlop.admission.pod_node_selector import PodNodeSelector
from orlop.admission.pod_resize import PodResizeValidator
from orlop.admission.pod_security.evaluation import NEWEST
from orlop.admission.pod_security.plugin import PodSecurity
from orlop.admission.pod_toleration_restriction import PodTolerationRestriction
from orlop.admission.pod_topology_labels import PodTopologyLabels
from orlop.admission.priority import Priority, SoleDefaultPriority
from orlop.admission.resource_quota import QuotaParts, ResourceQuota
from orlop.admission.runtime_class import RuntimeClass
from orlop.admission.second_look import CatchUp
from orlop.admission.service_account import ServiceAccount
from orlop.admission.storage_object_in_use_protection import StorageObjectInUseProtection
from orlop.admission.taint_nodes import TaintNodesByCondition
from orlop.auth.interface import Authorizer
from orlop.server.admission_sources import AdmissionSources, Stores
from orlop.server.quota_status import Fields
from orlop.world.entropy import Entropy

OFF_BY_DEFAULT: Final = frozenset({
    "AlwaysAdmit", "AlwaysDeny", "AlwaysPullImages", "DenyServiceExternalIPs", "ExtendedResourceToleration",
    "LimitPodHardAntiAffinityTopology", "NamespaceAutoProvision", "NamespaceExists",
    "OwnerReferencesPermissionEnforcement", "PodNodeSelector", "PodTolerationRestriction",
})
WITHOUT_EFFECT: Final = frozenset({
    "ClusterTrustBundleAttest", "JobValidation", "PodGroupProtection", "PodGroupWorkloadExists",
})
"""Upstream's names of plugins whose features are off by default: they may be asked for and do nothing."""


class AdmissionPlugins:
    """`catch_up`: where others write too, what to await before something is refused. `follow` starts when the caches
    have. `newest_policy`: the minor version that PodSecurity's "latest" means at most. `quota_fields`: who tracks the
    owners of fields in the status of quotas."""

    def __init__(self, stores: Stores, authorizer: Authorizer, catch_up: CatchUp | None, entropy: Entropy,
                 newest_policy: int = NEWEST, quota_fields: Fields | None = None) -> None:
        self._sources, self._catch_up = AdmissionSources(stores, authorizer, quota_fields), catch_up
        self._entropy, self._newest_policy = entropy, newest_policy
        self.all: Sequence[Plugin] = self._make()

    @property
    def every(self) -> Sequence[Plugin]:
        """Those that are on unless somebody switches them off."""
        return self.enabled((), ())

    @property
    def quota_parts(self) -> QuotaParts:
        """Shared with the quota controller."""
        return self._sources.quota_parts

    def enabled(self, wanted: Collection[str], unwanted: Collection[str]) -> list[Plugin]:
        """By upstream's names. What is wanted is on, also where it is unwanted too."""
        return [plugin for plugin in self.all
                if plugin.name in wanted or not (plugin.name in unwanted or plugin.name in OFF_BY_DEFAULT)]

    def unknown(self, names: Collection[str]) -> list[str]:
        """Names that mean nothing here."""
        known = {plugin.name for plugin in self.all} | WITHOUT_EFFECT
        return [name for name in names if name not in known]

    def follow(self) -> None:
        self._sources.follow()

    def _make(self) -> list[Plugin]:
        sources, catch_up = self._sources, self._catch_up
        priorities, storage = sources.priorities.by_name, sources.storage.by_name
        return [
            AlwaysAdmit(),
            NamespaceAutoProvision(sources.has_namespace, sources.make_namespace),
            NamespaceLifecycle(sources.namespace, sources.phase, catch_up),
            NamespaceExists(sources.has_namespace, catch_up),
            LimitPodHardAntiAffinityTopology(),
            LimitRanger(sources.ranges.of, catch_up),
            ServiceAccount(sources.accounts.by_name, self._entropy.suffix, catch_up),
            TaintNodesByCondition(),
            AlwaysPullImages(),
            PodSecurity(sources.namespace, sources.labels, sources.pods, sources.quota_status.now,
                        self._newest_policy),
            PodNodeSelector(sources.annotations),
            Priority(priorities, catch_up),
            SoleDefaultPriority(priorities, catch_up),
            DefaultTolerationSeconds(),
            PodTolerationRestriction(sources.annotations),
            ExtendedResourceToleration(),
            DefaultStorageClass(storage),
            StorageObjectInUseProtection(),
            OwnerReferencesPermissionEnforcement(sources.ask, sources.owner, catch_up),
            PersistentVolumeClaimResize(storage, catch_up),
            RuntimeClass(sources.runtimes.by_name, catch_up),
            CertificateApproval(sources.may_sign, catch_up),
            CertificateSigning(sources.may_sign, catch_up),
            CertificateSubjectRestriction(),
            DefaultIngressClass(sources.ingress.by_name),
            DenyServiceExternalIPs(),
            PodTopologyLabels(sources.node_labels),
            NodeDeclaredFeatureValidator(sources.node, catch_up),
            PodResizeValidator(sources.node, catch_up),
            ResourceQuota(sources.quotas.by_name, sources.quota_parts, sources.quota_status.change, catch_up),
            AlwaysDeny(),
        ]
