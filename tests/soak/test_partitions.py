"""The network between members of etcd, and between them and us, is cut: silently, as networks do it.

While clients of two replicas work and record what they are told: nothing acknowledged is lost, no read is stale, no
watch has a gap, readiness tells the truth, and work goes on within five seconds of etcd's own.
"""

from __future__ import annotations

import asyncio
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from links import OverTls
from network import PATIENCE, Network, missing
from recorder import ACKNOWLEDGED, History
from validators import validate
from workload import Plan, run

from replica_set import SHARED
from server_process import ServerProcess

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing() or "-")

RECOVERY = 5.0
"""Seconds that we may take longer than etcd."""


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    with Network(tmp_path) as made:
        yield made


@pytest.fixture
def servers(network: Network, tmp_path: Path) -> Iterator[list[ServerProcess]]:
    """Two replicas in the root namespace, which reaches all members over the bridge."""
    made = [ServerProcess(tmp_path / f"replica-{n}", "--etcd-servers", network.endpoints) for n in range(2)]
    try:
        made[0].start()
        made[1].data_dir.mkdir(mode=0o700)
        for name in SHARED:
            (made[1].data_dir / name).write_bytes((made[0].data_dir / name).read_bytes())
        made[1].start()
        yield made
    finally:
        for server in made:
            server.kill()


def leader(network: Network) -> int:
    """The number of the member that leads."""
    for number, host in enumerate(network.hosts):
        said = subprocess.run(("etcdctl", "--endpoints", host.endpoint, "endpoint", "status", "--write-out=fields"),
                              capture_output=True, text=True, timeout=PATIENCE, check=False,
                              env={"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin:/usr/local/bin"})
        fields = dict(line.split(" : ", 1) for line in said.stdout.splitlines() if " : " in line)
        if fields and fields.get('"MemberID"') == fields.get('"Leader"'):
            return number
    raise AssertionError("no member leads")


def ready(server: ServerProcess) -> bool:
    import ssl

    context = ssl.create_default_context(cafile=str(server.ca))
    try:
        with urllib.request.urlopen(f"{server.url}/readyz", context=context, timeout=10) as answer:
            return bool(answer.status == 200)
    except urllib.error.HTTPError:
        return False


def until(true: Callable[[], bool], seconds: float, what: str) -> float:
    """How long it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return time.monotonic() - began


def test_readiness_tells_the_truth(network: Network, servers: list[ServerProcess]) -> None:
    """Members that do not reach each other serve nobody: we say so, and that it is over."""
    assert all(ready(server) for server in servers)
    network.scatter()
    for server in servers:
        took = until(lambda server=server: not ready(server), 2 * RECOVERY, "unready")  # type: ignore[misc]
        print(f"unready after {took:.1f} s")
    network.gather()
    until(lambda: any(_answers(host.endpoint) for host in network.hosts), PATIENCE, "etcd itself")
    for server in servers:
        took = until(lambda server=server: ready(server), RECOVERY, "ready again")  # type: ignore[misc]
        print(f"ready again {took:.1f} s after etcd")


def _answers(endpoint: str) -> bool:
    """Whether a member confirms a read with a majority."""
    said = subprocess.run(("etcdctl", "--endpoints", endpoint, "--command-timeout=1s", "get", "x"),
                          capture_output=True, timeout=PATIENCE, check=False,
                          env={"ETCDCTL_API": "3", "PATH": "/usr/bin:/bin:/usr/local/bin"})
    return said.returncode == 0


@pytest.mark.parametrize("cut", ["the leader from the members", "a member from everybody", "all from each other"])
def test_histories(cut: str, network: Network, servers: list[ServerProcess]) -> None:
    """Clients go on through two cuts of each kind."""
    history = History()

    async def reached(count: int) -> None:
        while len(history.operations) < count:
            await asyncio.sleep(0.01)

    async def cutting() -> None:
        for _ in range(2):
            await reached(len(history.operations) + 200)
            number = await asyncio.to_thread(leader, network)
            host = network.hosts[number]
            if cut == "the leader from the members":
                await asyncio.to_thread(network.split, host)
                await asyncio.sleep(6)
                await asyncio.to_thread(network.heal, host)
            elif cut == "a member from everybody":
                await asyncio.to_thread(host.unplug)
                await asyncio.sleep(6)
                await asyncio.to_thread(host.plug)
            else:
                await asyncio.to_thread(network.scatter)
                await asyncio.sleep(6)
                await asyncio.to_thread(network.gather)
            await reached(len(history.operations) + 200)

    async def playing() -> None:
        links = [partial(OverTls, server.url, server.ca, server.token) for server in servers]
        async with asyncio.TaskGroup() as group:
            cuts = group.create_task(cutting())
            await run(links, Plan(23, clients=8, steps=200, names=6, lasting=45.0, finish=120.0), history)
            cuts.cancel()

    asyncio.run(playing())
    print(history.summary())
    validate(history)
    assert sum(one.outcome == ACKNOWLEDGED for one in history.operations) > 800
