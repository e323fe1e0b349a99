"""Containers that do not exist: they start, write and end as annotations say, and cost next to nothing.

A `Runtime`, used by `agent`. A thousand pods are a few timers; a pod without `run-for` and `log-every` has none.
Commands beside them answer that nothing runs; a command `cat` gives back what it is sent.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from orlop.node.container import SIGNAL_BASE
from orlop.node.log import Log
from orlop.node.runtime import PULL_BACK_OFF, PULL_ERROR, Exit, OnExit, OnOutput, Refusal, Run, Session, StartFailure
from orlop.node.script import Script, ScriptError, script_of
from orlop.world.clock import Clock

FAKE_LOG_BYTES = 64 * 1024
"""What one fake container keeps of its lines."""
_KILLED = SIGNAL_BASE + 9


@dataclass(slots=True)
class _Container:
    log: Log = field(default_factory=lambda: Log(FAKE_LOG_BYTES))
    previous: Log | None = None
    on_exit: OnExit | None = None
    talk: asyncio.TimerHandle | None = None
    death: asyncio.TimerHandle | None = None


class FakeRuntime:
    version = "orlop-fake"

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._containers: dict[str, dict[str, _Container]] = {}
        """By uid of the pod and name: as many as the node's pods have."""

    async def start(self, run: Run, on_exit: OnExit) -> str:
        try:
            script = script_of(run.pod, run.container["name"], run.role)
        except ScriptError as error:
            raise StartFailure("CreateContainerConfigError", str(error)) from error
        if script.fail:
            reason = PULL_ERROR if script.fail == PULL_BACK_OFF else script.fail
            raise StartFailure(reason, f"annotation orlop.dev/fail says {script.fail}")
        self._begin(run, on_exit, script)
        return secrets.token_hex(32)

    def resume(self, run: Run, on_exit: OnExit, started: float) -> bool:
        try:
            script = script_of(run.pod, run.container["name"], run.role)
        except ScriptError:
            script = Script()
        if script.run_for is not None:
            script = replace(script, run_for=max(0.0, script.run_for - (self._clock.now() - started)))
        self._begin(run, on_exit, script)
        return True

    def _begin(self, run: Run, on_exit: OnExit, script: Script) -> None:
        uid, name = run.key
        former = self._containers.setdefault(uid, {}).get(name)
        found = _Container(previous=former.log if former else None, on_exit=on_exit)
        self._containers[uid][name] = found
        text = script.log or f"container {name} of pod {run.pod['metadata']['name']} runs in name only"
        self._say(found, text, script.log_every)
        if script.run_for is not None:
            code = script.exit_code
            found.death = asyncio.get_running_loop().call_later(script.run_for, self._end, found, code)

    def _say(self, container: _Container, text: str, every: float) -> None:
        container.log.write("stdout", text.encode() + b"\n", self._clock.now())
        if every > 0:
            container.talk = asyncio.get_running_loop().call_later(every, self._say, container, text, every)

    def _end(self, container: _Container, code: int) -> None:
        told, container.on_exit = container.on_exit, None
        for timer in (container.talk, container.death):
            if timer is not None:
                timer.cancel()
        container.log.close(self._clock.now())
        if told is not None:
            told(Exit(code))

    def stop(self, uid: str, container: str, grace: float) -> None:
        """It heeds SIGTERM at once, and without a grace it is killed."""
        found = self._containers.get(uid, {}).get(container)
        if found is not None:
            asyncio.get_running_loop().call_soon(self._end, found, 0 if grace else _KILLED)

    async def remove(self, uid: str) -> None:
        for container in self._containers.pop(uid, {}).values():
            container.on_exit = None
            self._end(container, 0)

    def log(self, uid: str, container: str, previous: bool) -> Log | None:
        found = self._containers.get(uid, {}).get(container)
        return None if found is None else found.previous if previous else found.log

    def sessions(self, uid: str, container: str) -> tuple[int, ...]:
        return ()

    async def execute(self, uid: str, container: str, command: Sequence[str], stdin: bool, tty: bool,
                      on_output: OnOutput) -> Session:
        if self.log(uid, container, False) is None:
            raise Refusal(f"container {container} is not running")
        return _FakeSession(command, stdin, on_output)

    async def attach(self, uid: str, container: str, stdin: bool, on_output: OnOutput) -> Session:
        return await self.execute(uid, container, ("attach",), stdin, False, on_output)

    async def dial(self, uid: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        raise Refusal(f"nothing listens on port {port}: the node is in fake mode, and nothing runs")

    async def close(self) -> None:
        for uid in list(self._containers):
            await self.remove(uid)


class _FakeSession:
    """Says what was asked for and ends; `cat` echoes until its input ends."""

    def __init__(self, command: Sequence[str], stdin: bool, on_output: OnOutput) -> None:
        self._output = on_output
        self._input_ended = asyncio.Event()
        self._echo = stdin and tuple(command) == ("cat",)
        self._text = "" if self._echo else f"fake: {' '.join(command)}\n"

    async def write(self, data: bytes) -> None:
        if self._echo and not self._input_ended.is_set():
            await self._output("stdout", data)

    def close_input(self) -> None:
        self._input_ended.set()

    def resize(self, columns: int, rows: int) -> None:
        """There is no terminal."""

    async def wait(self) -> int:
        if self._text:
            await self._output("stdout", self._text.encode())
        else:
            await self._input_ended.wait()
        await self._output("stdout", b"")
        await self._output("stderr", b"")
        return 0

    def kill(self) -> None:
        self._input_ended.set()
