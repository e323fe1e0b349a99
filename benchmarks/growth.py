"""Whether the cost of a request grows with the number of objects it does not touch.

    python benchmarks/growth.py [--sizes 100,10000,100000] [--storage memory]

Fills one server step by step with ConfigMaps and measures, at each size, the CPU time of a GET, of a create, of a LIST
that a label narrows to 20 objects, and of one watch event at one watcher. Linux only.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import tempfile
import time
from pathlib import Path

import workloads
from client_process import CONNECTIONS, Clients
from measured_server import MeasuredServer, Target
from run import DELIVERY_SECONDS, PACE, SETTLE_SECONDS, Bench
from workloads import FAN, NAMESPACE, config_map, fan_watch, maps, namespace, request

PER_GROUP = 20
"""Objects that share a value of the label that is listed by."""
WATCHERS, EVENTS = 100, 100
COLUMNS = ("GET", "create", "list-label", "watch event")


def fill(target: Target, i: int) -> bytes:
    body = config_map(f"o{i:07}", 200)
    body["metadata"]["labels"]["group"] = f"g{i // PER_GROUP}"
    return request(target, "POST", maps(), body)


def get(target: Target, i: int) -> bytes:
    return request(target, "GET", maps(f"o{i % 100:07}"))


def create(target: Target, i: int) -> bytes:
    return request(target, "POST", maps(), config_map(f"n{i:07}"))


def by_label(target: Target, i: int) -> bytes:
    return request(target, "GET", maps() + f"?labelSelector=group%3Dg{i % 5}")


workloads.BY_NAME |= {"fill": fill, "growth-get": get, "growth-create": create, "growth-label": by_label}


class Growth:
    def __init__(self, server: MeasuredServer, clients: Clients, operations: int) -> None:
        self._server, self._clients, self._operations = server, clients, operations
        self._bench = Bench(server, clients, 1.0)
        self._filled = self._created = self._sent = 0

    def prepare(self) -> None:
        for name in (NAMESPACE, FAN):
            self._bench.call("POST", "/api/v1/namespaces", namespace(name))

    def at(self, size: int) -> list[float]:
        """The costs with `size` objects, in CPU µs, in the order of COLUMNS."""
        self._clients.drive("fill", self._filled, size)
        self._filled = size
        time.sleep(SETTLE_SECONDS)
        costs = [self._cost("growth-get", 0, 2 * self._operations)]
        costs.append(self._cost("growth-create", self._created, self._created + self._operations))
        self._created += self._operations
        self._clients.drive("growth-label", 0, 10)  # the index is built at the first need
        costs.append(self._cost("growth-label", 0, self._operations))
        costs.append(self._watch_event())
        return costs

    def _cost(self, workload: str, first: int, last: int) -> float:
        cpu = self._server.cpu_seconds()
        seen = self._clients.drive(workload, first, last)
        if seen.failures:
            raise SystemExit(f"{workload}: {len(seen.failures)} failures, the first with status {seen.failures[0]}")
        return (self._server.cpu_seconds() - cpu) * 1e6 / (last - first)

    def _watch_event(self) -> float:
        watchers = self._clients.watch(fan_watch(self._server.target), WATCHERS)
        time.sleep(SETTLE_SECONDS)
        before, cpu = self._clients.arrived(), self._server.cpu_seconds()
        self._clients.trickle("fan-event", self._sent, self._sent + EVENTS, PACE)
        self._sent += EVENTS
        expected, until = watchers * EVENTS, time.monotonic() + DELIVERY_SECONDS
        while (arrived := self._clients.arrived() - before) < expected and time.monotonic() < until:
            time.sleep(0.05)
        spent = self._server.cpu_seconds() - cpu
        self._clients.unwatch()
        return spent * 1e6 / max(1, arrived)


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU time per operation as the number of objects grows.")
    parser.add_argument("--sizes", default="100,10000,100000", help="numbers of objects, rising")
    parser.add_argument("--operations", type=int, default=4000, help="operations per figure")
    parser.add_argument("--storage", choices=["sqlite", "memory"], default="sqlite")
    parser.add_argument("--command", default=f"{sys.executable} -m orlop", help="the server's command before `serve`")
    options = parser.parse_args()
    command = shlex.split(options.command)
    print(f"CPU µs per operation, storage {options.storage}\n\n| objects | {' | '.join(COLUMNS)} | memory MiB |\n"
          f"|---:|{'---:|' * (len(COLUMNS) + 1)}")
    with tempfile.TemporaryDirectory(prefix="orlop-growth-") as parent, \
            MeasuredServer(command, Path(parent) / "data", options.storage) as server:
        clients = Clients(server.target, connections=CONNECTIONS)
        growth = Growth(server, clients, options.operations)
        growth.prepare()
        for size in map(int, options.sizes.split(",")):
            costs = growth.at(size)
            cells = " | ".join(f"{cost:,.1f}" for cost in costs)
            print(f"| {size:,} | {cells} | {server.memory_mib():.0f} |", flush=True)
        clients.stop()


if __name__ == "__main__":
    main()
