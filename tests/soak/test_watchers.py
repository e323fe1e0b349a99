"""Five thousand watchers over TLS and 200 writes a second: none ends, none misses anything, memory stays flat.

ORLOP_SOAK_SECONDS (300), ORLOP_SOAK_WATCHERS (5000) and ORLOP_SOAK_RATE (200) change the size. Prints a report.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from watch_load import app_of, content

from api_caller import ApiCaller
from server_process import ServerProcess

SECONDS = float(os.environ.get("ORLOP_SOAK_SECONDS", "300"))
WATCHERS = int(os.environ.get("ORLOP_SOAK_WATCHERS", "5000"))
RATE = float(os.environ.get("ORLOP_SOAK_RATE", "200"))
NAMESPACES, OBJECTS = 100, 10
PROCESSES, CONNECTIONS = 3, 16
GROWTH, SLACK = 0.05, 12 * 1024 * 1024
"""What memory may grow in the second half: this part of it, and bytes for the window of past events, which takes longer
to fill than a short run lasts."""

SCRIPT = Path(__file__).with_name("watch_load.py")
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")

Process = subprocess.Popen[bytes]


def cpu(pid: int) -> float:
    """Seconds of processor time, all threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid: int) -> int:
    """Bytes resident."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


@contextmanager
def process(task: dict[str, Any]) -> Iterator[Process]:
    made = subprocess.Popen([sys.executable, str(SCRIPT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    tell(made, task)
    try:
        yield made
    finally:
        made.kill()
        made.communicate()


def tell(to: Process, what: dict[str, Any]) -> None:
    assert to.stdin is not None
    to.stdin.write(json.dumps(what).encode() + b"\n")
    to.stdin.flush()


def hear(of: Process) -> dict[str, Any]:
    assert of.stdout is not None
    line = of.stdout.readline()
    assert line, "a process of the load ended early"
    report: dict[str, Any] = json.loads(line)
    return report


def names(namespace: int) -> list[str]:
    return [f"load-{namespace:03}/object-{i}" for i in range(OBJECTS)]


def watch(number: int, revision: str) -> tuple[str, list[str]]:
    """A watch request, and the objects that it shows: of five in a namespace three want all of it, one a label, one a
    name."""
    namespace, turn = number % NAMESPACES, number // NAMESPACES
    keys = names(namespace)
    target = f"/api/v1/namespaces/load-{namespace:03}/configmaps?watch=1&allowWatchBookmarks=true&timeoutSeconds=7200"
    target += f"&resourceVersion={revision}"
    own = keys[turn % OBJECTS]
    name = own.split("/")[1]
    match turn % 5:
        case 3:
            return f"{target}&labelSelector=app%3D{app_of(name)}", [own]
        case 4:
            return f"{target}&fieldSelector=metadata.name%3D{name}", [own]
    return target, keys


def prepared(server: ServerProcess) -> str:
    """Make all objects; the revision from which on to watch."""
    caller = ApiCaller(server)
    for namespace in range(NAMESPACES):
        caller.call("POST", "/api/v1/namespaces", {"metadata": {"name": f"load-{namespace:03}"}})
        for key in names(namespace):
            collection = f"/api/v1/namespaces/load-{namespace:03}/configmaps"
            made = caller.call("POST", collection, json.loads(content(key, 0)))
            assert made.code == 201, made
    caller.close()
    return str(made.body["metadata"]["resourceVersion"])


def at(values: list[float], part: float) -> float:
    return values[min(len(values) - 1, int(len(values) * part))]


def test_watchers_under_load(fresh_server: Callable[..., ServerProcess]) -> None:
    """Every watcher sees every write of its objects once and in order, for as long as it lasts; and it costs what it
    costs."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    server = fresh_server()
    where = urlsplit(server.url)
    task = {"host": where.hostname, "port": where.port, "ca": str(server.ca), "token": server.token}
    revision = prepared(server)
    empty = memory(server.pid)
    watches = [watch(number, revision) for number in range(WATCHERS)]
    with ExitStack() as stack:
        watching = []
        for part in range(PROCESSES):
            targets, keys = zip(*watches[part::PROCESSES], strict=True)
            watching.append(stack.enter_context(process({**task, "role": "watch", "targets": targets, "keys": keys})))
        ready = sum(hear(one)["ready"] for one in watching)
        assert ready == WATCHERS
        opened = memory(server.pid)
        all_keys = [key for namespace in range(NAMESPACES) for key in names(namespace)]
        writing = stack.enter_context(process({
            **task, "role": "write", "rate": RATE, "seconds": SECONDS, "keys": all_keys, "connections": CONNECTIONS,
        }))  # fmt: skip
        before, samples = cpu(server.pid), [memory(server.pid)]
        until = time.monotonic() + SECONDS
        while time.monotonic() < until:
            time.sleep(min(1.0, SECONDS / 20))  # a sample of memory is what is waited for
            samples.append(memory(server.pid))
        written = hear(writing)
        for one in watching:
            tell(one, {"last": written["last"]})
        seen = [hear(one) for one in watching]
        spent = cpu(server.pid) - before
    report(written, seen, spent, samples, (opened - empty) / WATCHERS)
    assert not written["refused"], written["refused"]
    for what in ("ended", "wrong", "missing"):
        assert not [text for one in seen for text in one[what]], (what, seen)
    half = len(samples) // 2
    third, last = max(samples[half : half + half // 2]), max(samples[half + half // 2 :])
    assert last <= third * (1 + GROWTH) + SLACK, f"memory grows: {third} bytes, then {last}"


def report(written: dict[str, Any], seen: list[dict[str, Any]], spent: float, samples: list[int], each: float) -> None:
    events = sum(one["events"] for one in seen)
    delays = sorted(delay for one in seen for delay in one["delays"])
    half = len(samples) // 2
    print(
        f"\n{WATCHERS} watchers, {written['writes']} writes in {written['took']:.1f} s ({RATE:.0f}/s asked for), "
        f"{events} events delivered ({events / written['took']:.0f} a second)\n"
        f"CPU of the server: {spent:.1f} s, {spent / written['took']:.0%} of a core, "
        f"{spent / events * 1e6:.1f} µs per delivered event, {spent / written['writes'] * 1e6:.0f} µs per write\n"
        f"from request to event: p50 {at(delays, 0.5) * 1e3:.1f} ms, p99 {at(delays, 0.99) * 1e3:.1f} ms, "
        f"worst {delays[-1] * 1e3:.1f} ms; answers to writes: p50 {at(written['latencies'], 0.5) * 1e3:.1f} ms, "
        f"p99 {at(written['latencies'], 0.99) * 1e3:.1f} ms\n"
        f"memory: {each / 1024:.1f} KiB per watcher; {samples[0] >> 20} MiB at the start, {samples[half] >> 20} in the "
        f"middle, {samples[-1] >> 20} at the end, {max(samples) >> 20} at most"
    )
