"""One attempt of a probe: a command in the container, a GET, a connection, a call of gRPC's health service.

Called by `prober`. Behaviour and texts: kubernetes `pkg/kubelet/prober/prober.go`, `pkg/probe/{exec,http,tcp,grpc}`,
cri-client `pkg/remote_runtime.go` (ExecSync).
"""

from __future__ import annotations

import asyncio
from typing import Final, NamedTuple

from orlop.api.field import quote
from orlop.api.tree import Tree
from orlop.node.back_off import go_seconds
from orlop.node.command import CommandResult, run_command
from orlop.node.environment import expand
from orlop.node.http_get import ActionError, HttpFailure, Twin, connect_text, fetch, get_of, port_of
from orlop.node.probe import Outcome, Result
from orlop.node.probe_grpc import call
from orlop.node.runtime import Refusal, Runtime

TRIES: Final = 3
"""Attempts that say nothing about the container are repeated, up to so many."""


class Target(NamedTuple):
    """A container that runs. `pod`: as kubelets name it; `twin` finds the pod's address on this machine."""

    uid: str
    pod: str
    container: Tree
    ip: str
    twin: Twin

    @property
    def name(self) -> str:
        found: str = self.container["name"]
        return found


async def attempt(probe: Tree, target: Target, runtime: Runtime, timeout: float) -> Outcome:
    outcome = Outcome(Result.UNKNOWN)
    for _ in range(TRIES):
        outcome = await _once(probe, target, runtime, timeout)
        if not outcome.error:
            break
    return outcome


async def _once(probe: Tree, target: Target, runtime: Runtime, timeout: float) -> Outcome:
    try:
        if (action := probe.get("exec")) is not None:
            return await _command(action, target, runtime, timeout)
        if (action := probe.get("httpGet")) is not None:
            return await _http(action, target, timeout)
        if (action := probe.get("tcpSocket")) is not None:
            return await _tcp(action, target, timeout)
        if (action := probe.get("grpc")) is not None:
            return await call(target.ip, action["port"], action.get("service") or "", timeout, target.twin)
    except (ActionError, Refusal) as error:
        return Outcome(Result.UNKNOWN, error=str(error))
    return Outcome(Result.UNKNOWN, error=f"missing probe handler for {target.pod}:{target.name}")


async def _command(action: Tree, target: Target, runtime: Runtime, timeout: float) -> Outcome:
    known = {one["name"]: one.get("value") or "" for one in target.container.get("env") or () if "valueFrom" not in one}
    command = [expand(part, known) for part in action.get("command") or ()]
    done: CommandResult | None = await run_command(runtime, target.uid, target.name, command, timeout)
    if done is None:
        text = f"command timed out: {quote(' '.join(command))} timed out after {go_seconds(timeout)}"
        return Outcome(Result.FAILURE, text)
    return Outcome(Result.SUCCESS if done.code == 0 else Result.FAILURE, done.text)


async def _http(action: Tree, target: Target, timeout: float) -> Outcome:
    try:
        answer = await fetch(get_of(action, target.container, target.ip, "probe"), timeout, target.twin)
    except HttpFailure as failure:
        return Outcome(Result.FAILURE, str(failure))
    if 200 <= answer.status < 300:
        return Outcome(Result.SUCCESS, answer.body)
    if 300 <= answer.status < 400:
        return Outcome(Result.WARNING, f"Probe terminated redirects, Response body: {answer.body}")
    return Outcome(Result.FAILURE, f"HTTP probe failed with statuscode: {answer.status}")


async def _tcp(action: Tree, target: Target, timeout: float) -> Outcome:
    host, port = action.get("host") or target.ip, port_of(action.get("port"), target.container)
    try:
        async with asyncio.timeout(timeout):
            failure = await connect_text(host, port, target.twin)
    except TimeoutError:
        failure = f"dial tcp {host}:{port}: i/o timeout"
    return Outcome(Result.FAILURE, failure) if failure else Outcome(Result.SUCCESS)
