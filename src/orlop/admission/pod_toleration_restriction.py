"""PodTolerationRestriction: pods get the tolerations that an annotation of their namespace gives, and have none beyond
those that another one allows. Off unless asked for; without a configuration file for the whole cluster.

Behaviour: kubernetes `plugin/pkg/admission/podtolerationrestriction/admission.go`, `pkg/util/tolerations`.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Final

import orjson

from orlop.admission.interface import CREATE, UPDATE, Attributes
from orlop.admission.pod_node_selector import Annotations
from orlop.admission.quota_scopes import is_best_effort
from orlop.admission.tolerations import includes, merge
from orlop.api import errors
from orlop.api.gvk import GroupResource, GroupVersionResource
from orlop.api.tree import Tree

_PODS: Final = GroupResource("", "pods")
_DEFAULTS: Final = "scheduler.alpha.kubernetes.io/defaultTolerations"
_ALLOWED: Final = "scheduler.alpha.kubernetes.io/tolerationsWhitelist"
_MEMORY_PRESSURE: Final = {"key": "node.kubernetes.io/memory-pressure", "operator": "Exists", "effect": "NoSchedule"}
_REFUSED: Final = ("pod tolerations (possibly merged with namespace default tolerations) conflict with its namespace "
                   "whitelist")


class PodTolerationRestriction:
    name = "PodTolerationRestriction"

    def __init__(self, annotations: Annotations) -> None:
        self._annotations = annotations

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return resource.group_resource == _PODS and not subresource and operation in (CREATE, UPDATE)

    def admit(self, attributes: Attributes) -> None:
        pod = attributes.obj
        assert pod is not None
        more = self._listed(attributes.namespace, _DEFAULTS) if attributes.operation == CREATE else []
        if not is_best_effort(pod):
            more = [*more, dict(_MEMORY_PRESSURE)]
        if more:
            spec = pod.setdefault("spec", {})
            spec["tolerations"] = merge(spec.get("tolerations") or [], more)
        self.validate(attributes)

    def validate(self, attributes: Attributes) -> None:
        assert attributes.obj is not None
        tolerations = (attributes.obj.get("spec") or {}).get("tolerations") or ()
        allowed = self._listed(attributes.namespace, _ALLOWED) if tolerations else []
        if allowed and not all(any(includes(one, toleration) for one in allowed) for toleration in tolerations):
            raise errors.unknown(_REFUSED)

    def _listed(self, namespace: str, annotation: str) -> Sequence[Tree]:
        text = self._annotations(namespace).get(annotation, "")
        if not text:
            return []
        try:
            listed = orjson.loads(text)
        except ValueError as error:
            raise errors.unknown(str(error)) from None
        return [copy.copy(one) for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
