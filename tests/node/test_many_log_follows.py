"""Hundreds of clients that follow the logs of fake pods: all get every line, and nothing of them is left."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path

from node_scenarios import PODS, cluster, pod, until

import orlop

FOLLOWS, POD_COUNT = 500, 10
SECONDS = 60.0
"""A limit for busy machines; it takes a few seconds."""


async def _follow(server: orlop.Server, context: ssl.SSLContext, name: str, started: asyncio.Semaphore) -> int:
    """Follow to the end of the log over a connection of its own; the number of lines."""
    token = server.running.directory.admin_token
    reader, writer = await asyncio.open_connection("127.0.0.1", server.running.port, ssl=context)
    head = f"GET {PODS}/{name}/log?follow=true HTTP/1.1\r\nHost: api\r\nAuthorization: Bearer {token}\r\n\r\n"
    writer.write(head.encode())
    assert b" 200 " in await reader.readline()
    seen = await reader.readuntil(b"tick")
    started.release()
    while not seen.endswith(b"\r\n0\r\n\r\n"):
        got = await reader.read(1 << 16)
        assert got, seen[-200:]
        seen += got
    writer.close()
    return seen.count(b"tick\n")


def _held() -> tuple[int, int]:
    """Tasks but for the workers of queues, some of which are started a little after the server; open files."""
    tasks = [task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__name__", "") != "_work"]
    return len(tasks), sum(1 for _ in Path("/proc/self/fd").iterdir())


async def _all_follow(server: orlop.Server, context: ssl.SSLContext, names: list[str]) -> list[int]:
    """The lines that each follow got; the pods are deleted when all have got one."""
    started = asyncio.Semaphore(0)
    async with asyncio.TaskGroup() as group:
        follows = [group.create_task(_follow(server, context, names[n % POD_COUNT], started)) for n in range(FOLLOWS)]
        for _ in follows:
            await started.acquire()
        for name in names:
            assert (await server.request("DELETE", f"{PODS}/{name}?gracePeriodSeconds=1")).status == 200
    return [follow.result() for follow in follows]


async def _play() -> None:
    async with asyncio.timeout(SECONDS), cluster(1) as server:
        kubelet = server.running.application.kubelet
        assert kubelet is not None
        context = ssl.create_default_context(cafile=str(server.running.directory.path / "ca.crt"))
        notes = {"orlop.dev/log": "tick", "orlop.dev/log-every": "100ms"}
        names = [f"p{n}" for n in range(POD_COUNT)]
        for name in names:
            await server.request("POST", PODS, pod(name, notes))
        for name in names:
            await until(server, name, lambda p: p["status"]["phase"] == "Running")
        before = _held()
        counts = await _all_follow(server, context, names)
        assert all(count > 0 for count in counts)
        assert [len(set(counts[n::POD_COUNT])) for n in range(POD_COUNT)] == [1] * POD_COUNT
        kubelet.pool.close()  # what is idle may stay for a while; it is not a leak
        while any(now > then for now, then in zip(_held(), before, strict=True)) or kubelet.tasks or kubelet.pool.open:
            await asyncio.sleep(0.01)


def test_five_hundred_follows() -> None:
    """Each client of a pod sees as many lines, from the first to the last; tasks, files and connections go."""
    asyncio.run(_play())
