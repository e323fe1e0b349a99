"""What very many CustomResourceDefinitions cost: time, memory, the longest turn of the loop, and their documents.

    python benchmarks/definitions.py [--definitions 500] [--members 40]

A server process with a fresh data directory on the disk; one client creates the definitions one after the other, sees
each served, then reads discovery and both OpenAPI documents while another asks for a namespace again and again.
"""

from __future__ import annotations

import argparse
import json
import ssl
import sys
import tempfile
import threading
import time
from http.client import HTTPSConnection
from pathlib import Path
from typing import Any

from measured_server import MeasuredServer, Target

DEFINITIONS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
DOCUMENTS = ("/apis", "/openapi/v3", "/openapi/v2")
AGGREGATED = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
MS = 1000


class Client:
    def __init__(self, target: Target) -> None:
        self._connection = HTTPSConnection(target.host, target.port, context=ssl.create_default_context(
            cafile=target.ca))
        self._token = target.token

    def ask(self, method: str, path: str, body: Any = None, accept: str = "application/json") -> tuple[int, bytes]:
        self._connection.request(method, path, None if body is None else json.dumps(body), {
            "Authorization": f"Bearer {self._token}", "Content-Type": "application/json", "Accept": accept})
        answer = self._connection.getresponse()
        return answer.status, answer.read()


class Bystander(threading.Thread):
    """Someone who wants something else: how long it waited at most."""

    def __init__(self, target: Target) -> None:
        super().__init__(daemon=True)
        self._client, self._ended = Client(target), False
        self.longest = 0.0

    def run(self) -> None:
        while not self._ended:
            begun = time.perf_counter()
            self._client.ask("GET", "/api/v1/namespaces/default")
            self.longest = max(self.longest, time.perf_counter() - begun)

    def reset(self) -> float:
        longest, self.longest = self.longest, 0.0
        return longest * MS

    def end(self) -> None:
        self._ended = True
        self.join()


def definition(number: int, members: int) -> dict[str, Any]:
    """One kind with a schema of so many members, a rule, a column and a status."""
    group, plural = f"g{number % 50}.example.com", f"things{number}"
    fields = {f"member{one}": {"type": "string", "maxLength": 64, "description": "A member of the thing, described."}
              for one in range(members)}
    spec = {"type": "object", "properties": {**fields, "size": {"type": "integer", "minimum": 0}},
            "x-kubernetes-validations": [{"rule": "!has(self.size) || self.size < 100"}]}
    schema = {"type": "object", "properties": {"spec": spec, "status": {"type": "object", "properties": {
        "phase": {"type": "string"}}}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema},
               "subresources": {"status": {}},
               "additionalPrinterColumns": [{"name": "Size", "type": "integer", "jsonPath": ".spec.size"}]}
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {"group": group, "scope": "Namespaced", "versions": [version],
                     "names": {"plural": plural, "singular": f"thing{number}", "kind": f"Thing{number}"}}}


def install(client: Client, number: int, members: int) -> float:
    """Create one and wait until it is served; how long that took after the answer."""
    made = definition(number, members)
    status, body = client.ask("POST", DEFINITIONS, made)
    assert status == 201, body
    answered, names = time.perf_counter(), made["spec"]
    while client.ask("GET", f"/apis/{names['group']}/v1/{names['names']['plural']}")[0] != 200:
        pass
    return time.perf_counter() - answered


def measure(options: argparse.Namespace, server: MeasuredServer) -> None:
    client, memory = Client(server.target), server.memory_mib()
    bystander = Bystander(server.target)
    bystander.start()
    cpu, begun = server.cpu_seconds(), time.perf_counter()
    served = sorted(install(client, number, options.members) for number in range(options.definitions))
    print(f"{options.definitions} definitions: {time.perf_counter() - begun:.1f} s, "
          f"{server.cpu_seconds() - cpu:.1f} s of processor, {server.memory_mib() - memory:.0f} MiB; "
          f"served {served[len(served) // 2] * MS:.1f} ms after the answer, at most {served[-1] * MS:.1f} ms; "
          f"another client waited {bystander.reset():.0f} ms at most")
    for path in DOCUMENTS:
        begun = time.perf_counter()
        status, body = client.ask("GET", path, accept=AGGREGATED if path == "/apis" else "application/json")
        assert status == 200
        print(f"{path}: {len(body) / 1e6:.2f} MB in {(time.perf_counter() - begun) * MS:.0f} ms; "
              f"another client waited {bystander.reset():.0f} ms at most")
    bystander.end()
    print(f"at the end {server.memory_mib():.0f} MiB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--definitions", type=int, default=500)
    parser.add_argument("--members", type=int, default=40, help="of each schema")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        command = [str(Path(sys.executable).with_name("orlop"))]
        with MeasuredServer(command, Path(place) / "data", "sqlite") as server:
            measure(options, server)


if __name__ == "__main__":
    main()
