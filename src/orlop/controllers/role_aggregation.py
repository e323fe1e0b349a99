"""The role aggregation controller: fills the rules of cluster roles that are made of others (admin, edit, view).

Follows the cluster roles' watch cache; writes through their store, and only when the rules differ. Behaviour:
kube-controller-manager `pkg/controller/clusterroleaggregation`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from orlop.api import labels
from orlop.api.tree import Tree
from orlop.controllers.work_queue import WorkQueue
from orlop.controllers.writer import Writer
from orlop.storage.interface import Event
from orlop.storage.predicate import EVERYTHING, Predicate

_GROUP: Final = "rbac.authorization.k8s.io"
_PLURAL: Final = "clusterroles"


class RoleAggregationController:
    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._roles = writer.stores[(_GROUP, _PLURAL)]
        self._aggregated: set[str] = set()
        self._queue = WorkQueue("role-aggregation", self._reconcile, workers=1)

    def start(self) -> None:
        for entry in self._roles.cache.select(EVERYTHING).entries:
            self._note(entry.key.rpartition("/")[2], entry.tree())
        self._look_again()
        self._subscribers = [self._roles.cache.subscribe(EVERYTHING, self._on_events, lasting=True)]
        self._queue.start()

    async def stop(self) -> None:
        for subscriber in self._subscribers:
            subscriber.cancel()
        await self._queue.stop()

    def _note(self, name: str, role: Tree) -> None:
        if role.get("aggregationRule"):
            self._aggregated.add(name)
        else:
            self._aggregated.discard(name)

    def _look_again(self) -> None:
        for name in self._aggregated:
            self._queue.add(name)

    def _on_events(self, events: Sequence[Event]) -> None:
        """Any change of any role may matter to every aggregated one; there are few of them, and a role that is right
        already is not written."""
        for event in events:
            self._note(event.entry.key.rpartition("/")[2], event.entry.tree())
        self._look_again()

    async def _reconcile(self, name: str) -> bool:
        entry = self._roles.cache.peek(self._roles.prefix + name)
        if entry is None:
            self._aggregated.discard(name)
            return False
        role = entry.tree()
        rules = self._rules(name, role)
        if rules == (role.get("rules") or []):
            return False

        def change(stored: Tree) -> bool:
            stored["rules"] = rules
            return True

        await self._writer.change(self._roles, _GROUP, _PLURAL, "", name, change)
        return False

    def _rules(self, name: str, role: Tree) -> list[Tree]:
        """The rules of all selected roles, in order of selector and name, without repeats."""
        rules: list[Tree] = []
        for selector in (role.get("aggregationRule") or {}).get("clusterRoleSelectors") or ():
            wanted = Predicate(labels=labels.from_label_selector(selector))
            for entry in self._roles.cache.select(wanted).entries:
                if entry.key.rpartition("/")[2] == name:
                    continue
                rules += [rule for rule in entry.tree().get("rules") or () if rule not in rules]
        return rules
