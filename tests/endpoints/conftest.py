"""A server on each storage, for tests of what reaches down to it."""

from __future__ import annotations

import asyncio
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from pasts import Play, Scenario

import orlop


@pytest.fixture(params=["memory", "sqlite"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    """Run a scenario against a server of its own without controllers, on the storage of this run."""
    off = {field.name: False for field in fields(orlop.Config) if field.name.endswith("_controller")}
    settings: dict[str, Any] = {"data_dir": tmp_path / "data"} if request.param == "sqlite" else {}

    def run(scenario: Scenario, **more: Any) -> None:
        async def playing() -> None:
            async with asyncio.timeout(60), orlop.Server(listen=False, **off, **settings, **more) as server:
                await scenario(server)

        asyncio.run(playing())

    return run
