"""Quotas are kept whatever comes at once, and their usage is counted."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from served import MERGE, play, settle

import orlop
from orlop.api.gvk import GroupResource, GroupVersionKind
from orlop.controllers.resource_quota import RECOUNT_AFTER, ResourceQuotaController
from orlop.controllers.writer import Writer
from orlop.server.application import defaults

CORE = "/api/v1/namespaces/default"
QUOTA = f"{CORE}/resourcequotas/q"


async def call(server: orlop.Server, method: str, path: str, body: Any = None, **headers: str) -> Any:
    reply = await server.request(method, path, body, headers=headers)
    return reply.json()


async def make(server: orlop.Server, plural: str, name: str, **members: Any) -> int:
    body = {"metadata": {"name": name}, **members}
    code: int = (await server.request("POST", f"{CORE}/{plural}", body)).status
    return code


async def limit(server: orlop.Server, *, used: dict[str, str] | None = None, **hard: str) -> None:
    hard = {name.replace("__", "/").replace("_", "."): amount for name, amount in hard.items()}
    await make(server, "resourcequotas", "q", spec={"hard": hard})
    if used is not None:
        await call(server, "PATCH", f"{QUOTA}/status", {"status": {"hard": hard, "used": used}}, **MERGE)


async def status(server: orlop.Server) -> Any:
    return (await call(server, "GET", QUOTA))["status"]


@contextlib.asynccontextmanager
async def controlled(server: orlop.Server) -> AsyncIterator[None]:
    """With the quota controller at work."""
    application = server.running.application
    writer = Writer(application.stores, application.schema, defaults)
    room = application.rooms[GroupResource("", "resourcequotas")]["status"]
    controller = ResourceQuotaController(writer, room, application.admission.quota_parts)
    controller.start()
    try:
        yield
    finally:
        await controller.stop()


def many(count: int) -> Any:
    async def scenario(server: orlop.Server) -> None:
        await limit(server, used={"configmaps": "0"}, configmaps=str(count))
        codes = await asyncio.gather(*(make(server, "configmaps", f"c{n}") for n in range(5 * count)))
        assert Counter(codes) == {201: count, 403: 4 * count}
        assert (await status(server))["used"] == {"configmaps": str(count)}

    return scenario


def test_no_more_than_fit_at_once() -> None:
    """Fifty creations against a quota of ten: ten pass."""
    play(many(10))


def test_no_more_than_fit_on_disk(tmp_path: Any) -> None:
    """The same where commits take their time."""
    play_sqlite = many(10)

    async def playing() -> None:
        async with orlop.Server(listen=False, storage="sqlite", data_dir=tmp_path / "data") as server:
            await play_sqlite(server)

    asyncio.run(playing())


def test_dry_runs_take_nothing() -> None:
    """And are refused what does not fit."""

    async def scenario(server: orlop.Server) -> None:
        await limit(server, used={"configmaps": "0"}, configmaps="1")
        for _ in range(2):
            assert await make(server, "configmaps?dryRun=All", "a") == 201
        assert await make(server, "configmaps", "a") == 201
        refusal = await call(server, "POST", f"{CORE}/configmaps?dryRun=All", {"metadata": {"name": "b"}})
        assert refusal["message"] == ('configmaps "b" is forbidden: exceeded quota: q, requested: configmaps=1, used: '
                                      "configmaps=1, limited: configmaps=1")

    play(scenario)


def test_a_quota_without_status_limits_nothing() -> None:
    """One whose usage is not known of what is limited lets nothing pass."""

    async def scenario(server: orlop.Server) -> None:
        await limit(server, configmaps="0")
        assert await make(server, "configmaps", "a") == 201
        await call(server, "PATCH", f"{QUOTA}/status", {"status": {"hard": {"configmaps": "0"}, "used": {}}}, **MERGE)
        refusal = await call(server, "POST", f"{CORE}/configmaps", {"metadata": {"name": "b"}})
        assert refusal["message"].endswith("status unknown for quota: q, resources: configmaps")

    play(scenario)


def test_growth_counts() -> None:
    """An update takes what it adds, and gives nothing back."""
    ports = [{"name": f"p{n}", "port": n} for n in (1, 2, 3)]

    async def scenario(server: orlop.Server) -> None:
        await limit(server, used={"services.nodeports": "0"}, services_nodeports="2")
        assert await make(server, "services", "s", spec={"type": "NodePort", "ports": ports[:1]}) == 201
        for number, code in ((2, 200), (3, 403), (1, 200)):
            patch = {"spec": {"ports": ports[:number]}}
            assert (await server.request("PATCH", f"{CORE}/services/s", patch, headers=MERGE)).status == code
        assert (await status(server))["used"] == {"services.nodeports": "2"}

    play(scenario)


def test_from_all_quotas_or_from_none() -> None:
    """What one of two refuses is not taken from the other."""

    async def scenario(server: orlop.Server) -> None:
        await limit(server, used={"configmaps": "0"}, configmaps="5")
        other = f"{CORE}/resourcequotas/r"
        await make(server, "resourcequotas", "r", spec={"hard": {"count/configmaps": "1"}})
        tight = {"hard": {"count/configmaps": "1"}, "used": {"count/configmaps": "0"}}
        await call(server, "PATCH", f"{other}/status", {"status": tight}, **MERGE)
        codes = await asyncio.gather(*(make(server, "configmaps", name) for name in "abcd"))
        assert Counter(codes) == {201: 1, 403: 3}
        assert (await status(server))["used"] == {"configmaps": "1"}

    play(scenario)


def test_the_controller_counts_what_there_is() -> None:
    """At the start, when limits change, and when something goes."""

    async def scenario(server: orlop.Server) -> None:
        for name in "ab":
            await make(server, "configmaps", name)
        await limit(server, configmaps="3", count__secrets="1", unknown_example_com__thing="1")
        async with controlled(server):
            await settle()
            hard = {"configmaps": "3", "count/secrets": "1", "unknown.example.com/thing": "1"}
            assert await status(server) == {"hard": hard, "used": {"configmaps": "2", "count/secrets": "0"}}
            assert [await make(server, "configmaps", name) for name in "cd"] == [201, 403]
            await call(server, "DELETE", f"{CORE}/configmaps/a")
            await settle()
            assert (await status(server))["used"]["configmaps"] == "2"
            await call(server, "PATCH", QUOTA, {"spec": {"hard": {"configmaps": "2"}}}, **MERGE)
            await settle()
            assert (await status(server))["hard"]["configmaps"] == "2"
            assert await make(server, "configmaps", "d") == 403

    play(scenario)


def test_a_charge_for_nothing_comes_back() -> None:
    """Creating what exists takes from the quota; the controller gives it back after a while."""

    async def scenario(server: orlop.Server) -> None:
        await limit(server, configmaps="3")
        async with controlled(server):
            await settle()
            assert [await make(server, "configmaps", "a") for _ in range(2)] == [201, 409]
            assert (await status(server))["used"] == {"configmaps": "2"}
            await asyncio.sleep(RECOUNT_AFTER)
            await settle()
            assert (await status(server))["used"] == {"configmaps": "1"}

    play(scenario)


@pytest.mark.parametrize("deleting", [True, False])
def test_counting_amid_creations_gives_nothing_away(deleting: bool) -> None:
    """While the controller recounts after every deletion, there are never more objects than the quota allows."""

    async def scenario(server: orlop.Server) -> None:
        await limit(server, configmaps="5")
        async with controlled(server):
            await settle()
            for turn in range(10):
                await asyncio.gather(*(make(server, "configmaps", f"c{turn}-{n}") for n in range(4)))
                items = (await call(server, "GET", f"{CORE}/configmaps"))["items"]
                assert len(items) <= 5
                if deleting:
                    await asyncio.gather(
                        *(call(server, "DELETE", f"{CORE}/configmaps/{one['metadata']['name']}") for one in items[:2]),
                        *(make(server, "configmaps", f"d{turn}-{n}") for n in range(4)))
            await settle()
            items = (await call(server, "GET", f"{CORE}/configmaps"))["items"]
            assert (await status(server))["used"] == {"configmaps": str(len(items))}

    play(scenario)


def test_what_controllers_make_counts() -> None:
    """They are not asked, but the next count includes it."""

    async def scenario(server: orlop.Server) -> None:
        await limit(server, configmaps="3")
        application = server.running.application
        writer = Writer(application.stores, application.schema, defaults)
        async with controlled(server):
            await settle()
            await writer.create(GroupVersionKind("", "v1", "ConfigMap"), "configmaps",
                                {"metadata": {"name": "a", "namespace": "default"}})
            await settle()
            assert (await status(server))["used"] == {"configmaps": "1"}

    play(scenario)


def test_a_pod_that_ends_frees_its_share() -> None:
    """Its phase says so."""
    spec = {"containers": [{"name": "c", "image": "i", "resources": {"requests": {"cpu": "1"}}}]}

    async def scenario(server: orlop.Server) -> None:
        await limit(server, requests_cpu="1")
        async with controlled(server):
            await settle()
            assert [await make(server, "pods", name, spec=spec) for name in "ab"] == [201, 403]
            await call(server, "PATCH", f"{CORE}/pods/a/status", {"status": {"phase": "Succeeded"}}, **MERGE)
            await settle()
            assert await make(server, "pods", "b", spec=spec) == 201

    play(scenario)
