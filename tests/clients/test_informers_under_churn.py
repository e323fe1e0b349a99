"""A hundred informers of client-go while others write at random: in the end every cache equals the store.

`go/churn.go` runs the informers; they come in rounds, before and while objects are written, with and without watch
lists, limited by selectors or not, of whole objects or of metadata. What is written last tells each that it has seen
everything.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from api_caller import ApiCaller
from client_go_program import Informers, Line, built_program, make_namespace
from server_process import ServerProcess

pytestmark = pytest.mark.xdist_group("client-go")

SPACE = "churn"
MAPS = f"/api/v1/namespaces/{SPACE}/configmaps"
NAMES = [f"cm-{number}" for number in range(20)]
WRITERS = 4
WRITES = 150
Labels = dict[str, str]
BY_LABELS: dict[str, Callable[[Labels], bool]] = {
    "": lambda _: True,
    "parity=even": lambda labels: labels.get("parity") == "even",
    "group=a": lambda labels: labels.get("group") == "a",
    "parity=even,group=a": lambda labels: labels.get("parity") == "even" and labels.get("group") == "a",
    "group in (a,b)": lambda labels: labels.get("group") in ("a", "b"),
    "!hidden": lambda labels: "hidden" not in labels,
    "parity!=odd": lambda labels: labels.get("parity") != "odd",
}
BY_NAME: dict[str, Callable[[str], bool]] = {
    "": lambda _: True,
    "metadata.name!=cm-3": lambda name: name != "cm-3",
    "metadata.name=marker": lambda name: name == "marker",
}
"""What the selectors of `go/churn.go` mean."""


class Writer(threading.Thread):
    """Writes at random, in every way; what others did to the object meanwhile may refuse it."""

    def __init__(self, server: ServerProcess, number: int) -> None:
        super().__init__(daemon=True)
        self._caller = ApiCaller(server)
        self._random = random.Random(number)
        self.number = number
        self.codes: list[int] = []

    def run(self) -> None:
        for step in range(WRITES):
            self.codes.append(self._write(step))
        self._caller.close()

    def _write(self, step: int) -> int:
        name, call = self._random.choice(NAMES), self._caller.call
        body = {"metadata": {"name": name, "labels": self._labels()}, "data": {"by": f"{self.number}.{step}"}}
        match self._random.choice(["create", "create", "update", "merge", "json", "apply", "apply", "delete"]):
            case "create":
                return call("POST", MAPS, body).code
            case "update":
                return call("PUT", f"{MAPS}/{name}", body).code
            case "merge":
                patch = {"metadata": {"labels": {"parity": self._random.choice(["even", "odd", None])}}}
                return call("PATCH", f"{MAPS}/{name}", patch, "application/merge-patch+json").code
            case "json":
                operation = {"op": "add", "path": "/metadata/labels", "value": self._labels()}
                return call("PATCH", f"{MAPS}/{name}", [operation], "application/json-patch+json").code
            case "apply":
                where = f"{MAPS}/{name}?fieldManager=w{self.number}&force=true"
                applied = {"apiVersion": "v1", "kind": "ConfigMap", **body}
                return call("PATCH", where, applied, "application/apply-patch+yaml").code
        return call("DELETE", f"{MAPS}/{name}").code

    def _labels(self) -> Labels:
        pick = self._random.choice
        labels = {"parity": pick(["even", "odd"]), "group": pick("abc"), "hidden": pick(["", "yes"])}
        return {key: value for key, value in labels.items() if value}


@pytest.fixture
def start(tmp_path: Path, server: ServerProcess) -> Iterator[Callable[[str], Informers]]:
    """Starts the program, with watch lists or without; ends it."""
    program = built_program(tmp_path)
    running: list[Informers] = []

    def started(watch_list: str) -> Informers:
        feature = {"KUBE_FEATURE_WatchListClient": watch_list}
        running.append(Informers(program, server, SPACE, scenario="churn", **feature))
        return running[-1]

    yield started
    for one in running:
        one.end()


def wanted(objects: list[dict[str, Any]], line: Line) -> dict[str, Any]:
    """What an informer has to hold."""
    found = {}
    for obj in objects:
        metadata = obj["metadata"]
        labels = metadata.get("labels", {})
        if BY_LABELS[line["labels"]](labels) and BY_NAME[line["fields"]](metadata["name"]):
            found[metadata["name"]] = {"revision": metadata["resourceVersion"], "labels": labels}
            if not line["partial"]:
                found[metadata["name"]]["data"] = obj.get("data", {})
    return found


def test_caches_equal_the_store(server: ServerProcess, start: Callable[[str], Informers]) -> None:
    """Names, revisions, labels and data, in each of 105 informers; with watch lists nothing is listed."""
    make_namespace(server, SPACE)
    lists, watches = start("true"), start("false")
    for running in (lists, watches):
        running.order("more")
        running.until(step="started")
    writers = [Writer(server, number) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    for running in (lists, watches, lists):
        running.order("more")
    for writer in writers:
        writer.join()
    codes = {code for writer in writers for code in writer.codes}
    assert {200, 201} <= codes <= {200, 201, 404, 409}, codes
    caller = ApiCaller(server)
    marker = {"metadata": {"name": "marker", "labels": {"parity": "even", "group": "a"}}, "data": {"by": "the end"}}
    assert caller.call("POST", MAPS, marker).code == 201
    objects = caller.call("GET", MAPS).body["items"]
    caller.close()
    assert len(objects) > 5
    for running, informers, listing in ((lists, 63, False), (watches, 42, True)):
        running.no_more_orders()
        *held, traffic = [line for line in running.until(step="traffic") if line["step"] != "started"]
        assert len(held) == informers
        for line in held:
            assert line["have"] == wanted(objects, line), (line["labels"], line["fields"], line["partial"])
        assert ("GET" in traffic["traffic"], "WATCHLIST" in traffic["traffic"]) == (listing, not listing)
