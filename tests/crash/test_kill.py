"""SIGKILL under write load, over HTTP, again and again: what was acknowledged is there, what a watch showed was true.

Checks promises P1 (no revision twice), P2 (durable), P5 (a watch without gap or double) of the storage contract from
the outside, on the whole server. A killed process leaves the page cache alone, so this says nothing of fsync: that a
write waits for the disk is tested in `storage`.

ORLOP_KILL_ROUNDS is how often to kill (5; 50 for a full run).
"""

from __future__ import annotations

import http.client
import os
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from api_caller import ApiCaller
from server_process import ServerProcess

ROUNDS: Final = int(os.environ.get("ORLOP_KILL_ROUNDS", "5"))
WRITERS: Final = 6
WRITES: Final = (30, 250)
"""A round is killed at a random number of acknowledged writes between these."""
PATH: Final = "/api/v1/namespaces/default/configmaps"
SELECTED: Final = "labelSelector=crash"
SECONDS: Final = 30.0
BROKEN: Final = (OSError, http.client.HTTPException, ValueError)
"""What a client sees of a server that is killed: no connection, half an answer, half a line."""


@dataclass
class Key:
    """What one writer knows of one object: the last value acknowledged (None: absent), and the values it asked for
    since without an answer."""

    value: str | None = None
    unanswered: list[str | None] = field(default_factory=list)

    def allows(self, value: str | None) -> bool:
        return value == self.value or value in self.unanswered


class Writer(threading.Thread):
    """Creates, replaces and deletes objects of its own until the server is gone."""

    def __init__(self, server: ServerProcess, number: int, keys: dict[str, Key], seed: int, acked: Counter) -> None:
        super().__init__(daemon=True)
        self.server, self.number, self.keys, self.acked = server, number, keys, acked
        self.random = random.Random(seed)
        self.revisions: list[tuple[int, str, str]] = []
        self.refused: Any = None

    def run(self) -> None:
        caller = ApiCaller(self.server)
        try:
            while self.refused is None:
                self._write(caller)
        except BROKEN:
            pass
        finally:
            caller.close()

    def _write(self, caller: ApiCaller) -> None:
        """One write; its outcome is unknown until the answer is there."""
        name = f"w{self.number}-{self.random.randrange(12)}"
        key = self.keys.setdefault(name, Key())
        gone = key.value is not None and self.random.random() < 0.2
        value = None if gone else f"{self.random.getrandbits(64):x}"
        key.unanswered.append(value)
        body = {"metadata": {"name": name, "labels": {"crash": "yes"}}, "data": {"v": value}}
        if gone:
            answer = caller.call("DELETE", f"{PATH}/{name}")
        elif key.value is None:
            answer = caller.call("POST", PATH, body)
        else:
            answer = caller.call("PUT", f"{PATH}/{name}", body)
        if answer.code not in (200, 201):
            self.refused = (name, answer)
            return
        key.value, key.unanswered = value, []
        if value is not None:
            self.revisions.append((int(answer.body["metadata"]["resourceVersion"]), name, value))
        self.acked.add()


class Counter:
    """Counts acknowledged writes of all writers and lets one wait for a number."""

    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.count = 0

    def add(self) -> None:
        with self.condition:
            self.count += 1
            self.condition.notify_all()

    def wait_for(self, count: int) -> bool:
        with self.condition:
            return self.condition.wait_for(lambda: self.count >= count, SECONDS)


class Watcher:
    """One watch over all rounds: whenever it breaks it goes on from the last revision it saw."""

    def __init__(self, revision: int) -> None:
        self.revision = revision
        self.state: dict[str, str] = {}
        self.seen: dict[int, tuple[str, str]] = {}
        """revision → name and value ("" for a deletion), of every event ever shown."""
        self.complaints: list[str] = []

    def follow(self, server: ServerProcess, until: int = 0) -> None:
        """Watch until the connection breaks, or until an event or bookmark reaches the revision `until`."""
        caller = ApiCaller(server, SECONDS)
        path = f"{PATH}?watch=1&{SELECTED}&allowWatchBookmarks=true&resourceVersion={self.revision}"
        try:
            for event in caller.watch(path):
                self._take(event)
                if self.complaints or (until and self.revision >= until):
                    return
        except BROKEN as error:
            if until:
                self.complaints.append(f"the watch broke before revision {until}: {error!r}")
        finally:
            caller.close()

    def _take(self, event: dict[str, Any]) -> None:
        kind, thing = event["type"], event["object"]
        if kind == "ERROR":
            self.complaints.append(f"the watch from {self.revision} ended with {thing}")
            return
        revision, name = int(thing["metadata"]["resourceVersion"]), thing["metadata"].get("name", "")
        if kind == "BOOKMARK":
            self.revision = max(self.revision, revision)
            return
        if revision <= self.revision:
            self.complaints.append(f"{kind} {name} at {revision} after {self.revision}: out of order, or a second time")
        if (kind == "ADDED") == (name in self.state):
            self.complaints.append(f"{kind} {name} at {revision}, but it was {self.state.get(name, 'absent')}: a gap")
        self.revision = revision
        self.seen[revision] = (name, "" if kind == "DELETED" else thing["data"]["v"])
        if kind == "DELETED":
            self.state.pop(name, None)
        else:
            self.state[name] = thing["data"]["v"]


def listed(caller: ApiCaller) -> tuple[dict[str, tuple[str, int]], int]:
    """What the server has, by name: value and revision; and the list's revision."""
    body = caller.call("GET", f"{PATH}?{SELECTED}").body
    return ({o["metadata"]["name"]: (o["data"]["v"], int(o["metadata"]["resourceVersion"])) for o in body["items"]},
            int(body["metadata"]["resourceVersion"]))  # fmt: skip


def load_and_kill(server: ServerProcess, keys: list[dict[str, Key]], watcher: Watcher, chance: random.Random) -> (
        list[tuple[int, str, str]]):  # fmt: skip
    """One round of load, ended by SIGKILL; the acknowledged writes with their revisions."""
    acked = Counter()
    writers = [Writer(server, n, keys[n], chance.getrandbits(32), acked) for n in range(WRITERS)]
    watching = threading.Thread(target=watcher.follow, args=(server,), daemon=True)
    watching.start()
    for writer in writers:
        writer.start()
    reached = acked.wait_for(chance.randint(*WRITES))
    server.kill()
    for writer in writers:
        writer.join(SECONDS)
    watching.join(SECONDS)
    refused = [writer.refused for writer in writers if writer.refused]
    assert not refused, f"writes were refused: {refused}"
    assert reached, "the server took no load"
    return [write for writer in writers for write in writer.revisions]


def check(server: ServerProcess, keys: list[dict[str, Key]], watcher: Watcher, history: dict[int, tuple[str, str]],
          acknowledged: list[tuple[int, str, str]]) -> None:  # fmt: skip
    """All that must hold once the server is back; then the writers learn what became of the unanswered writes."""
    for revision, name, value in acknowledged:
        assert history.setdefault(revision, (name, value)) == (name, value), f"revision {revision} was given twice"
    caller = ApiCaller(server)
    there, at = listed(caller)
    for owned in keys:
        for name, key in owned.items():
            value = there.get(name, (None, 0))[0]
            assert key.allows(value), f"{name}: acknowledged {key.value!r}, unanswered {key.unanswered}, is {value!r}"
            key.value, key.unanswered = value, []
    assert at >= max(history), f"the list is at {at}, but {max(history)} was acknowledged"
    metadata = {"generateName": "mark-", "labels": {"crash": "yes"}}
    made = caller.call("POST", PATH, {"metadata": metadata, "data": {"v": "m"}})
    mark = int(made.body["metadata"]["resourceVersion"])
    assert mark > max(max(history), watcher.revision), "a revision is used again after the crash"
    history[mark] = (made.body["metadata"]["name"], "m")
    caller.close()
    watcher.follow(server, mark)
    assert not watcher.complaints, watcher.complaints
    for revision, what in history.items():
        assert watcher.seen.get(revision) == what, f"{revision} {what}: the watch showed {watcher.seen.get(revision)}"
    shown = {name: value for name, value in watcher.state.items() if not name.startswith("mark-")}
    assert shown == {name: value for name, (value, _) in there.items() if not name.startswith("mark-")}


def test_killed_under_load(fresh_server: Callable[..., ServerProcess]) -> None:
    """No acknowledged write is lost, no revision is used twice, and a watch resumed sees no gap and no double."""
    seed = int(os.environ.get("ORLOP_KILL_SEED", time.time_ns() % 100_000))
    print(f"ORLOP_KILL_SEED={seed}")
    chance = random.Random(seed)
    server = fresh_server()
    caller = ApiCaller(server)
    watcher = Watcher(listed(caller)[1])
    caller.close()
    keys: list[dict[str, Key]] = [{} for _ in range(WRITERS)]
    history: dict[int, tuple[str, str]] = {}
    for _ in range(ROUNDS):
        acknowledged = load_and_kill(server, keys, watcher, chance)
        server.start()
        check(server, keys, watcher, history, acknowledged)
    print(f"{ROUNDS} kills, {len(history)} acknowledged writes, {len(watcher.seen)} events")
