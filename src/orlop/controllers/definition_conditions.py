"""The controller that makes a definition's kind available: accepts its names, then establishes it.

Follows the definitions' watch cache, and writes through `definition_status`. One definition at a time, as names are
given to who comes first; `names` decides. Also tells whether the schemas are structural, which matters for definitions
from before that was required, and whether a definition in a protected group is approved. Whoever serves custom
resources waits for the condition Established; upstream sets it in a second write too, and so watchers see both.
Behaviour: apiextensions-apiserver `pkg/controller/{status,establish,nonstructuralschema,apiapproval}`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from orlop.api.tree import Tree
from orlop.controllers import definition_names as names
from orlop.controllers.definition_status import Change, DefinitionStatus
from orlop.controllers.work_queue import WorkQueue
from orlop.kinds.definitions import ca_bundle, conditions
from orlop.kinds.definitions.approval import APPROVED, BYPASSED, INVALID, approval, protected
from orlop.kinds.definitions.structure import complaint_about
from orlop.storage.interface import DELETED, Entry, Event
from orlop.storage.predicate import EVERYTHING
from orlop.storage.subscriptions import Subscriber

_ESTABLISHED: Final = conditions.condition(
    conditions.ESTABLISHED, "True", "InitialNamesAccepted", "the initial names have been accepted")
_BAD_BUNDLE: Final = conditions.condition(
    conditions.ESTABLISHED, "False", "InvalidCABundle", "The conversion webhook CABundle is invalid")
_APPROVALS: Final = {INVALID: ("False", "InvalidAnnotation"), APPROVED: ("True", "ApprovedAnnotation"),
                     BYPASSED: ("False", "UnapprovedAnnotation")}
_UNANSWERED: Final = ("False", "MissingAnnotation")


class DefinitionController:
    def __init__(self, status: DefinitionStatus) -> None:
        self._status = status
        self._queue = WorkQueue("definitions", self._reconcile, workers=1)
        self._subscribers: list[Subscriber] = []
        self._looked_at: dict[str, tuple[str, int]] = {}
        """uid and generation of definitions whose schemas were looked at, by name; as many as there are."""
        self._accepted: dict[str, tuple[int, Tree]] = {}
        """Revisions of definitions, and the names that they had then; as many as there are."""
        self._done: dict[str, tuple[str, bool]] = {}
        """Resource versions at which nothing was left to do, and whether the names asked for were all accepted then,
        which is so whatever others do; as many as there are."""

    def start(self) -> None:
        store = self._status.store
        for entry in store.cache.select(EVERYTHING).entries:
            self._queue.add(entry.key[len(store.prefix):])
        self._subscribers = [store.cache.subscribe(EVERYTHING, self._on_events, lasting=True)]
        self._queue.start()

    async def stop(self) -> None:
        for subscriber in self._subscribers:
            subscriber.cancel()
        await self._queue.stop()

    def _on_events(self, events: Sequence[Event]) -> None:
        prefix = self._status.store.prefix
        for event in events:
            name = event.entry.key[len(prefix):]
            if event.type == DELETED:
                self._looked_at.pop(name, None)
                self._accepted.pop(name, None)
                self._done.pop(name, None)
                self._look_at_others(name)
            else:
                self._queue.add(name)

    def _look_at_others(self, name: str) -> None:
        """A name may be free now: all others of the group are asked again."""
        store, group = self._status.store, f".{_group(name)}"
        for entry in store.cache.select(EVERYTHING).entries:
            if entry.key.endswith(group):
                other = entry.key[len(store.prefix):]
                if other != name and _group(other) == _group(name) and not self._done.get(other, ("", False))[1]:
                    self._done.pop(other, None)
                    self._queue.add(other)

    async def _reconcile(self, name: str) -> bool:
        if self._status.version(name) == self._done.get(name, ("", False))[0]:
            return False
        definition = self._status.read(name)
        for step in (self._name_and_establish, self._look_at_schemas, self._look_at_approval):
            if definition is None:
                return False
            if await step(name, definition):
                definition = self._status.read(name)
        if definition is not None:
            content = names.requested_names(definition) == names.accepted_names(definition)
            self._done[name] = (definition["metadata"]["resourceVersion"], content)
        return False

    # --- names ---------------------------------------------------------------------------------------------------

    async def _name_and_establish(self, name: str, definition: Tree) -> bool:
        """Two writes, as watchers know it, but begun together: a kind is served from the first one on, and who uses it
        then finds the definition settled."""
        uid = definition["metadata"]["uid"]
        wanted = [change for change in (self._rename, self._to_established) if change(definition)]
        written = await asyncio.gather(*(self._status.change(name, uid, change) for change in wanted))
        if self._rename in wanted and written[0]:
            self._look_at_others(name)
        return any(written)

    def _rename(self, definition: Tree) -> bool:
        wanted, has = names.requested_names(definition), names.accepted_names(definition)
        if wanted == has:
            return False
        verdict = names.judge(definition, self._taken((definition.get("spec") or {}).get("group") or ""))
        before = conditions.find(definition, conditions.NAMES_ACCEPTED)
        if verdict.names == has and conditions.says(before, verdict.accepted):
            return False
        definition.setdefault("status", {})["acceptedNames"] = names.told(verdict.names)
        now = self._status.now()
        conditions.put(definition, verdict.accepted, now)
        conditions.put(definition, verdict.established, now)
        return True

    def _taken(self, group: str) -> names.Taken:
        store = self._status.store
        entries = [(entry, entry.key[len(store.prefix):]) for entry in store.cache.select(EVERYTHING).entries
                   if entry.key.endswith(f".{group}")]
        return names.taken(self._accepted_by(entry, name) for entry, name in entries if _group(name) == group)

    def _accepted_by(self, entry: Entry, name: str) -> Tree:
        known = self._accepted.get(name)
        if known is None or known[0] != entry.revision:
            known = self._accepted[name] = (entry.revision, names.accepted_names(entry.tree()))
        return known[1]

    # --- what follows from the names -----------------------------------------------------------------------------

    def _to_established(self, definition: Tree) -> bool:
        if not conditions.holds(definition, conditions.NAMES_ACCEPTED) \
                or conditions.holds(definition, conditions.ESTABLISHED):
            return False
        webhook = ((definition.get("spec") or {}).get("conversion") or {}).get("webhook") or {}
        client = webhook.get("clientConfig")
        wanted = _BAD_BUNDLE if client and ca_bundle.complaint(client.get("caBundle") or "") else _ESTABLISHED
        return self._put(definition, wanted)

    async def _look_at_schemas(self, name: str, definition: Tree) -> bool:
        metadata = definition["metadata"]
        seen = (metadata["uid"], metadata.get("generation") or 0)
        if self._looked_at.get(name) == seen:
            return False
        written = await self._change(name, definition, self._to_structural)
        self._looked_at[name] = seen
        return written

    def _to_structural(self, definition: Tree) -> bool:
        wanted = complaint_about(definition)
        if wanted is not None:
            return self._put(definition, wanted)
        if conditions.find(definition, conditions.NON_STRUCTURAL) is None:
            return False
        conditions.remove(definition, conditions.NON_STRUCTURAL)
        return True

    async def _look_at_approval(self, name: str, definition: Tree) -> bool:
        if not protected((definition.get("spec") or {}).get("group") or ""):
            return False
        return await self._change(name, definition, self._to_approved)

    def _to_approved(self, definition: Tree) -> bool:
        state, message = approval(definition["metadata"])
        status, reason = _APPROVALS.get(state, _UNANSWERED)
        return self._put(definition, conditions.condition(conditions.APPROVAL, status, reason, message))

    def _put(self, definition: Tree, wanted: Tree) -> bool:
        if conditions.says(conditions.find(definition, wanted["type"]), wanted):
            return False
        conditions.put(definition, wanted, self._status.now())
        return True

    async def _change(self, name: str, definition: Tree, change: Change) -> bool:
        """Nothing is written where nothing changes: the definition at hand is asked first, and is of no more use after
        a change."""
        return change(definition) and await self._status.change(name, definition["metadata"]["uid"], change)


def _group(name: str) -> str:
    """A definition is called by its plural, which has no dots, and its group."""
    return name.partition(".")[2]
