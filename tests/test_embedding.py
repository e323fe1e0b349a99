"""orlop inside another program: the public API."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path

import pytest

import orlop
from orlop.registry.store import Outside
from orlop.world.clock import ManualClock
from orlop.world.entropy import RandomEntropy

MAPS = "/api/v1/namespaces/default/configmaps"


def test_importing_is_light() -> None:
    """`import orlop` imports nothing else of orlop, and nothing heavy; its names are there all the same."""
    code = ("import sys; before = set(sys.modules); import orlop; new = set(sys.modules) - before; "
            "print(sorted(n for n in new if n not in ('orlop', '__future__'))); print(dir(orlop))")  # fmt: skip
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    modules, names = out.splitlines()
    assert modules == "[]"
    assert all(f"'{name}'" in names for name in orlop.__all__)


def test_public_names() -> None:
    """All that is promised can be had, all else cannot."""
    assert {name for name in orlop.__all__ if getattr(orlop, name)} == set(orlop.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Nothing'"):
        orlop.Nothing  # noqa: B018


def test_without_a_socket() -> None:
    """Requests go through the in-process transport, as the administrator unless told otherwise."""

    async def scenario() -> None:
        async with orlop.Server(listen=False) as server:
            made = await server.request("POST", MAPS, {"metadata": {"name": "a"}, "data": {"k": "v"}})
            assert made.status == 201 and made.ok and made.json()["data"] == {"k": "v"}
            patch = {"content-type": "application/merge-patch+json"}
            assert (await server.request("PATCH", f"{MAPS}/a", {"data": {"k": "w"}}, headers=patch)).ok
            listed = await server.request("GET", f"{MAPS}?limit=1", query={"labelSelector": "a in (b, c)"})
            assert listed.json()["items"] == []
            nobody = await server.request("GET", MAPS, headers={"Authorization": ""})
            assert nobody.status == 403 and not nobody.ok and "system:anonymous" in nobody.json()["message"]
            whoami = await server.request("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", {})
            assert whoami.json()["status"]["userInfo"]["username"] == "orlop-admin"
            for attribute in ("url", "kubeconfig"):
                with pytest.raises(RuntimeError, match="does not listen"):
                    getattr(server, attribute)

    asyncio.run(scenario())


def test_watch() -> None:
    """Events as they come, until one has seen enough."""

    async def scenario() -> None:
        async with orlop.Server(listen=False) as server:
            await server.request("POST", MAPS, {"metadata": {"name": "a", "labels": {"x": "y"}}})
            async with await server.watch(MAPS, query={"labelSelector": "x=y"}) as events:
                assert events.status == 200
                assert (await anext(events))["type"] == "ADDED"
                await server.request("DELETE", f"{MAPS}/a")
                assert (await anext(events))["type"] == "DELETED"
            assert len(server.running.application.watches) == 0
            refused = await server.watch("/api/v1/nothings")
            assert refused.status == 404 and [event["kind"] async for event in refused] == ["Status"]

    asyncio.run(scenario())


def test_a_watch_ends_with_its_server() -> None:
    """Cleanly, when the server is left."""

    async def scenario() -> None:
        async with orlop.Server(listen=False) as server:
            events = await server.watch(MAPS, query={"labelSelector": "none=none"})
        assert [event async for event in events] == []

    asyncio.run(scenario())


def test_cancelled_writes_are_finished() -> None:
    """Giving up on a write does not undo it: it may be on its way to the disk with others."""

    async def scenario() -> None:
        async with orlop.Server(listen=False, storage="sqlite") as server:
            writing = asyncio.ensure_future(server.request("POST", MAPS, {"metadata": {"name": "a"}}))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            async with await server.watch(MAPS, query={"fieldSelector": "metadata.name=a"}) as events:
                assert (await anext(events))["object"]["metadata"]["name"] == "a"

    asyncio.run(scenario())


def test_on_a_port() -> None:
    """Other programs reach it at `url` with the files and the token that it tells of."""

    async def scenario() -> None:
        async with orlop.Server() as server:
            assert str(server.kubeconfig).endswith("admin.kubeconfig") and server.kubeconfig.exists()
            status = await asyncio.get_running_loop().run_in_executor(None, fetch, server.url, server.token,
                                                                      server.kubeconfig.with_name("ca.crt"))
            assert status == 200
            directory = server.kubeconfig.parent
        assert not directory.exists(), "a temporary directory goes with its server"

    asyncio.run(scenario())


def fetch(url: str, token: str, ca: Path) -> int:
    context = ssl.create_default_context(cafile=str(ca))
    request = urllib.request.Request(f"{url}{MAPS}", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, context=context, timeout=20) as answer:
        return int(answer.status)


def test_in_a_thread() -> None:
    """For programs that are not asynchronous: the same, blocking, from any thread."""
    with orlop.Server.in_thread() as server:
        assert fetch(server.url, server.token, server.kubeconfig.with_name("ca.crt")) == 200
        codes: list[int] = []

        def make(name: str) -> None:
            codes.append(server.request("POST", MAPS, {"metadata": {"name": name}}).status)

        threads = [threading.Thread(target=make, args=(f"m{number}",)) for number in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert codes == [201] * 8
        assert server.config.storage == "memory"
    assert not any(thread.name == "orlop" for thread in threading.enumerate())


def test_several_at_once() -> None:
    """Servers in one process do not know each other."""
    with orlop.Server.in_thread() as one, orlop.Server.in_thread(listen=False) as other:
        one.request("POST", MAPS, {"metadata": {"name": "a"}})
        assert other.request("GET", f"{MAPS}/a").status == 404 and one.token != other.token


def test_data_stays_with_its_directory(tmp_path: Path) -> None:
    """With a directory objects are on disk and there again the next time."""
    with orlop.Server.in_thread(data_dir=tmp_path / "data", listen=False) as server:
        assert server.config.storage == "sqlite"
        made = server.request("POST", MAPS, {"metadata": {"name": "a"}}).json()
        token = server.token
    with orlop.Server.in_thread(data_dir=tmp_path / "data", listen=False) as server:
        assert server.request("GET", f"{MAPS}/a").json() == made and server.token == token


def test_failures_to_start_are_raised(tmp_path: Path) -> None:
    """What keeps a server from starting reaches whoever wanted it, in both forms; nothing is left behind."""
    from orlop.server.files import DataDirError

    with orlop.Server.in_thread(data_dir=tmp_path, listen=False):
        with pytest.raises(DataDirError, match="in use by another server"), \
                orlop.Server.in_thread(data_dir=tmp_path, listen=False):
            pass

        async def scenario() -> None:
            async with orlop.Server(data_dir=tmp_path, listen=False):
                pass

        with pytest.raises(DataDirError):
            asyncio.run(scenario())
    with orlop.Server.in_thread(data_dir=tmp_path, listen=False) as server:
        assert server.request("GET", "/readyz").ok


def test_wrong_use() -> None:
    """Is told at once."""
    with pytest.raises(TypeError, match="not both"):
        orlop.Server(orlop.Config(), secure_port=1)
    with pytest.raises(ValueError, match="storage must be one of"):
        orlop.Server(storage="paper")
    with pytest.raises(TypeError, match="colour"):
        orlop.Server(colour="red")
    with pytest.raises(RuntimeError, match="does not run"):
        orlop.Server().url  # noqa: B018
    server = orlop.Server.in_thread(listen=False)
    with server, pytest.raises(RuntimeError, match="started before"), server:
        pass


def test_time_and_chance_can_be_given() -> None:
    """Two servers with the same clock and seed make the same objects."""

    async def scenario() -> bytes:
        outside = Outside(ManualClock(), RandomEntropy(7))
        off = {"namespace_controller": False, "service_account_controller": False, "root_ca_controller": False}
        async with orlop.Server(listen=False, outside=outside, **off) as server:
            return (await server.request("POST", MAPS, {"metadata": {"generateName": "a-"}})).body

    first, second = asyncio.run(scenario()), asyncio.run(scenario())
    assert first == second and b'"creationTimestamp":"2023-11-14T22:13:20Z"' in first
