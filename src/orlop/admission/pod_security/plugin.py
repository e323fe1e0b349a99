"""PodSecurity: pods are held against the level that their namespace's labels enforce; what makes pods is warned of.

Namespaces without such labels are privileged, and cost a look at what is remembered with the namespace. There are no
exemptions, and no audit log to write to. Behaviour: pod-security-admission `admission/admission.go`, kubernetes
`plugin/pkg/admission/security/podsecurity`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Final

from orlop.admission.interface import CREATE, UPDATE, Attributes
from orlop.admission.pod_security import existing_pods
from orlop.admission.pod_security.evaluation import NEWEST, detailed, evaluate
from orlop.admission.pod_security.policy import PRIVILEGED, Minor, Policy, policy_of, stricter
from orlop.api import errors
from orlop.api.field import FieldError, quote
from orlop.api.gvk import GroupResource, GroupVersionResource
from orlop.api.tree import Tree
from orlop.storage.interface import Entry

_PODS: Final = GroupResource("", "pods")
_NAMESPACES: Final = GroupResource("", "namespaces")
_IGNORED: Final = frozenset({"exec", "attach", "binding", "eviction", "log", "portforward", "proxy", "status"})
"""Subresources of pods that change nothing in what a pod may do."""
_MAKERS: Final = frozenset({
    GroupResource("", "replicationcontrollers"), GroupResource("", "podtemplates"),
    GroupResource("apps", "replicasets"), GroupResource("apps", "deployments"), GroupResource("apps", "statefulsets"),
    GroupResource("apps", "daemonsets"), GroupResource("batch", "jobs"), GroupResource("batch", "cronjobs"),
})
_MEMO: Final = "pod security policy"

Labels = Callable[[Entry], Mapping[str, str]]
Pods = Callable[[str], Iterable[Tree]]


class PodSecurity:
    """`namespace` gives a namespace as stored, `labels` its labels, `pods` the pods of a namespace; `newest` is what
    the version "latest" means at most."""

    name = "PodSecurity"

    def __init__(self, namespace: Callable[[str], Entry | None], labels: Labels, pods: Pods,
                 now: Callable[[], float], newest: Minor = NEWEST) -> None:
        self._namespace, self._labels, self._pods, self._now, self._newest = namespace, labels, pods, now, newest

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        if operation not in (CREATE, UPDATE):
            return False
        kind = resource.group_resource
        if kind == _PODS:
            return subresource not in _IGNORED
        return not subresource and (kind == _NAMESPACES or kind in _MAKERS)

    def validate(self, attributes: Attributes) -> Awaitable[None] | None:
        kind = attributes.resource.group_resource
        if kind == _NAMESPACES:
            return self._validate_namespace(attributes)
        policy = self._policy(attributes.namespace)
        if policy is None:
            if kind == _PODS:
                raise errors.internal(f"failed to lookup namespace {quote(attributes.namespace)}")
            return None
        if kind == _PODS:
            if not policy.is_privileged:
                self._validate_pod(attributes, policy)
        elif policy.warn.level != PRIVILEGED:
            self._validate_maker(attributes, policy)
        return None

    def _policy(self, namespace: str) -> Policy | None:
        entry = self._namespace(namespace)
        if entry is None:
            return None
        memo = entry.memo
        if memo is None:
            memo = entry.memo = {}
        policy: Policy | None = memo.get(_MEMO)
        if policy is None:
            policy = memo[_MEMO] = policy_of(self._labels(entry))[0]
        return policy

    # --- pods and what makes them --------------------------------------------------------------------------------

    def _validate_pod(self, attributes: Attributes, policy: Policy) -> None:
        pod = attributes.obj
        assert pod is not None
        if attributes.operation == UPDATE and attributes.old is not None and not _is_significant(pod, attributes.old):
            return
        metadata, spec = pod["metadata"], pod.get("spec") or {}
        found = evaluate(policy.enforce, metadata, spec, self._newest)
        if found:
            raise attributes.forbidden(f"violates PodSecurity {quote(str(policy.enforce))}: {detailed(found)}")
        if policy.warn != policy.enforce:
            self._warn(attributes, policy, metadata, spec)

    def _validate_maker(self, attributes: Attributes, policy: Policy) -> None:
        assert attributes.obj is not None
        template = _template(attributes.resource.resource, attributes.obj)
        if template is not None:
            self._warn(attributes, policy, template.get("metadata") or {}, template.get("spec") or {})

    def _warn(self, attributes: Attributes, policy: Policy, metadata: Tree, spec: Tree) -> None:
        if found := evaluate(policy.warn, metadata, spec, self._newest):
            attributes.ctx.warn(f"would violate PodSecurity {quote(str(policy.warn))}: {detailed(found)}")

    # --- namespaces ----------------------------------------------------------------------------------------------

    def _validate_namespace(self, attributes: Attributes) -> Awaitable[None] | None:
        assert attributes.obj is not None
        policy, found = policy_of(attributes.obj["metadata"].get("labels") or {})
        if attributes.old is None:
            self._refuse_labels(attributes, found)
            return None
        before, known = policy_of(attributes.old["metadata"].get("labels") or {})
        if [(one.field, one.value) for one in found] != [(one.field, one.value) for one in known]:
            self._refuse_labels(attributes, found)
        new, old = policy.enforce, before.enforce
        if new == old or new.level == PRIVILEGED:
            return None
        if new.version == old.version and not stricter(new.level, old.level):
            return None
        return self._warn_of_pods(attributes, policy)

    @staticmethod
    def _refuse_labels(attributes: Attributes, found: list[FieldError]) -> None:
        if found:
            raise errors.invalid(attributes.kind.group_kind, attributes.name, found)

    async def _warn_of_pods(self, attributes: Attributes, policy: Policy) -> None:
        name = attributes.name
        for text in await existing_pods.warnings(name, self._pods(name), policy.enforce, self._newest, self._now):
            attributes.ctx.warn(text)


def _template(plural: str, obj: Tree) -> Tree | None:
    """The pod template, where it stands in objects of a kind."""
    if plural == "podtemplates":
        found: Tree | None = obj.get("template") or {}
        return found
    spec = obj.get("spec") or {}
    if plural == "cronjobs":
        spec = (spec.get("jobTemplate") or {}).get("spec") or {}
    template: Tree | None = spec.get("template")
    return template if plural == "replicationcontrollers" else template or {}


def _is_significant(pod: Tree, old: Tree) -> bool:
    """Whether an update can make a difference: of a running pod only images change, and ephemeral containers come."""
    new_spec, old_spec = pod.get("spec") or {}, old.get("spec") or {}
    for member in ("containers", "initContainers"):
        images = [[one.get("image") or "" for one in spec.get(member) or ()] for spec in (new_spec, old_spec)]
        if images[0] != images[1]:
            return True
    known = {one.get("name"): one.get("image") or "" for one in old_spec.get("ephemeralContainers") or ()}
    return any(known.get(one.get("name")) != (one.get("image") or "")
               for one in new_spec.get("ephemeralContainers") or ())
