"""Where a watch begins: every combination of resourceVersion and sendInitialEvents."""

from __future__ import annotations

import pytest
from served import MAPS, PARTIAL, TABLE, Client, make, now, patch, play, settle, version, watch

import orlop
from orlop.storage.limits import CacheLimits


@pytest.mark.parametrize("query", ["", "resourceVersion=0"])
def test_from_nowhere(query: str) -> None:
    """Without a revision, or with 0: what is there, then what happens; no bookmark that was not asked for."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a")
        client = await watch(server, query)
        assert client.told() == [("ADDED", "a")]
        await make(server, "b")
        await settle()
        assert client.told() == [("ADDED", "a"), ("ADDED", "b")]

    play(scenario)


@pytest.mark.parametrize("query", ["", "resourceVersion=0", "sendInitialEvents=1&resourceVersionMatch=NotOlderThan"])
def test_watch_list(query: str) -> None:
    """With bookmarks allowed the end of the initial events is marked, at a revision not below any of them."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a")
        last = version(await make(server, "b"))
        client = await watch(server, f"allowWatchBookmarks=true&{query}")
        assert client.told() == [("ADDED", "a"), ("ADDED", "b"), ("BOOKMARK", f"{now(server)}!")]
        assert now(server) >= last
        bookmark = client.events()[-1]["object"]
        assert (bookmark["kind"], bookmark["apiVersion"]) == ("ConfigMap", "v1")
        assert set(bookmark["metadata"]) == {"resourceVersion", "annotations"}

    play(scenario)


def test_initial_events_without_bookmarks() -> None:
    """sendInitialEvents without allowWatchBookmarks: the state, and no mark at its end."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a")
        client = await watch(server, "sendInitialEvents=1&resourceVersionMatch=NotOlderThan&resourceVersion=1")
        assert client.told() == [("ADDED", "a")]

    play(scenario)


@pytest.mark.parametrize("revision", ["", "&resourceVersion=0"])
def test_no_initial_events(revision: str) -> None:
    """sendInitialEvents=false without a revision: from now on."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a")
        client = await watch(server, f"sendInitialEvents=false&resourceVersionMatch=NotOlderThan{revision}")
        await make(server, "b")
        await settle()
        assert client.told() == [("ADDED", "b")]

    play(scenario)


def test_from_a_revision() -> None:
    """Every event above it, in order, as it was, then live ones; nothing twice."""

    async def scenario(server: orlop.Server) -> None:
        start = version(await make(server, "a"))
        await patch(server, "a", {"data": {"x": "1"}})
        await make(server, "b")
        await server.request("DELETE", f"{MAPS}/a")
        client = await watch(server, f"resourceVersion={start}")
        assert client.told() == [("MODIFIED", "a"), ("ADDED", "b"), ("DELETED", "a")]
        await make(server, "c")
        await settle()
        assert client.told()[3:] == [("ADDED", "c")]
        revisions = [version(event["object"]) for event in client.events()]
        assert revisions == sorted(set(revisions))

    play(scenario)


def test_from_the_future() -> None:
    """Events up to a revision that does not exist yet are not shown, nor is a bookmark below it."""

    async def scenario(server: orlop.Server) -> None:
        start = now(server) + 2
        client = await watch(server, f"resourceVersion={start}&allowWatchBookmarks=1&timeoutSeconds=3")
        for name in "abc":
            await make(server, name)
        await settle()
        assert client.told() == [("ADDED", "c")]

    play(scenario)


def test_initial_events_of_the_future() -> None:
    """A state not older than a revision to come is waited for; nothing that leads to it is lost."""

    async def scenario(server: orlop.Server) -> None:
        wanted = now(server) + 2
        query = f"sendInitialEvents=1&allowWatchBookmarks=1&resourceVersionMatch=NotOlderThan&resourceVersion={wanted}"
        client = await watch(server, query)
        await make(server, "a")
        await settle()
        assert client.told() == []
        await make(server, "b")
        await make(server, "c")
        await settle()
        assert sorted(client.told()[:-1]) == [("ADDED", "a"), ("ADDED", "b"), ("ADDED", "c")] or \
            client.told() == [("ADDED", "a"), ("ADDED", "b"), ("BOOKMARK", f"{wanted}!"), ("ADDED", "c")]

    play(scenario)


def test_a_future_that_does_not_come() -> None:
    """After three seconds: an error event that says to wait, and a clean end."""

    async def scenario(server: orlop.Server) -> None:
        query = "sendInitialEvents=1&resourceVersionMatch=NotOlderThan&resourceVersion=1000000"
        reply = await server.request("GET", f"{MAPS}?watch=1&{query}")
        status = reply.json()["object"]
        assert (reply.status, status["code"], status["reason"]) == (200, 504, "Timeout")
        assert status["details"]["causes"] == [{"reason": "ResourceVersionTooLarge",
                                                "message": "Too large resource version"}]
        assert len(server.running.application.watches) == 0

    play(scenario)


def test_leaving_while_waiting() -> None:
    """A client that leaves before its revision came is forgotten."""

    async def scenario(server: orlop.Server) -> None:
        client = await watch(server, "sendInitialEvents=1&resourceVersionMatch=NotOlderThan&resourceVersion=1000000")
        assert len(server.running.application.watches) == 1
        client.leave()
        await settle()
        assert len(server.running.application.watches) == 0

    play(scenario)


def test_too_old() -> None:
    """A revision that was compacted away: 200, one ERROR event with 410 Expired, clean end."""

    async def scenario(server: orlop.Server) -> None:
        start = version(await make(server, "a"))
        await make(server, "b")
        cache = server.running.application.stores[("", "configmaps")].cache
        await make(server, "c")
        await cache.compact(now(server))
        client = await watch(server, f"resourceVersion={start}")
        assert client.ended == "closed" and client.told() == [("ERROR", "Expired")]
        status = client.events()[0]["object"]
        assert status["code"] == 410
        assert status["message"] == f"too old resource version: {start} ({now(server)})"
        assert len(server.running.application.watches) == 0
        assert (await watch(server, f"resourceVersion={now(server)}")).ended == ""

    play(scenario)


def test_older_than_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the window of a cache no longer holds comes from the storage's log, without gap or double."""
    monkeypatch.setattr("orlop.storage.cache_life._LIMITS", CacheLimits(window_events=2))
    defaults = "orlop.storage.watch_cache.WatchCache.__init__.__defaults__"
    monkeypatch.setattr(defaults, (CacheLimits(window_events=2), None))

    async def scenario(server: orlop.Server) -> None:
        start = now(server)
        for name in "abcdef":
            await make(server, name)
        client = await watch(server, f"resourceVersion={start}")
        await make(server, "g")
        await settle()
        assert client.told() == [("ADDED", name) for name in "abcdefg"]

    play(scenario)


@pytest.mark.parametrize(("query", "code"), [
    ("resourceVersion=x", 500), ("sendInitialEvents=1", 422), ("resourceVersionMatch=Exact", 422),
    ("labelSelector=a+b+c", 400), ("fieldSelector=spec.x%3D1", 400), ("timeoutSeconds=x", 400),
])
def test_refused_queries(query: str, code: int) -> None:
    """What is wrong is told before a stream begins."""

    async def scenario(server: orlop.Server) -> None:
        reply = await server.request("GET", f"{MAPS}?watch=1&{query}")
        assert reply.status == code and reply.json()["kind"] == "Status"

    play(scenario)


def test_one_object() -> None:
    """By field selector, by the deprecated path of one object: only that one."""

    async def scenario(server: orlop.Server) -> None:
        by_field = await watch(server, "fieldSelector=metadata.name%3Db")
        by_path = await watch(server, path="/api/v1/watch/namespaces/default/configmaps/b")
        for name in "abc":
            await make(server, name)
        await settle()
        assert by_field.told() == by_path.told() == [("ADDED", "b")]

    play(scenario)


def test_selectors_see_comings_and_goings() -> None:
    """A label that changes makes an object come and go, at the revision of the change."""

    async def scenario(server: orlop.Server) -> None:
        start = now(server)
        live = await watch(server, f"labelSelector=on%3Dyes&resourceVersion={start}")
        await make(server, "a")
        on = (await patch(server, "a", {"metadata": {"labels": {"on": "yes"}}})).json()
        await patch(server, "a", {"data": {"x": "1"}})
        off = (await patch(server, "a", {"metadata": {"labels": {"on": "no"}}, "data": {"x": "2"}})).json()
        await settle()
        late = await watch(server, f"labelSelector=on%3Dyes&resourceVersion={start}")
        assert live.told() == late.told() == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]
        first, _, last = (event["object"] for event in live.events())
        assert version(first) == version(on) and version(last) == version(off)
        assert last["data"] == {"x": "1"}, "a watcher is shown the last state that it could see"

    play(scenario)


@pytest.mark.parametrize("meta", ["v1", "v1beta1"])
def test_metadata_only(meta: str) -> None:
    """Events carry metadata alone, in the version asked for, beside watchers of other versions."""

    async def scenario(server: orlop.Server) -> None:
        accept = PARTIAL.replace("v=v1", f"v={meta}")
        other = await watch(server, headers={"accept": PARTIAL})
        client = await watch(server, "allowWatchBookmarks=1", headers={"accept": accept})
        await make(server, "a", {"x": "y"})
        await settle()
        bookmark, event = client.events()
        assert event["object"]["apiVersion"] == bookmark["object"]["apiVersion"] == f"meta.k8s.io/{meta}"
        assert set(event["object"]) == {"kind", "apiVersion", "metadata"}
        assert other.events()[0]["object"]["apiVersion"] == "meta.k8s.io/v1"

    play(scenario)


def test_tables() -> None:
    """The first event has the columns, later ones have none; each has one row."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a", {"x": "y"})
        client = await watch(server, headers={"accept": TABLE})
        await make(server, "b")
        await settle()
        first, second = (event["object"] for event in client.events())
        assert [c["name"] for c in first["columnDefinitions"]] == ["Name", "Data", "Age"]
        assert second["columnDefinitions"] is None
        assert [row["cells"][:2] for row in first["rows"] + second["rows"]] == [["a", 1], ["b", 0]]

    play(scenario)


def test_namespaces_do_not_leak() -> None:
    """A watch of one namespace sees no other; a watch of all sees all."""

    async def scenario(server: orlop.Server) -> None:
        one = await watch(server)
        all_ = await watch(server, path="/api/v1/configmaps", client=Client())
        before = len(all_.told())
        await make(server, "a", path="/api/v1/namespaces/kube-system/configmaps")
        await make(server, "b")
        await settle()
        assert one.told() == [("ADDED", "b")] and all_.told()[before:] == [("ADDED", "a"), ("ADDED", "b")]

    play(scenario)


@pytest.mark.parametrize("query", ["", "resourceVersion=0", "resourceVersion={now}", "resourceVersion={before}",
                                   "sendInitialEvents=1&resourceVersionMatch=NotOlderThan"])
def test_while_the_storage_is_away(query: str) -> None:
    """A watch ends at once, cleanly, so that the client tries again; it shows nothing that may be old as if it were
    all."""

    async def scenario(server: orlop.Server) -> None:
        before = now(server)
        await make(server, "a")
        cache = server.running.application.stores[("", "configmaps")].cache
        cache.broken(RuntimeError("nobody answers"))
        client = await watch(server, query.format(now=now(server), before=before))
        await settle()
        assert client.ended == "closed" and client.taken == b""
        assert len(server.running.application.watches) == 0
        cache._source = None
        await cache.start()
        again = await watch(server)
        assert again.told() == [("ADDED", "a")]

    play(scenario)


def test_the_first_table_has_the_columns() -> None:
    """The columns stand in the first event of a watch, also when a bookmark closes the initial ones."""

    async def scenario(server: orlop.Server) -> None:
        await make(server, "a")
        query = "sendInitialEvents=1&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        client = await watch(server, query, headers={"accept": TABLE})
        first, bookmark = client.events()
        assert [column["name"] for column in first["object"]["columnDefinitions"]] == ["Name", "Data", "Age"]
        assert bookmark["type"] == "BOOKMARK" and bookmark["object"]["columnDefinitions"] is None

    play(scenario)
