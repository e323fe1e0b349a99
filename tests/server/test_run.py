"""The command as a process: how it starts, how it refuses to, how it ends."""

from __future__ import annotations

import http.client
import signal
import socket
import ssl
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from server_process import ServerProcess

SECONDS = 30.0
Start = Callable[..., ServerProcess]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts servers that are gone after the test."""
    started: list[ServerProcess] = []

    def starting(*flags: str, storage: str = "sqlite", directory: str = "data") -> ServerProcess:
        process = ServerProcess(tmp_path / directory, *flags, storage=storage)
        started.append(process)
        return process.start()

    yield starting
    for process in started:
        process.kill()


def refusal(*flags: str) -> tuple[int, str]:
    """Exit code and standard error of a server that does not start."""
    command = [sys.executable, "-m", "orlop", "serve", *flags]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS)
    assert done.stdout == "" and "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stderr


def connect(server: ServerProcess) -> http.client.HTTPSConnection:
    context = ssl.create_default_context(cafile=str(server.ca))
    return http.client.HTTPSConnection("127.0.0.1", server.port, timeout=SECONDS, context=context)


def test_ready_means_ready(start: Start) -> None:
    """The line comes when everything answers; secrets are for the owner alone."""
    server = start()
    connection = connect(server)
    for path in ("/readyz", "/api/v1/namespaces/kube-system", "/apis/rbac.authorization.k8s.io/v1/clusterroles/admin",
                 "/api/v1/namespaces/default/services/kubernetes"):
        connection.request("GET", path, headers={"Authorization": f"Bearer {server.token}"})
        answer = connection.getresponse()
        answer.read()
        assert answer.status == 200, path
    connection.close()
    assert stat.S_IMODE(server.data_dir.stat().st_mode) == 0o700
    for name in ("admin.token", "admin.kubeconfig", "ca.key"):
        assert stat.S_IMODE((server.data_dir / name).stat().st_mode) == 0o600, name


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signals_end_it_well(start: Start, number: signal.Signals) -> None:
    """Exit code 0, nothing on standard error."""
    server = start(storage="memory")
    assert server.process is not None
    server.process.send_signal(number)
    assert server.process.wait(SECONDS) == 0
    assert server.stderr() == ""


def test_open_watches_end_cleanly(start: Start) -> None:
    """At SIGTERM a watcher reads the last chunk, not a cut connection; that it keeps the connection afterwards, as
    pools do, holds nobody up."""
    server = start("--shutdown-grace", "1000", storage="memory")
    connection = connect(server)
    connection.request("GET", "/api/v1/namespaces?watch=1", headers={"Authorization": f"Bearer {server.token}"})
    answer = connection.getresponse()
    assert b'"type":"ADDED"' in answer.readline()
    assert server.process is not None
    server.process.terminate()
    rest = answer.read()  # raises IncompleteRead when the stream is cut
    assert rest.count(b"\n") == 3 and answer.status == 200
    assert server.process.wait(SECONDS) == 0


def test_second_start_finds_everything(start: Start) -> None:
    """Same directory, same credentials, same objects."""
    server = start()
    token, authority = server.token, server.ca.read_bytes()
    connection = connect(server)
    body = '{"metadata":{"name":"kept"}}'
    connection.request("POST", "/api/v1/namespaces", body, {"Authorization": f"Bearer {token}"})
    assert connection.getresponse().status == 201
    connection.close()
    server.stop()
    server.start()
    assert (server.token, server.ca.read_bytes()) == (token, authority)
    connection = connect(server)
    connection.request("GET", "/api/v1/namespaces/kept", headers={"Authorization": f"Bearer {token}"})
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.parametrize("storage", ["sqlite", "memory"])
def test_one_server_a_directory(start: Start, storage: str) -> None:
    """A second one says who is there, and does not disturb the first."""
    server = start(storage=storage)
    code, text = refusal("--data-dir", str(server.data_dir), "--secure-port", "0", "--storage", storage)
    assert code == 1
    assert text == (f"Error: data directory {server.data_dir} is in use by another server (process {server.pid})\n")
    connection = connect(server)
    connection.request("GET", "/livez")
    assert connection.getresponse().status == 200
    connection.close()


def test_port_in_use(tmp_path: Path) -> None:
    """Named, and the directory is free again."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        flags = ("--data-dir", str(tmp_path / "d"), "--secure-port", port)
        for _ in range(2):
            code, text = refusal(*flags)
            assert code == 1 and "address already in use" in text and port in text


def test_unusable_directories(tmp_path: Path) -> None:
    """What is wrong with which directory."""
    (tmp_path / "file").write_text("x")
    for directory in (tmp_path / "file" / "below", Path("/proc/orlop")):
        code, text = refusal("--data-dir", str(directory), "--secure-port", "0")
        assert code == 1 and text.startswith(f"Error: cannot make data directory {directory}: ")
    code, text = refusal("--data-dir", str(tmp_path / "file"), "--secure-port", "0")
    assert code == 2 and "is a file" in text


@pytest.mark.parametrize(("name", "content"), [
    ("orlop.db", b"no database at all" * 100), ("ca.crt", b"no certificate"), ("ca.key", b"no key"),
    ("admin.token", b"\n"),
])
def test_damaged_directories(start: Start, name: str, content: bytes) -> None:
    """A file that is not what it should be is named; nothing is overwritten."""
    server = start()
    server.stop()
    for extra in server.data_dir.glob("orlop.db-*"):
        extra.unlink()
    damaged = server.data_dir / name
    damaged.write_bytes(content)
    code, text = refusal("--data-dir", str(server.data_dir), "--secure-port", "0")
    assert code == 1 and text.startswith("Error: ") and str(server.data_dir) in text, text
    assert damaged.read_bytes() == content


@pytest.mark.parametrize(("flags", "said"), [
    (("--authorization-mode", "rbac"), "authorization-mode must be one or several of AlwaysAllow, RBAC"),
    (("--authorization-mode", ""), "authorization-mode must be one or several of"),
    (("--service-cluster-ip-range", "10.0.0.0/32"), "service-cluster-ip-range must have at least 8 addresses"),
    (("--bind-address", "somewhere"), "bind-address must be an IP address"),
    (("--bind-address", "192.0.2.1"), "192.0.2.1"),
    (("--kubernetes-version", "latest"), "kubernetes-version must be a minor version"),
    (("--access-log", "/nowhere/log"), "/nowhere/log"),
])
def test_wrong_flags(tmp_path: Path, flags: tuple[str, ...], said: str) -> None:
    """One line that says what is wrong, exit code 1."""
    code, text = refusal("--data-dir", str(tmp_path / "d"), "--secure-port", "0", *flags)
    assert code == 1 and text.startswith("Error: ") and said in text and text.count("\n") == 1, text


def test_wrong_token_file(tmp_path: Path) -> None:
    """The file is named."""
    tokens = tmp_path / "tokens.csv"
    tokens.write_text("only,two\n")
    code, text = refusal("--data-dir", str(tmp_path / "d"), "--secure-port", "0", "--token-auth-file", str(tokens))
    assert code == 1 and f"Error: token file '{tokens}' must have at least 3 columns" in text


def test_access_log(start: Start, tmp_path: Path) -> None:
    """One line for each request, complete when the server has ended."""
    server = start("--access-log", str(tmp_path / "access.jsonl"), storage="memory")
    connection = connect(server)
    for _ in range(5):
        connection.request("GET", "/version")
        connection.getresponse().read()
    connection.close()
    server.stop()
    assert (tmp_path / "access.jsonl").read_text().count('"path":"/version"') == 5


def test_help_is_instant() -> None:
    """Neither help nor version imports what only a server needs."""
    code = ("import sys\nfrom orlop.cli import main\ntry: main(['serve', '--help'])\nexcept SystemExit: pass\n"
            "print([m for m in ('uvloop', 'cryptography', 'orlop.server', 'orjson') if m in sys.modules])")
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=SECONDS, check=True)
    assert out.stdout.splitlines()[-1] == "[]"
