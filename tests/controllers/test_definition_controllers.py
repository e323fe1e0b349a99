"""What becomes of a CustomResourceDefinition: names, Established, its end. A whole server without a socket."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import fields
from typing import Any
from unittest.mock import patch

import orlop
from orlop.api.errors import APIError
from orlop.controllers.definition_status import GROUP, PLURAL
from orlop.server.custom_kinds import CustomKinds
from orlop.storage.interface import Event
from orlop.storage.predicate import EVERYTHING

PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAME = "widgets.example.com"
Tree = dict[str, Any]
MERGE = {"content-type": "application/merge-patch+json"}


def definition(plural: str = "widgets", kind: str = "Widget", group: str = "example.com", **names: Any) -> Tree:
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": {"type": "object"}}}
    return {"metadata": {"name": f"{plural}.{group}"},
            "spec": {"group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": kind, **names},
                     "versions": [version]}}


class World:
    """A server; `left` is how many objects a deletion of all of them leaves, in turn."""

    def __init__(self, *left: int | APIError) -> None:
        self.left = list(left)
        self.deletions = 0
        self.server: orlop.Server

    async def delete_instances(self, definition: Tree) -> int:
        self.deletions += 1
        found = self.left.pop(0) if self.left else 0
        if isinstance(found, APIError):
            raise found
        return found

    async def post(self, body: Tree) -> Tree:
        reply = await self.server.request("POST", PATH, body)
        assert reply.status == 201, reply.body
        made: Tree = reply.json()
        return made

    async def get(self, name: str = NAME) -> Tree:
        found: Tree = (await self.server.request("GET", f"{PATH}/{name}")).json()
        return found

    def told(self) -> list[str]:
        """What the condition Terminating says from now on, one after the other."""
        said: list[str] = []

        def note(events: Sequence[Event]) -> None:
            for event in events:
                one = condition(event.entry.tree(), "Terminating")
                said.append(f"{one.get('status')} {one.get('reason')}: {one.get('message')}")

        cache = self.server.running.application.stores[(GROUP, PLURAL)].cache
        cache.subscribe(EVERYTHING, note, lasting=True)
        return said

    async def until(self, wanted: Callable[[Tree], bool], name: str = NAME) -> Tree:
        """The definition once it is as wanted."""
        cache = self.server.running.application.stores[(GROUP, PLURAL)].cache
        moved = asyncio.Event()
        subscriber = cache.subscribe(EVERYTHING, lambda events: moved.set(), lasting=True)
        try:
            found = await self.get(name)
            while not wanted(found):
                await moved.wait()
                moved.clear()
                found = await self.get(name)
        finally:
            subscriber.cancel()
        return found


def play(scenario: Callable[[World], Awaitable[None]], *left: int | APIError) -> None:
    """Run a scenario against a server of its own, without controllers of other kinds."""
    off: dict[str, Any] = {field.name: False for field in fields(orlop.Config) if field.name.endswith("_controller")}
    world = World(*left)

    async def playing() -> None:
        async with asyncio.timeout(30), orlop.Server(listen=False, **off) as world.server:
            await scenario(world)

    with patch.object(CustomKinds, "delete_instances", lambda kinds, definition: world.delete_instances(definition)):
        asyncio.run(playing())


def condition(found: Tree, kind: str) -> Tree:
    """A condition without its time."""
    conditions = (found.get("status") or {}).get("conditions") or ()
    wanted: Tree = next((dict(one) for one in conditions if one["type"] == kind), {})
    wanted.pop("lastTransitionTime", None)
    return wanted


def says(kind: str, status: str, reason: str = "") -> Callable[[Tree], bool]:
    def wanted(found: Tree) -> bool:
        one = condition(found, kind)
        return one.get("status") == status and reason in ("", one["reason"])

    return wanted


def gone(found: Tree) -> bool:
    return found.get("kind") == "Status"


established = says("Established", "True")


def test_a_definition_is_established() -> None:
    """Names are accepted and the kind established, under the name of the server itself."""

    async def scenario(world: World) -> None:
        made = await world.post(definition(shortNames=["wd"], categories=["all"]))
        assert made["status"] == {"conditions": None, "acceptedNames": {"plural": "", "kind": ""},
                                  "storedVersions": ["v1"]}
        found = await world.until(established)
        assert condition(found, "NamesAccepted") == {
            "type": "NamesAccepted", "status": "True", "reason": "NoConflicts", "message": "no conflicts found"}
        assert condition(found, "Established") == {
            "type": "Established", "status": "True", "reason": "InitialNamesAccepted",
            "message": "the initial names have been accepted"}
        assert found["status"]["acceptedNames"] == {
            "plural": "widgets", "singular": "widget", "shortNames": ["wd"], "kind": "Widget",
            "listKind": "WidgetList", "categories": ["all"]}
        ours = next(one for one in found["metadata"]["managedFields"] if one["manager"] == "kube-apiserver")
        assert (ours["operation"], ours["subresource"]) == ("Update", "status")
        assert set(ours["fieldsV1"]["f:status"]["f:conditions"]) == {
            'k:{"type":"Established"}', 'k:{"type":"NamesAccepted"}'}
        assert found["metadata"]["generation"] == 1

    play(scenario)



def test_watchers_see_names_before_the_kind_is_established() -> None:
    """Names accepted is one write, Established the next."""

    async def scenario(world: World) -> None:
        async with await world.server.watch(PATH) as events:
            await world.post(definition())
            seen = []
            async for event in events:
                seen.append(condition(event["object"], "Established"))
                if established(event["object"]):
                    break
        assert [one.get("reason") for one in seen] == [None, "Installing", "InitialNamesAccepted"]

    play(scenario)


def test_names_are_given_to_who_comes_first() -> None:
    """Each conflict is told, the last one wins; names without a conflict are accepted all the same."""

    async def scenario(world: World) -> None:
        await world.post(definition("aas", "Aa", shortNames=["q", "r"]))
        await world.until(established, "aas.example.com")
        refused: list[tuple[Tree, str, str, Tree]] = [
            (definition("bbs", "Bb", shortNames=["q", "r", "q"]), "ShortNamesConflict",
             '["q" is already in use, "r" is already in use]',
             {"plural": "bbs", "singular": "bb", "kind": "Bb", "listKind": "BbList"}),
            (definition("ccs", "Aa"), "ListKindConflict", '"AaList" is already in use', {"plural": "ccs", "kind": ""}),
            (definition("dds", "Dd", singular="aa"), "SingularConflict", '"aa" is already in use',
             {"plural": "dds", "kind": "Dd", "listKind": "DdList"}),
            (definition("ffs", "Ff", singular="aas", listKind="Aa", shortNames=["q"]), "ListKindConflict",
             '"Aa" is already in use', {"plural": "ffs", "kind": "Ff"}),
        ]
        for body, reason, message, accepted in refused:
            name = body["metadata"]["name"]
            await world.post(body)
            found = await world.until(says("NamesAccepted", "False"), name)
            assert condition(found, "NamesAccepted") == {
                "type": "NamesAccepted", "status": "False", "reason": reason, "message": message}
            assert condition(found, "Established")["reason"] == "NotAccepted"
            assert found["status"]["acceptedNames"] == accepted

    play(scenario)


def test_other_groups_have_names_of_their_own() -> None:
    """The same names in another group are no conflict, nor are those of built-in kinds."""

    async def scenario(world: World) -> None:
        await world.post(definition("pods", "Pod"))
        await world.post(definition("pods", "Pod", group="other.example.com"))
        await world.until(established, "pods.example.com")
        await world.until(established, "pods.other.example.com")

    play(scenario)


def test_names_become_free() -> None:
    """By a deletion, and by a definition that asks for other ones."""

    async def scenario(world: World) -> None:
        await world.post(definition("aas", "Aa", shortNames=["q"]))
        await world.until(established, "aas.example.com")
        await world.post(definition("bbs", "Bb", shortNames=["q"]))
        await world.until(says("NamesAccepted", "False"), "bbs.example.com")
        renamed = {"spec": {"names": {"shortNames": ["z"]}}}
        await world.server.request("PATCH", f"{PATH}/aas.example.com", renamed, headers=MERGE)
        await world.until(established, "bbs.example.com")
        await world.post(definition("ccs", "Aa"))
        await world.until(says("NamesAccepted", "False"), "ccs.example.com")
        await world.server.request("DELETE", f"{PATH}/aas.example.com")
        found = await world.until(established, "ccs.example.com")
        assert found["status"]["acceptedNames"]["kind"] == "Aa"

    play(scenario)


def test_what_is_established_stays_so() -> None:
    """A conflict of a new short name is told, and the kind is served on under its old names."""

    async def scenario(world: World) -> None:
        await world.post(definition("aas", "Aa", shortNames=["q"]))
        await world.post(definition())
        await world.until(established, "aas.example.com")
        await world.until(established)
        body = {"spec": {"names": {"shortNames": ["q"]}}}
        await world.server.request("PATCH", f"{PATH}/{NAME}", body, headers=MERGE)
        found = await world.until(says("NamesAccepted", "False", "ShortNamesConflict"))
        assert established(found)

    play(scenario)


def test_a_bad_bundle_holds_the_kind_back() -> None:
    """A webhook whose CA bundle is no certificate cannot convert; a right one establishes the kind."""

    async def scenario(world: World) -> None:
        body = definition()
        client = {"url": "https://example.com", "caBundle": "bm90IHBlbQ=="}
        body["spec"]["conversion"] = {
            "strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"], "clientConfig": client}}
        await world.post(body)
        found = await world.until(says("Established", "False", "InvalidCABundle"))
        assert condition(found, "Established")["message"] == "The conversion webhook CABundle is invalid"
        fixed = {"spec": {"conversion": {"webhook": {"clientConfig": {"caBundle": None}}}}}
        await world.server.request("PATCH", f"{PATH}/{NAME}", fixed, headers=MERGE)
        await world.until(established)

    play(scenario)


def test_protected_groups_tell_their_approval() -> None:
    """With a URL it is approved, and a group that needs none is silent."""

    async def scenario(world: World) -> None:
        body = definition(group="t.k8s.io")
        body["metadata"]["annotations"] = {"api-approved.kubernetes.io": "https://example.com/1"}
        await world.post(body)
        kind = "KubernetesAPIApprovalPolicyConformant"
        found = await world.until(says(kind, "True"), "widgets.t.k8s.io")
        assert condition(found, kind)["message"] == "approved in https://example.com/1"
        changed = {"metadata": {"annotations": {"api-approved.kubernetes.io": "unapproved, a test"}}}
        await world.server.request("PATCH", f"{PATH}/widgets.t.k8s.io", changed, headers=MERGE)
        found = await world.until(says(kind, "False"), "widgets.t.k8s.io")
        assert condition(found, kind)["message"] == 'not approved: "unapproved, a test"'
        await world.post(definition())
        assert condition(await world.until(established), kind) == {}

    play(scenario)


# --- the end -----------------------------------------------------------------------------------------------------

def test_a_definition_ends_when_its_objects_are_gone() -> None:
    """The answer to DELETE shows the beginning; looks follow until nothing is left."""

    async def scenario(world: World) -> None:
        await world.post(definition())
        await world.until(established)
        told = world.told()
        reply = await world.server.request("DELETE", f"{PATH}/{NAME}")
        ending = reply.json()
        assert ending["metadata"]["finalizers"] == ["customresourcecleanup.apiextensions.k8s.io"]
        assert ending["metadata"]["deletionTimestamp"] and "deletionGracePeriodSeconds" not in ending["metadata"]
        assert condition(ending, "Terminating") == {
            "type": "Terminating", "status": "True", "reason": "InstanceDeletionPending",
            "message": "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon"}
        await world.until(gone)
        assert world.deletions == 3
        assert told[1:2] == ["True InstanceDeletionInProgress: CustomResource deletion is in progress"]

    play(scenario, 2, 1, 0)


def test_a_failed_deletion_is_told_and_tried_again() -> None:
    """What the store of the objects said comes into the status."""

    async def scenario(world: World) -> None:
        await world.post(definition())
        await world.until(established)
        told = world.told()
        await world.server.request("DELETE", f"{PATH}/{NAME}")
        await world.until(gone)
        assert "True InstanceDeletionFailed: could not issue all deletes: no way" in told
        assert world.deletions == 2

    play(scenario, APIError(500, "InternalError", "no way"))


def test_what_was_never_served_has_no_objects() -> None:
    """Nothing is deleted for a definition that was not established; other finalizers hold it with the reason."""

    async def scenario(world: World) -> None:
        await world.post(definition("aas", "Aa"))
        await world.until(established, "aas.example.com")
        body = definition("bbs", "Bb", singular="aa")
        body["metadata"]["finalizers"] = ["example.com/mine"]
        await world.post(body)
        await world.until(says("NamesAccepted", "False"), "bbs.example.com")
        await world.server.request("DELETE", f"{PATH}/bbs.example.com")
        found = await world.until(says("Terminating", "False"), "bbs.example.com")
        assert condition(found, "Terminating")["reason"] == "NeverEstablished" and world.deletions == 0
        assert found["metadata"]["finalizers"] == ["example.com/mine"]
        free = {"metadata": {"finalizers": None}}
        await world.server.request("PATCH", f"{PATH}/bbs.example.com", free, headers=MERGE)
        await world.until(gone, "bbs.example.com")

    play(scenario)


def test_preconditions_of_a_deletion() -> None:
    """A wrong uid or version is refused in words of its own; a dry run leaves everything as it is."""

    async def scenario(world: World) -> None:
        await world.post(definition())
        before = await world.until(established)
        for member, label in (("uid", "UID"), ("resourceVersion", "ResourceVersion")):
            options = {"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": {member: "1"}}
            reply = await world.server.request("DELETE", f"{PATH}/{NAME}", options)
            actual = before["metadata"][member]
            assert reply.status == 409 and reply.json()["message"] == (
                f'Operation cannot be fulfilled on customresourcedefinitions.apiextensions.k8s.io "{NAME}": '
                f"Precondition failed: {label} in precondition: 1, {label} in object meta: {actual}")
        dry = await world.server.request("DELETE", f"{PATH}/{NAME}", query={"dryRun": "All"})
        assert dry.json()["metadata"]["finalizers"] and await world.get() == before

    play(scenario)


def test_a_collection_is_deleted_at_once() -> None:
    """As upstream's deletecollection knows nothing of the definitions' way of ending."""

    async def scenario(world: World) -> None:
        await world.post(definition())
        await world.until(established)
        await world.server.request("DELETE", PATH)
        assert gone(await world.get()) and world.deletions == 0

    play(scenario)
