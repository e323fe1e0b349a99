"""Lifecycle hooks of containers: what is done after their start and before their end.

Used by `agent` in process mode. One hook of a container is under way at a time. Behaviour and texts: kubernetes
`pkg/kubelet/lifecycle/handlers.go`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from orlop.api.field import quote
from orlop.api.tree import Tree
from orlop.node.command import run_command
from orlop.node.http_get import ActionError, HttpFailure, fetch, get_of
from orlop.node.probe_action import Target
from orlop.node.prober import report
from orlop.node.runtime import Refusal, Runtime

OnHook = Callable[[str], None]
"""Called with what went wrong, or with "", when a hook has ended."""
_PLAIN = "server gave HTTP response to HTTPS client"


async def run_hook(handler: Tree, target: Target, runtime: Runtime) -> str:
    """What went wrong, as a container's status shows it; "" for nothing."""
    place = f"for Container {quote(target.name)} in Pod {quote(target.pod)} failed - error: "
    if (action := handler.get("exec")) is not None:
        command = list(action.get("command") or ())
        error, output = await _command(command, target, runtime)
        return f"Exec lifecycle hook ([{' '.join(command)}]) {place}{error}, message: {quote(output)}" if error else ""
    if (action := handler.get("httpGet")) is not None:
        error = await _http(action, target)
        return f"HTTP lifecycle hook ({action.get('path') or ''}) {place}{error}" if error else ""
    if (action := handler.get("sleep")) is not None:
        await asyncio.sleep(action.get("seconds") or 0)
        return ""
    return "Cannot run handler: invalid handler"


async def _command(command: list[str], target: Target, runtime: Runtime) -> tuple[str, str]:
    try:
        done = await run_command(runtime, target.uid, target.name, command, None)
    except Refusal as refusal:
        return str(refusal), ""
    if done is None or done.code == 0:
        return "", ""
    said = done.stderr.decode(errors="replace")
    return f"command '{' '.join(command)}' exited with {done.code}: {said}", done.text


async def _http(action: Tree, target: Target) -> str:
    """Any answer will do."""
    try:
        request = get_of(action, target.container, target.ip, "lifecycle")
        try:
            await fetch(request, None, target.twin)
        except HttpFailure as failure:
            if _PLAIN not in str(failure):
                raise
            await fetch(request._replace(url="http" + request.url.removeprefix("https")), None, target.twin)
    except (ActionError, HttpFailure) as error:
        return str(error)
    return ""


class Hooks:
    """Those that are under way: at most one for each container."""

    def __init__(self) -> None:
        self._tasks: dict[tuple[str, str], asyncio.Task[None]] = {}

    def begin(self, uid: str, container: str, hook: Coroutine[Any, Any, str], on_end: OnHook) -> None:
        """A hook that is under way already is broken off."""
        self.end(uid, container)

        async def run() -> None:
            on_end(await hook)

        task = self._tasks[uid, container] = asyncio.create_task(run(), name=f"hook-{container}")
        task.add_done_callback(report)

    def end(self, uid: str, container: str) -> None:
        """Break it off, or forget it; `on_end` is not called any more."""
        if task := self._tasks.pop((uid, container), None):
            task.cancel()

    async def close(self) -> None:
        tasks = list(self._tasks.values())
        self._tasks.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
