"""Health: what is asked, what is told, and what is not."""

from __future__ import annotations

import asyncio

import pytest

import orlop
from orlop.api.http import Request
from orlop.server.health import Health


def ask(health: Health, path: str) -> tuple[int, str]:
    path, _, query = path.partition("?")
    answer = health.serve(Request("GET", path, query))
    assert isinstance(answer.body, bytes) and answer.content_type.startswith("text/plain")
    return answer.status, answer.body.decode()


def made(etcd: str = "", caches: str = "") -> Health:
    health = Health()
    health.add("etcd", lambda: etcd, live=True)
    health.add("caches", lambda: caches)
    return health


@pytest.mark.parametrize("root", ["/healthz", "/livez", "/readyz"])
def test_well(root: str) -> None:
    """One word, or with `verbose` one line a check."""
    assert ask(made(), root) == (200, "ok")
    lines = ["[+]ping ok", "[+]log ok", "[+]etcd ok"] + (["[+]caches ok"] if root != "/livez" else [])
    assert ask(made(), f"{root}?verbose") == (200, "\n".join([*lines, f"{root[1:]} check passed", ""]))


def test_unwell() -> None:
    """The check that failed is named, the reason stays in the log; what only readiness asks for leaves life alone."""
    code, text = ask(made(caches="secret"), "/readyz")
    assert code == 500 and "[-]caches failed: reason withheld" in text and text.endswith("readyz check failed\n")
    assert "secret" not in text
    assert ask(made(caches="secret"), "/livez") == (200, "ok")
    assert ask(made(etcd="gone"), "/livez")[0] == 500


def test_one_check() -> None:
    """By name; unknown names are 404."""
    health = made(caches="late")
    assert ask(health, "/readyz/etcd") == (200, "ok")
    assert ask(health, "/readyz/caches") == (500, "internal server error: late\n")
    assert ask(health, "/readyz/nothing")[0] == 404 and ask(health, "/livez/caches")[0] == 404


def test_exclusions() -> None:
    """Excluded checks are not asked; names that exclude nothing are told."""
    code, text = ask(made(caches="late"), "/readyz?exclude=caches&exclude=x&verbose")
    assert code == 200 and "[+]caches excluded: ok" in text
    assert 'warn: some health checks cannot be excluded: no matches for "x"' in text


def test_paths() -> None:
    """Every check has a path, which the index lists."""
    paths = made().paths()
    assert "/livez/etcd" in paths and "/readyz/caches" in paths and "/livez/caches" not in paths


def test_ready_only_between_start_and_end() -> None:
    """/readyz waits for the bootstrap objects and ends when the server is about to."""

    async def scenario() -> None:
        async with orlop.Server(listen=False) as server:
            application = server.running.application
            assert (await server.request("GET", "/readyz")).status == 200
            application.end()
            assert b"[-]shutdown failed" in (await server.request("GET", "/readyz")).body
            assert (await server.request("GET", "/livez")).status == 200
            application.ending = application.bootstrapped = False
            assert (await server.request("GET", "/readyz/poststarthook/rbac/bootstrap-roles")).status == 500

    asyncio.run(scenario())
