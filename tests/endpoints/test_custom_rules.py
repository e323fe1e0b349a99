"""Rules in CEL of custom resources, through the server: refusals, warnings, and what keeps them from being asked."""

from __future__ import annotations

from typing import Any

from served import MERGE, play

import orlop

Tree = dict[str, Any]
GROUP = "rules.example.com"
DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
WIDGETS = f"/apis/{GROUP}/v1/namespaces/default/widgets"
NAMES = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
SIZE = {"type": "object", "properties": {"size": {"type": "integer"}, "ratio": {"type": "number"}}}


def definition(*rules: Tree) -> Tree:
    spec = {**SIZE, "x-kubernetes-validations": list(rules)}
    version = {"name": "v1", "served": True, "storage": True,
               "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}}}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"widgets.{GROUP}"},
            "spec": {"group": GROUP, "names": NAMES, "scope": "Namespaced", "versions": [version]}}


def widget(spec: Tree, **metadata: Any) -> Tree:
    return {"apiVersion": f"{GROUP}/v1", "kind": "Widget", "metadata": metadata, "spec": spec}


async def patch(server: orlop.Server, path: str, body: Tree) -> Any:
    return await server.request("PATCH", path, body, headers=MERGE)


def causes(reply: Any) -> list[str]:
    assert reply.status == 422, reply.body
    return [f"{cause['field']}: {cause['message']}" for cause in reply.json()["details"]["causes"]]


def test_rules_refuse_and_what_stays_is_warned_of() -> None:
    """A new object has to hold; a stored one that does not may change elsewhere, with a warning."""

    async def scenario(server: orlop.Server) -> None:
        assert (await server.request("POST", DEFINITIONS, definition())).status == 201
        assert (await server.request("POST", WIDGETS, widget({"size": 1}, name="old"))).status == 201
        rule = {"rule": "self.size > 3", "message": "too small"}
        changed = definition(rule, {"rule": "!has(oldSelf.ratio) || self.ratio >= oldSelf.ratio"})
        patched = await patch(server, f"{DEFINITIONS}/widgets.{GROUP}", {"spec": changed["spec"]})
        assert patched.status == 200, patched.body
        refused = await server.request("POST", WIDGETS, widget({"size": 2}, name="new"))
        assert causes(refused) == ["spec: Invalid value: too small"]
        labelled = {"metadata": {"labels": {"a": "b"}}}
        kept = await patch(server, f"{WIDGETS}/old", labelled)
        assert kept.status == 200
        assert kept.headers["warning"] == '299 - "spec: Invalid value: too small"'
        shrunk = await patch(server, f"{WIDGETS}/old", {"spec": {"size": 0}})
        assert causes(shrunk) == ["spec: Invalid value: too small"]
        assert (await patch(server, f"{WIDGETS}/old", {"spec": {"size": 4, "ratio": 2}})).status == 200
        lower = await patch(server, f"{WIDGETS}/old", {"spec": {"ratio": 1.5}})
        assert causes(lower) == [
            "spec: Invalid value: failed rule: !has(oldSelf.ratio) || self.ratio >= oldSelf.ratio"]

    play(scenario)


def test_rules_are_not_asked_about_what_cannot_be() -> None:
    """Metadata that has no name, and whole floats in place of integers, are told as upstream tells them."""

    async def scenario(server: orlop.Server) -> None:
        assert (await server.request("POST", DEFINITIONS, definition({"rule": "self.size > 3"}))).status == 201
        nameless = causes(await server.request("POST", WIDGETS, widget({"size": 1})))
        assert "<nil>: Invalid value: null: some validation rules were not checked because the object was invalid; " \
               "correct the existing errors to complete validation" in nameless
        assert not any("failed rule" in cause for cause in nameless)
        whole = causes(await server.request("POST", WIDGETS, widget({"size": 4.0}, name="a")))
        assert whole == ['spec: Invalid value: "object": invalid data, expected int, got float64 evaluating rule: '
                         "self.size > 3"]
        assert (await server.request("POST", WIDGETS, widget({"size": 4}, name="a"))).status == 201

    play(scenario)
