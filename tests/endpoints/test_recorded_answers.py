"""Patches, applies, deletion and the rooms of objects against a real kube-apiserver: the same requests in the same
order, the same answers. `tests/data/answers/README.md` says what is recorded."""

from __future__ import annotations

import json
import re
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from served import play

import orlop

ANSWERS = Path(__file__).parent.parent / "data" / "answers"
METADATA = ("name", "finalizers", "generation", "deletionGracePeriodSeconds", "deletionTimestamp", "labels",
            "annotations", "ownerReferences")  # fmt: skip
SPEC = ("replicas", "nodeName", "ephemeralContainers", "finalizers", "activeDeadlineSeconds", "audiences",
        "expirationSeconds", "boundObjectRef")  # fmt: skip
STATUS = ("phase", "conditions", "replicas", "selector", "disruptionsAllowed", "disruptedPods", "token", "certificate")
PARTS = {"metadata": METADATA, "spec": SPEC, "status": STATUS}
KEPT = ("kind", "code", "message", "reason", "details", *PARTS)
CHANGING = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "UID"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "TS"),
    (re.compile(r"(precondition \(|in record \(|object meta: |current: )\d+"), r"\1N"),
    (re.compile(r'Invalid value: "\{.*\}": '), "Invalid value: DOCUMENT: "),
)
"""What differs from run to run; and of the documents that errors quote whole, the order of the members."""


def steady(value: Any, name: str = "") -> Any:
    """A value without what differs from run to run."""
    if isinstance(value, dict):
        return {key: steady(inner, key) for key, inner in value.items()}
    if isinstance(value, list):
        return [steady(inner) for inner in value]
    if not isinstance(value, str):
        return value
    if name == "token":
        return "TOKEN"
    return reduce(lambda text, rule: rule[0].sub(rule[1], text), CHANGING, value)


def kept(obj: Any, owners: bool) -> Any:
    """The parts of an answer that are recorded; `owners` with managedFields, whose order depends on the second."""
    if not isinstance(obj, dict):
        return obj
    if "items" in obj:
        return {"kind": obj["kind"], "items": [kept(item, owners) for item in obj["items"]]}
    found = {key: obj[key] for key in KEPT if key in obj}
    for part, names in PARTS.items():
        if isinstance(found.get(part), dict):
            found[part] = {key: value for key, value in found[part].items() if key in names}
    if owners and "managedFields" in (metadata := obj.get("metadata", {})):
        found["metadata"]["managedFields"] = sorted(metadata["managedFields"], key=str)
    return found


class Player:
    """Plays recorded requests against a server, and notes where the answers are others."""

    def __init__(self, server: orlop.Server, owners: bool) -> None:
        self._server, self._owners = server, owners
        self._saved: dict[str, str] = {}
        self.wrong: list[str] = []

    async def play(self, row: dict[str, Any]) -> None:
        body = self._filled(row.get("body"))
        headers = {"user-agent": "ask", "accept": row.get("accept", "application/json")}
        if body is not None:
            headers["content-type"] = row.get("type", "application/json")
        reply = await self._server.request(row["method"], row["path"], body.encode() if isinstance(body, str) else body,
                                           headers=headers)
        answer = json.loads(reply.body)
        for name, place in row.get("save", {}).items():
            self._saved[name] = reduce(lambda found, key: found[key], place.split("."), answer)
        got = {"code": reply.status, "answer": steady(kept(answer, self._owners))}
        wanted = {"code": row["code"], "answer": steady(kept(row["answer"], self._owners))}
        for name, value in row.get("headers", {}).items():
            found = reply.headers.get(name, "")
            got[name], wanted[name] = value if found.endswith(value) else found, value  # of several, the last
        if got != wanted:
            what = f"{row['method']} {row['path']} {str(row.get('body'))[:300]}"
            self.wrong.append(f"{what}\n   is {got}\n  not {wanted}")

    def _filled(self, body: Any) -> Any:
        """With the values saved in place of their names."""
        text = re.sub(r"<<(\w+)>>", lambda found: self._saved[found[1]], json.dumps(body))
        return json.loads(text)


@pytest.mark.parametrize("name", ["apply", "deletion", "other-rooms", "patch", "scale-binding-eviction"])
def test_the_same_requests_get_the_same_answers(name: str) -> None:
    """Codes, Statuses, headers, and the parts of objects that the requests are about."""
    wrong: list[str] = []

    async def scenario(server: orlop.Server) -> None:
        player = Player(server, owners=name == "apply")
        for row in json.loads((ANSWERS / f"{name}.json").read_text()):
            await player.play(row)
        wrong.extend(player.wrong)

    play(scenario, disable_admission_plugins=())
    assert not wrong, f"{len(wrong)} differ:\n" + "\n".join(wrong)
