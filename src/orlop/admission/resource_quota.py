"""ResourceQuota: nothing is created, and nothing grows, beyond what the quotas of its namespace leave.

The last plugin of the chain. What a write takes is added to the status of each quota that applies before the write is
made, by an update that sees the newest status whoever wrote it: of any number of writes at once only as many pass as
fit. Quotas without a status limit nothing: the quota controller gives them one. A namespace without quotas costs a
look into a dictionary. Behaviour: apiserver `pkg/admission/plugin/resourcequota`, kubernetes
`pkg/quota/v1/install/registry.go` (what is never counted).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

from orlop.admission.interface import CREATE, UPDATE, Attributes
from orlop.admission.quota_evaluators import Evaluator, Evaluators
from orlop.admission.quota_judgement import Judgement
from orlop.admission.quota_reservations import Reservations
from orlop.admission.second_look import CatchUp
from orlop.api.amounts import Amounts, take_away, written
from orlop.api.amounts import read as amounts_of
from orlop.api.errors import APIError
from orlop.api.gvk import GroupResource, GroupVersionResource
from orlop.api.tree import Tree

Change: TypeAlias = Callable[[Tree], None]
"""Changes a quota that it is given, or raises APIError. Called again when another write came between."""
Reserve: TypeAlias = Callable[[str, str, Change], Awaitable[None]]
"""Changes the stored status of a quota: (namespace, name, change)."""

_NEVER_COUNTED: Final = frozenset(GroupResource(group, name) for group, names in (
    ("", ("bindings", "componentstatuses", "events", "namespaces")),
    ("authentication.k8s.io", ("tokenreviews", "selfsubjectreviews")),
    ("authorization.k8s.io", ("subjectaccessreviews", "selfsubjectaccessreviews", "localsubjectaccessreviews",
                              "selfsubjectrulesreviews")),
    ("events.k8s.io", ("events",)),
) for name in names)


class QuotaParts(NamedTuple):
    """What the plugin and the quota controller share."""

    evaluators: Evaluators
    reservations: Reservations


class ResourceQuota:
    """`quotas` gives the quotas of a namespace by name; they are not changed."""

    name = "ResourceQuota"

    def __init__(self, quotas: Callable[[str], Mapping[str, Tree]], parts: QuotaParts, reserve: Reserve,
                 catch_up: CatchUp | None = None) -> None:
        self._quotas, self._reserve, self._catch_up = quotas, reserve, catch_up
        self._evaluators, self._reservations = parts

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        if operation not in (CREATE, UPDATE) or resource.group_resource in _NEVER_COUNTED:
            return False
        return self._evaluators.of(resource.group_resource).routes(subresource, operation)

    def validate(self, attributes: Attributes) -> Awaitable[None] | None:
        namespace = attributes.namespace
        if not namespace or not self._quotas(namespace):
            return None
        evaluator = self._evaluators.of(attributes.resource.group_resource)
        assert attributes.obj is not None
        if not evaluator.concerns(attributes.subresource, attributes.obj, attributes.old):
            return None
        try:
            charged = self._charged(attributes, evaluator)
        except APIError:
            if self._catch_up is None:
                raise
            return self._again(attributes, evaluator, self._catch_up)
        if not charged or attributes.dry_run:
            return None
        return self._take(attributes, Judgement(attributes, evaluator), charged)

    async def _again(self, attributes: Attributes, evaluator: Evaluator, catch_up: CatchUp) -> None:
        await catch_up()
        charged = self._charged(attributes, evaluator)
        if charged and not attributes.dry_run:
            await self._take(attributes, Judgement(attributes, evaluator), charged)

    def _charged(self, attributes: Attributes, evaluator: Evaluator) -> list[str]:
        """The names of the quotas that this write takes from. Raises 403 when, as far as is known, one of them has not
        that much left."""
        judgement = Judgement(attributes, evaluator)
        quotas = self._quotas(attributes.namespace)
        applying = [(name, quota) for name, quota in quotas.items() if judgement.applies(quota)]
        charged = []
        for name, quota in applying:
            if charge := judgement.charge(quota):
                judgement.check(quota, charge)
                charged.append(name)
        return charged

    async def _take(self, attributes: Attributes, judgement: Judgement, charged: list[str]) -> None:
        """From all quotas or from none."""
        taken: list[_Taking] = []
        try:
            for name in charged:
                taking = _Taking(attributes, judgement, self._reservations, name)
                taken.append(taking)
                await self._change(attributes.namespace, name, taking.take)
        except APIError:
            for taking in taken[:-1]:
                await self._change(attributes.namespace, taking.quota, taking.give_back)
            taken[-1].forget()
            raise

    async def _change(self, namespace: str, name: str, change: Change) -> None:
        """A quota that is gone meanwhile limits nothing."""
        try:
            await self._reserve(namespace, name, change)
        except APIError as error:
            if error.code != 404:
                raise


class _Taking:
    """What one write takes from one quota."""

    def __init__(self, attributes: Attributes, judgement: Judgement, reservations: Reservations, quota: str) -> None:
        self._attributes, self._judgement, self._reservations = attributes, judgement, reservations
        self.quota = quota
        self._note: int | None = None
        self._charge: Amounts = {}

    def take(self, quota: Tree) -> None:
        """The newest state of the quota decides. It may be another one by now."""
        self.forget()
        judgement = self._judgement
        if not judgement.applies(quota):
            return
        self._charge = judgement.charge(quota)
        total = judgement.check(quota, self._charge)
        if self._charge:
            quota["status"]["used"] = written(total)
            self._note = self._noted()

    def _noted(self) -> int:
        attributes = self._attributes
        assert attributes.obj is not None
        version = attributes.old["metadata"].get("resourceVersion", "") if attributes.old is not None else ""
        place = attributes.resource.group_resource, attributes.namespace, attributes.obj["metadata"].get("name", "")
        return self._reservations.note(f"{attributes.namespace}/{self.quota}", place, version, self._charge)

    def give_back(self, quota: Tree) -> None:
        used = amounts_of((quota.get("status") or {}).get("used"))
        take_away(used, self._charge)
        quota.setdefault("status", {})["used"] = written(used)
        self.forget()

    def forget(self) -> None:
        if self._note is not None:
            self._reservations.drop(self._note)
            self._note = None
