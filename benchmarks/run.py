"""What a request costs the server: CPU time per operation, latency, memory, start-up.

    python benchmarks/run.py [--quick] [--only get,list-*] [--storage memory] [--json FILE]

Starts a server of its own on a free port with a fresh data directory, drives it from client processes over
HTTP/1.1 and TLS with 16 keep-alive connections, and prints tables as `RESULTS.md` has them. Linux only.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import platform
import shlex
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from client_process import CONNECTIONS, Clients
from measured_server import MeasuredServer
from workloads import FAN, LISTED, LOADED, NAMESPACE, WORKLOADS, config_map, fan_watch, maps, namespace, pod

QUICK = 0.1
SETTLE_SECONDS = 1.0
WATCHERS, EVENTS = 400, 200
PACE = 0.005
"""Seconds between two writes of the fan-out."""
DELIVERY_SECONDS = 30.0


class Figure(NamedTuple):
    """One row: CPU µs per operation, latencies in ms."""

    name: str
    operations: int
    cpu: float
    rate: float
    p50: float
    p99: float
    failures: int


class Bench:
    def __init__(self, server: MeasuredServer, clients: Clients, scale: float) -> None:
        self._server, self._clients, self._scale = server, clients, scale
        self.figures: list[Figure] = []

    def call(self, method: str, path: str, body: object) -> None:
        """One request from this process, outside of all measurements."""
        import http.client
        import ssl

        target = self._server.target
        tls = ssl.create_default_context(cafile=target.ca)
        connection = http.client.HTTPSConnection(target.host, target.port, context=tls)
        headers = {"Authorization": f"Bearer {target.token}", "Content-Type": "application/json"}
        connection.request(method, path, json.dumps(body), headers)
        answer = connection.getresponse()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {answer.read().decode()}")
        connection.close()

    def prepare(self) -> None:
        for name in (NAMESPACE, LISTED, FAN):
            self.call("POST", "/api/v1/namespaces", namespace(name))
        self.call("POST", maps(), config_map("fixed"))

    def measure(self, name: str, operations: int) -> Figure:
        cpu, began = self._server.cpu_seconds(), time.monotonic()
        seen = self._clients.drive(name, 0, operations)
        seconds, spent = time.monotonic() - began, self._server.cpu_seconds() - cpu
        if seen.failures:
            print(f"{name}: {len(seen.failures)} failures, the first with status {seen.failures[0]}", file=sys.stderr)
        at = seen.latencies
        return Figure(name, operations, spent * 1e6 / operations, operations / seconds, at[len(at) // 2] * 1e3,
                      at[len(at) * 99 // 100] * 1e3, len(seen.failures))

    def run(self, chosen: list[str]) -> None:
        loaded = False
        for workload in WORKLOADS:
            if workload.name not in chosen:
                continue
            if workload.name.startswith("list-") and not loaded:
                loaded = True
                self._clients.drive("load-pods", 0, LOADED)
            floor = 20 if workload.operations < 1000 else 400
            self.report(self.measure(workload.name, max(floor, int(workload.operations * self._scale))))
        if "watch-fanout" in chosen:
            self.report(self.fan_out())

    def report(self, figure: Figure) -> None:
        self.figures.append(figure)
        print(row(figure), flush=True)

    def fan_out(self) -> Figure:
        """Many watches of one collection, paced writes to it. One operation is one event at one watcher."""
        events = max(20, int(EVENTS * self._scale))
        watchers = max(20, int(WATCHERS * min(1.0, self._scale * 5)))
        watchers = self._clients.watch(fan_watch(self._server.target), watchers)
        time.sleep(SETTLE_SECONDS)
        cpu, began = self._server.cpu_seconds(), time.monotonic()
        self._clients.trickle("fan-event", 0, events, PACE)
        expected, until = watchers * events, time.monotonic() + DELIVERY_SECONDS
        while (arrived := self._clients.arrived()) < expected and time.monotonic() < until:
            time.sleep(0.05)
        seconds, spent = time.monotonic() - began, self._server.cpu_seconds() - cpu
        self._clients.unwatch()
        name = f"watch-fanout ({watchers} watchers)"
        return Figure(name, arrived, spent * 1e6 / max(1, arrived), arrived / seconds, 0.0, 0.0, expected - arrived)


HEADER = """| workload | operations | CPU µs per operation | per second | p50 ms | p99 ms | failures |
|---|---:|---:|---:|---:|---:|---:|"""


def row(figure: Figure) -> str:
    latency = f"{figure.p50:.1f} | {figure.p99:.1f}" if figure.p50 else " | "
    return (f"| {figure.name} | {figure.operations:,} | {figure.cpu:,.1f} | {figure.rate:,.0f} | {latency} | "
            f"{figure.failures} |")


def calibration() -> float:
    """CPU µs for decoding and encoding one pod with the standard library's json, the best of several rounds: how fast
    this machine is."""
    text = json.dumps(pod("calibration", 1))
    best = float("inf")
    for _ in range(20):
        began = time.process_time()
        for _ in range(100):
            json.dumps(json.loads(text))
        best = min(best, (time.process_time() - began) * 1e4)
    return best


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="CPU time of an orlop server per operation.")
    parser.add_argument("--quick", action="store_true", help="a tenth of the operations: figures for orientation only")
    parser.add_argument("--scale", type=float, default=1.0, help="operations as a multiple of the usual number")
    parser.add_argument("--only", default="*", help="workloads, comma-separated, * allowed")
    parser.add_argument("--storage", choices=["sqlite", "memory"], default="sqlite")
    parser.add_argument("--data-dir", type=Path, help="parent of the data directory; default: the system's temporary "
                                                      "directory (mind that it may be in memory)")
    parser.add_argument("--connections", type=int, default=CONNECTIONS)
    parser.add_argument("--command", default=f"{sys.executable} -m orlop", help="the server's command before `serve`")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    return parser.parse_args()


def start_up(command: list[str], data_dir: Path, storage: str) -> tuple[float, float, float]:
    """Seconds to ready in a fresh directory and in the same one again, and MiB when idle."""
    with MeasuredServer(command, data_dir, storage) as first:
        pass
    with MeasuredServer(command, data_dir, storage) as again:
        time.sleep(SETTLE_SECONDS)
        return first.start_seconds, again.start_seconds, again.memory_mib()


def main() -> None:
    options = arguments()
    command = shlex.split(options.command)
    scale = QUICK if options.quick else options.scale
    names = [workload.name for workload in WORKLOADS] + ["watch-fanout"]
    patterns = options.only.split(",")
    chosen = [name for name in names if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)]
    print(f"Python {platform.python_version()}, {os.cpu_count()} CPUs, storage {options.storage}, "
          f"{options.connections} connections, json calibration {calibration():.1f} µs\n")
    with tempfile.TemporaryDirectory(prefix="orlop-bench-", dir=options.data_dir) as parent:
        fresh, again, idle = start_up(command, Path(parent) / "start", options.storage)
        with MeasuredServer(command, Path(parent) / "run", options.storage) as server:
            clients = Clients(server.target, connections=options.connections)
            bench = Bench(server, clients, scale)
            bench.prepare()
            print(HEADER)
            bench.run(chosen)
            clients.stop()
            memory = server.memory_mib()
    print(f"\n| start to ready, first time | again | idle memory | memory at the end |\n|---:|---:|---:|---:|\n"
          f"| {fresh:.2f} s | {again:.2f} s | {idle:.0f} MiB | {memory:.0f} MiB |")
    if options.json is not None:
        figures = [figure._asdict() for figure in bench.figures]
        options.json.write_text(json.dumps({"figures": figures, "start": [fresh, again], "idle_mib": idle,
                                            "end_mib": memory}, indent=1) + "\n")


if __name__ == "__main__":
    main()
