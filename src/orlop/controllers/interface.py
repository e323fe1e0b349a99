"""What every built-in controller is to `server.run`: something that starts and stops, once."""

from __future__ import annotations

from typing import Protocol


class Controller(Protocol):
    def start(self) -> None:
        """Look at everything there is, then follow what changes. The caches must be started."""

    async def stop(self) -> None:
        """Let go of every watch; no write of the controller's begins after this returns."""
