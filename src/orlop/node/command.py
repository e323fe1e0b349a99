"""A command beside a container that the node itself wants: of a probe or a hook. Its output is collected.

Used by `probe_action` and `hook`, on a `Runtime`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, NamedTuple

from orlop.node.runtime import Runtime

OUTPUT_BYTES: Final = 10 * 1024
"""So much of each stream is kept."""

KILL_SECONDS: Final = 2.0
"""A command that is killed has gone after this, or what it started is left to itself."""


class CommandResult(NamedTuple):
    code: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        return (self.stdout + self.stderr)[:OUTPUT_BYTES].decode(errors="replace")


async def run_command(runtime: Runtime, uid: str, container: str, command: Sequence[str],
                      timeout: float | None) -> CommandResult | None:
    """None: it took too long, and was killed. Raises Refusal. Cancelled, it kills the command."""
    kept: dict[str, bytes] = {"stdout": b"", "stderr": b""}

    async def keep(stream: str, data: bytes) -> None:
        kept[stream] += data[:OUTPUT_BYTES - len(kept[stream])]

    session = await runtime.execute(uid, container, command, False, False, keep)
    waiting = asyncio.ensure_future(session.wait())
    try:
        await asyncio.wait((waiting,), timeout=timeout)
        if waiting.done():
            return CommandResult(waiting.result(), kept["stdout"], kept["stderr"])
        return None
    finally:
        if not waiting.done():
            session.kill()
            await asyncio.wait((waiting,), timeout=KILL_SECONDS)
            waiting.cancel()
