"""The access log: one line a request, never in the way."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest

from orlop.api.context import Context, RequestInfo, User
from orlop.api.http import Request
from orlop.server import access_log
from orlop.server.access_log import AccessLog
from orlop.world.clock import ManualClock


def request(path: str = "/api/v1/pods", *, known: bool = True) -> Request:
    made = Request("GET", path, "watch=1", {"user-agent": "kubectl"}, peer="1.2.3.4:5")
    if known:
        made.context = Context(User("alice"), RequestInfo("watch", path))
    return made


def lines(file: io.BytesIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.getvalue().splitlines()]


def test_lines() -> None:
    """Who asked for what, how it ended, how long it took; also for requests that got no further than a refusal."""
    file = io.BytesIO()
    log = AccessLog(file, ManualClock(1000.25))
    log.observe(request(), 200, 5.0, 5.0125, 77)
    log.observe(request(known=False), 400, 5.0, 5.0, 0)
    log.close()
    first, second = lines(file)
    assert first == {"time": 1000.25, "method": "GET", "verb": "watch", "path": "/api/v1/pods", "query": "watch=1",
                     "status": 200, "ms": 12.5, "bytes": 77, "user": "alice", "agent": "kubectl", "peer": "1.2.3.4:5"}
    assert (second["verb"], second["user"], second["status"]) == ("GET", "", 400)


def test_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """What comes when too much waits is dropped, and the number of it is logged."""
    monkeypatch.setattr(access_log, "MAX_WAITING", 3)
    monkeypatch.setattr(access_log, "PERIOD", 1000.0)
    file = io.BytesIO()
    log = AccessLog(file, ManualClock())
    for _ in range(10):
        log.observe(request(), 200, 0.0, 0.0, 0)
    log.close()
    assert lines(file)[3:] == [{"dropped": 7}] and len(lines(file)) == 4


class FullDisk(io.BytesIO):
    full = True

    def write(self, data: Any) -> int:
        if self.full:
            raise OSError(28, "No space left on device")
        return super().write(data)


def test_full_disk(caplog: pytest.LogCaptureFixture) -> None:
    """A disk that refuses is complained of once; logging goes on when it takes again, and says how much is missing."""
    file = FullDisk()
    log = AccessLog(file, ManualClock())
    log._stop.set()
    log._thread.join()
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            log.observe(request(), 200, 0.0, 0.0, 0)
            log._write()
    assert len(caplog.records) == 1 and "No space left" in caplog.text
    file.full = False
    log.observe(request("/again"), 200, 0.0, 0.0, 0)
    log._write()
    again, dropped = lines(file)
    assert again["path"] == "/again" and dropped["dropped"] >= 3
