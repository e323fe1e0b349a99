"""Streams of a pod with every client there is: kubectl over WebSocket and SPDY, a newer kubectl, an older client-go.
Logs, exit codes, terminals, attach, copies, forwarded ports. The node runs processes.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import random
import re
import struct
import subprocess
import termios
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from strangers import EVERYONE, KUBECTLS, SECONDS, Site, echoed, forwarded, interrupt, site_at, started

pytestmark = pytest.mark.xdist_group("strangers")
CONNECTIONS = 50
TERMINAL = """
until [ "$(stty size)" = "30 90" ]; do sleep 0.02; done
trap 'stty size; exit 5' WINCH
echo begun
while :; do sleep 0.02; done
"""
PAGE = """
import http.server, os
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.path.encode())
http.server.ThreadingHTTPServer((os.environ["IP"], 8081), Page).serve_forever()
"""
"""Answers with what was asked for."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A server with a node and a pod."""
    with site_at(tmp_path_factory.mktemp("strangers")) as made:
        yield made


@pytest.mark.parametrize("who", EVERYONE)
def test_a_log_is_followed_to_its_end(site: Site, who: str) -> None:
    """Lines come as they are written, and the client ends when the process has."""
    site.make_pod(f"log-{who}", "sh", "-c", "echo begun; until [ -e end ]; do sleep 0.02; done; echo over")
    with started(site.clients[who], "logs", "-f", f"log-{who}") as follower:
        assert follower.stdout is not None
        assert follower.stdout.readline() == b"begun\n"
        site.clients["machine"]("exec", f"log-{who}", "--", "touch", "end")
        assert follower.stdout.read() == b"over\n"
        assert follower.wait(SECONDS) == 0


@pytest.mark.parametrize("who", EVERYONE)
def test_exit_codes(site: Site, who: str) -> None:
    """A command's exit code is the client's: success, its own, not executable, not found."""
    for script, code in (("true", 0), ("exit 7", 7), ("/etc/passwd", 126), ("/no/such/program", 127)):
        said = site.clients[who]("exec", "echo", "--", "sh", "-c", script, ok=False)
        assert said.code == code, said
    said = site.clients[who]("exec", "echo", "--", "/no/such/program", ok=False)
    assert (said.code, "/no/such/program" in said.err) == (1, True), said


@pytest.mark.parametrize("who", EVERYONE)
def test_a_terminal_has_a_size(site: Site, who: str) -> None:
    """`exec -it` under a pseudo-terminal: the command sees its size, is told of a change, and its exit code counts."""
    client = site.clients[who]
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 90, 0, 0))
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", client.program, "exec", "-i", "-t", "echo", "--", "sh", "-c", TERMINAL],
        stdin=theirs, stdout=theirs, stderr=theirs, env=client.environment, cwd=client.home)  # fmt: skip
    os.close(theirs)
    try:
        seen = _until(ours, b"begun\r\n")
        fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        seen = _until(ours, b"40 100\r\n")
        assert process.wait(SECONDS) == 5, seen
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _until(terminal: int, text: bytes) -> bytes:
    seen = b""
    while text not in seen:
        seen += os.read(terminal, 4096)  # fails when the other side has ended
    return seen


@pytest.mark.parametrize("who", EVERYONE)
def test_attach(site: Site, who: str) -> None:
    """Input reaches the process that runs, its output comes back, and it runs on when the client leaves."""
    with started(site.clients[who], "attach", "-i", "echo") as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{who} is here\n".encode())
        process.stdin.flush()
        assert process.stdout.readline() == f"heard {who} is here\n".encode()
    with started(site.clients[who], "attach", "-i", "echo") as again:
        assert again.stdin is not None and again.stdout is not None
        again.stdin.write(b"still there\n")
        again.stdin.close()
        assert again.stdout.readline() == b"heard still there\n"
        again.stdin = None
        assert interrupt(again) != 0


@pytest.mark.parametrize("who", KUBECTLS)
def test_copies_go_both_ways(site: Site, who: str, tmp_path: Path) -> None:
    """A directory of binary files arrives whole, and comes back whole."""
    source = tmp_path / "source"
    (source / "below" / "deeper").mkdir(parents=True)
    for name, size in (("empty", 0), ("small", 1), ("below/odd", 100_001), ("below/deeper/large", 2_000_003)):
        (source / name).write_bytes(os.urandom(size))
    site.clients[who]("cp", str(source), f"echo:copy-{who}")
    site.clients[who]("cp", f"echo:copy-{who}", str(tmp_path / "back"))
    assert _files(tmp_path / "back") == _files(source)


def _files(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.mark.parametrize("who", EVERYONE)
def test_half_closed_connections_through_a_port(site: Site, who: str) -> None:
    """Many connections at once through one forwarded port: the pod answers each when it saw the end of its half."""
    with forwarded(site.clients[who], "echo", 8080) as port, ThreadPoolExecutor(CONNECTIONS) as threads:
        assert all(threads.map(echoed, [port] * CONNECTIONS, [100_000 + n for n in range(CONNECTIONS)]))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file of 100 MB of any bytes, which pods can read, too."""
    path = tmp_path_factory.mktemp("large") / "bytes"
    chance = random.Random(7)
    with path.open("wb") as file:
        for _ in range(100):
            file.write(chance.randbytes(1_000_000))
    yield path
    path.unlink()


@pytest.mark.parametrize("who", EVERYONE)
def test_a_hundred_megabytes_in(site: Site, who: str, large: Path) -> None:
    """Binary input arrives as it was sent, to its last byte: the command's hash says so."""
    with large.open("rb") as source:
        done = subprocess.run([site.clients[who].program, "exec", "-i", "echo", "--", "sha256sum"], stdin=source,
                              env=site.clients[who].environment, capture_output=True, timeout=SECONDS)  # fmt: skip
    assert (done.returncode, done.stdout.split()[:1]) == (0, [_sha256(large)]), done.stderr


@pytest.mark.parametrize("who", EVERYONE)
def test_a_hundred_megabytes_out(site: Site, who: str, large: Path, tmp_path: Path) -> None:
    """Binary output, too."""
    with (tmp_path / "out").open("wb") as target:
        done = subprocess.run([site.clients[who].program, "exec", "echo", "--", "cat", str(large)], stdout=target,
                              env=site.clients[who].environment, stderr=subprocess.PIPE, timeout=SECONDS)  # fmt: skip
    assert (done.returncode, _sha256(tmp_path / "out")) == (0, _sha256(large)), done.stderr


def _sha256(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest().encode()


@pytest.mark.parametrize("who", KUBECTLS)
def test_a_proxy_process(site: Site, who: str) -> None:
    """`kubectl proxy` leads an ordinary HTTP client to the API, to the page of a service's pod, and to a watch."""
    name = f"web-{who}"
    site.make_pod(name, "python3", "-c", PAGE)
    site.clients[who]("expose", "pod", name, "--port=80", "--target-port=8081")
    with started(site.clients[who], "proxy", "--port=0") as process:
        assert process.stdout is not None
        found = re.search(rb"127\.0\.0\.1:(\d+)", process.stdout.readline())
        assert found
        base = f"http://127.0.0.1:{int(found[1])}/api/v1"
        with urllib.request.urlopen(f"{base}/namespaces/default/pods/{name}", timeout=SECONDS) as answer:
            assert json.load(answer)["metadata"]["name"] == name
        with urllib.request.urlopen(f"{base}/namespaces?watch=1", timeout=SECONDS) as answer:
            assert json.loads(answer.readline())["type"] == "ADDED"
        page = f"{base}/namespaces/default/services/{name}:80/proxy/some/page?a=b"
        assert _when_there_are_endpoints(page) == b"/some/page?a=b"


def _when_there_are_endpoints(page: str) -> bytes:
    """A service has them a moment after its pod is ready."""
    until = time.monotonic() + SECONDS
    while True:
        try:
            with urllib.request.urlopen(page, timeout=SECONDS) as answer:
                text: bytes = answer.read()
                return text
        except urllib.error.HTTPError as error:
            if error.code != 503 or time.monotonic() > until:
                raise
