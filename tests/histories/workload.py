"""Concurrent clients and watchers: they do what a seed says, and record it.

`run` drives any servers that show one storage: one in this process, one over TLS, or several replicas with members that
die meanwhile. A client whose answer is lost goes to another server, the outcome unknown; a watcher goes on there from
the last revision that it was told.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from links import Answer, Link, Linking
from reader import AWAY, Reader, Watcher, objects
from recorder import ACKNOWLEDGED, NEVER, REFUSED, UNKNOWN, Condition, History, Operation, Scope, State, state_of

from raw_client import Lost

GROUPS = ("red", "blue")
NAMESPACES = ("history-one", "history-two")
MERGE, STEPS = "application/merge-patch+json", "application/json-patch+json"

KINDS = ("create", "update", "conditional update", "patch", "conditional patch", "tested patch", "delete",
         "conditional delete", "get", "get", "stale get", "list")  # fmt: skip

UNSURE = frozenset({500, 502, 503, 504})
"""Answers that do not say whether a write was made."""
EXPECTED = frozenset({200, 201, 404, 409, 410, 422, 429})


@dataclass(frozen=True)
class Plan:
    """`steps` per client; `lasting`: how long clients go on at least, in seconds (0: just their steps)."""

    seed: int = 1
    clients: int = 6
    steps: int = 60
    names: int = 3
    watchers: int = 10
    lasting: float = 0.0
    finish: float = 60.0
    """Seconds that watchers have to hear of the last write."""
    namespaces: tuple[str, ...] = NAMESPACES


@dataclass
class Client:
    """One client: a link at a time, and what it last knew of each object."""

    name: str
    links: Sequence[Linking]
    history: History
    plan: Plan
    chance: random.Random
    values: count[int]
    known: dict[str, State] = field(default_factory=dict)
    link: Link | None = None

    def linked(self) -> Link:
        if self.link is None:
            self.link = self.chance.choice(self.links)()
        return self.link

    def unlink(self) -> None:
        if self.link is not None:
            self.link.close()
        self.link = None

    async def work(self) -> None:
        until = self.history.now() + self.plan.lasting
        done = 0
        while done < self.plan.steps or self.history.now() < until:
            done += 1
            await self.step()
            if self.chance.random() < 0.02:
                self.unlink()  # to another server, if there is one
            if self.chance.random() < 0.3:
                await asyncio.sleep(0)
        self.unlink()

    async def step(self) -> None:
        kind = self.chance.choice(KINDS)
        namespace = self.chance.choice(self.plan.namespaces)
        name = f"k{self.chance.randrange(self.plan.names)}"
        if kind == "list":
            await self.list(namespace)
        else:
            await self.one(kind, f"{namespace}/{name}")

    # one object

    async def one(self, kind: str, key: str, group: str = "") -> None:
        known = self.known.get(key)
        if kind.startswith(("conditional", "tested")) and known is None:
            kind = "get"
        value = f"{self.name:x<4}{next(self.values):08}"  # as it is, it is base64
        method, body, type, condition = self.asked(kind, key, value, known, group or self.chance.choice(GROUPS))
        namespace, name = key.split("/")
        path = objects(namespace) if method == "POST" else f"{objects(namespace)}/{name}"
        query = {"resourceVersion": "0"} if kind == "stale get" else {}
        kind = kind.removeprefix("conditional ").removeprefix("tested ")
        writes = kind not in ("get", "stale get", "delete")
        link = self.linked()
        began = self.history.now()
        code, answer = 0, Answer(0, None)
        try:
            answer = await link.request(method, path, body, query, type)
            code = answer.code
        except Lost as lost:
            self.unlink()
            if not lost.sent:
                await asyncio.sleep(AWAY)
                return
        ended = self.history.now()
        outcome = ACKNOWLEDGED if code in (200, 201) else REFUSED if code and code not in UNSURE else UNKNOWN
        if code and code not in EXPECTED | UNSURE:
            self.history.surprises.append(f"{method} {path}: {code} {answer.body}")
        state = self.shown(kind, key, answer) if outcome == ACKNOWLEDGED else None
        self.history.operations.append(
            Operation(self.name, link.server, kind, key, began, NEVER if outcome == UNKNOWN else ended, outcome, code,
                      value if writes else "", condition, state)
        )  # fmt: skip
        if kind != "stale get":
            self.remember(key, kind, outcome, state)

    def asked(self, kind: str, key: str, value: str, known: State | None, group: str) -> (
            tuple[str, Any, str, Condition]):  # fmt: skip
        """Method, body, content type, and what is demanded of the state before."""
        namespace, name = key.split("/")
        json = "application/json"
        whole: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "data": {"v": value},
                                 "metadata": {"name": name, "namespace": namespace, "labels": {"group": group}}}
        part: dict[str, Any] = {"data": {"v": value}, "metadata": {"labels": {"group": group}}}
        upon = Condition() if known is None else Condition(revision=known.revision)
        match kind:
            case "create":
                return "POST", whole, json, Condition()
            case "update":
                return "PUT", whole, json, Condition()
            case "conditional update":
                whole["metadata"]["resourceVersion"] = str(upon.revision)
                return "PUT", whole, json, upon
            case "patch":
                return "PATCH", part, MERGE, Condition()
            case "conditional patch":
                part["metadata"]["resourceVersion"] = str(upon.revision)
                return "PATCH", part, MERGE, upon
            case "tested patch":
                assert known is not None
                steps = [{"op": "test", "path": "/data/v", "value": known.value},
                         {"op": "replace", "path": "/data/v", "value": value}]  # fmt: skip
                return "PATCH", steps, STEPS, Condition(value=known.value)
            case "conditional delete":
                assert known is not None
                if self.chance.random() < 0.5:
                    return "DELETE", {"preconditions": {"uid": known.uid}}, json, Condition(uid=known.uid)
                return "DELETE", {"preconditions": {"resourceVersion": str(known.revision)}}, json, upon
            case "delete":
                return "DELETE", None, json, Condition()
        return "GET", None, json, Condition()

    def shown(self, kind: str, key: str, answer: Answer) -> State:
        if kind == "delete":
            body = answer.body
            uid = body["details"]["uid"] if body["kind"] == "Status" else body["metadata"]["uid"]
            return State(key, 0, uid, "")
        return state_of(answer.body)

    def remember(self, key: str, kind: str, outcome: str, state: State | None) -> None:
        """States of the past are kept now and then, so that some conditions fail."""
        if outcome == ACKNOWLEDGED and state is not None and kind != "delete" and self.chance.random() < 0.8:
            self.known[key] = state
        elif outcome == REFUSED and self.chance.random() < 0.5:
            self.known.pop(key, None)

    # lists

    async def list(self, namespace: str) -> None:
        group = self.chance.choice(("", "", *GROUPS))
        scope = Scope(self.chance.choice(("", namespace)), group)
        revisions = [state.revision for state in self.known.values()]
        asked, match = self.chance.choice((("", ""), ("", ""), ("0", ""), ("r", "Exact"), ("r", "NotOlderThan")))
        if asked == "r":
            asked = str(self.chance.choice(revisions)) if revisions else ""
        limit = self.chance.choice((0, 1, 2)) if asked != "0" else 0
        reader = Reader(self.name, self.linked(), self.history)
        if not await reader.list(scope, asked, match if asked else "", limit):
            self.unlink()
            await asyncio.sleep(AWAY)


async def run(links: Sequence[Linking], plan: Plan, history: History) -> None:
    """Play `plan` against the servers behind `links`, until every watcher has heard of the last write."""
    chance = random.Random(plan.seed)
    first = links[0]()
    await _prepare(first, plan, history)
    values = count(1)
    clients = [
        Client(f"c{i}", links, history, plan, random.Random(chance.random()), values) for i in range(plan.clients)
    ]
    scopes = [Scope(), *(Scope(one) for one in plan.namespaces), Scope(plan.namespaces[0], "red"), Scope("", "blue"),
              Scope(plan.namespaces[0], "", "k0")]  # fmt: skip
    watchers = [
        Watcher(f"w{i}", scopes[i % len(scopes)], links, history, random.Random(chance.random()), faithful=i == 0)
        for i in range(plan.watchers)
    ]
    watching = [watcher.begin_to_follow() for watcher in watchers]
    await asyncio.gather(*(client.work() for client in clients))
    last = await _last_writes(links, plan, history)
    for watcher in watchers:
        watcher.finish(max(state.revision for state in last if watcher.scope.shows(state)))
    _, late = await asyncio.wait(watching, timeout=plan.finish)
    for task in late:
        task.cancel()
    for ended in await asyncio.gather(*watching, return_exceptions=True):
        if isinstance(ended, Exception):
            raise ended
    for link in links:
        reader = Reader("the end", link(), history)
        await reader.list(Scope(), "", "", 0)
        reader.link.close()
    first.close()


async def _prepare(link: Link, plan: Plan, history: History) -> None:
    for namespace in plan.namespaces:
        answer = await link.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        assert answer.code in (201, 409), answer
    listed = await link.request("GET", objects())
    history.start = int(listed.body["metadata"]["resourceVersion"])
    assert not listed.body["items"], "a history begins with nothing"


async def _last_writes(links: Sequence[Linking], plan: Plan, history: History) -> list[State]:
    """Write something that every watcher sees."""
    client = Client("last", links, history, plan, random.Random(plan.seed), count())
    wanted = [
        (f"{namespace}/{name}", group)
        for namespace in plan.namespaces for group in GROUPS for name in (f"last-{group}", "k0")
    ]
    last = [await _insist(client, key, group) for key, group in wanted]
    client.unlink()
    return last


async def _insist(client: Client, key: str, group: str) -> State:
    """Update, or create, until it is acknowledged; while a server is away that takes several attempts."""
    deadline = client.history.now() + client.plan.finish
    kind = "update"
    while client.history.now() < deadline:
        await client.one(kind, key, group)
        done = client.history.operations[-1]
        kind = "create" if done.code == 404 else "update"
        if done.outcome == ACKNOWLEDGED and done.state is not None:
            return done.state
        await asyncio.sleep(0.05)
    raise AssertionError(f"no server took a write for {client.plan.finish} s: {client.history.operations[-1]}")

