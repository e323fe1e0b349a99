"""client-go's executors, port forwarders and log streams against a node in process mode, over WebSocket and SPDY."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from client_go_program import SECONDS, Line, built_program, make_namespace
from server_process import FreshServer

pytestmark = pytest.mark.xdist_group("client-go")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Go program, built once."""
    return built_program(tmp_path_factory.mktemp("go"))


def of(transport: str) -> list[Line]:
    return [{"step": "exec", "transport": transport, "out": "out given\n", "err": "err\n", "code": 7,
             "message": "command terminated with exit code 7"},
            {"step": "binary", "transport": transport, "same": True},
            {"step": "terminal", "transport": transport, "resized": True, "code": 5},
            {"step": "leaves", "transport": transport, "canceled": True},
            {"step": "forward", "transport": transport, "good": 50, "ended": "<nil>"}]  # fmt: skip


def test_streams(program: Path, fresh_server: FreshServer) -> None:
    """Exec with input, outputs, exit code, terminal and resize; 50 connections through a forwarded port; a followed
    log that has every line and ends with its pod."""
    server = fresh_server("--nodes", "1", "--node-mode", "process", storage="memory")
    make_namespace(server, "go-streams")
    done = subprocess.run([str(program), "-kubeconfig", str(server.kubeconfig), "-namespace", "go-streams", "streams"],
                          capture_output=True, text=True, timeout=2 * SECONDS)  # fmt: skip
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"{lines[-3:]}\n{done.stderr[-3000:]}\n{server.stderr()[-3000:]}"
    assert lines == [{"step": "log", "line": "listening\n"}, *of("websocket"), *of("spdy"),
                     {"step": "log", "lines": {"/websocket": 50, "/spdy": 50}}]  # fmt: skip
