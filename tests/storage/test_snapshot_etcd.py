"""Snapshots of an etcd, back into it, and from one engine to the other."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

import etcd_server
import pytest
from click.testing import CliRunner
from storage_worlds import Recorder

import orlop
from orlop.cli.snapshot import snapshot
from orlop.kinds.catalog import RESOURCES
from orlop.kinds.stored_form import StoredForm
from orlop.schema.kind import builtin
from orlop.server.config import Config
from orlop.server.snapshot_transfer import layout
from orlop.storage import snapshot_file
from orlop.storage.errors import CannotOpen, ReadFailed
from orlop.storage.etcd import EtcdStorage
from orlop.storage.etcd_options import EtcdOptions
from orlop.storage.interface import Write, unstamp
from orlop.storage.snapshot_etcd import Raw, translated
from orlop.storage.snapshot_file import ETCD, SQLITE, Row

pytestmark = pytest.mark.skipif(bool(etcd_server.MISSING), reason=etcd_server.MISSING)
_NUMBERS = count()
MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture
def prefix() -> str:
    """A place of the test's own in the etcd of the session."""
    return f"/snap{next(_NUMBERS)}/registry"


def session(prefix: str, scenario: Callable[[EtcdStorage], Awaitable[Any]], transformer: Any = None) -> Any:
    async def play() -> Any:
        storage = EtcdStorage(EtcdOptions(etcd_server.shared().endpoints, prefix), transformer or Raw())
        await storage.start()
        try:
            return await scenario(storage)
        finally:
            await storage.close()

    return asyncio.run(play())


async def put(storage: EtcdStorage, key: str, value: bytes | None) -> None:
    if value is None:
        await storage.delete(f"/registry/{key}")
    else:
        wanted = Write(b'{"metadata":{' + value)
        await storage.guaranteed_update(f"/registry/{key}", lambda _: wanted)


def putting(**values: bytes | None) -> Callable[[EtcdStorage], Awaitable[None]]:
    async def scenario(storage: EtcdStorage) -> None:
        for key, value in values.items():
            await put(storage, key.replace("__", "/"), value)

    return scenario


async def values(storage: EtcdStorage) -> dict[str, bytes]:
    page = await storage.list("/registry/")
    return {entry.key.removeprefix("/registry/"): unstamp(entry.body)[13:] for entry in page.entries
            if not entry.key.startswith("/registry/orlop/")}


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(snapshot, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def place(prefix: str) -> list[str]:
    return ["--etcd-servers", ",".join(etcd_server.shared().endpoints), "--etcd-prefix", prefix]


OBJECT = b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"%b","uid":"%b"},"data":{"k":"%b"}}\n'
KEPT = {"configmaps__n__a": OBJECT % (b"a", b"1", b"1"), "configmaps__n__b": OBJECT % (b"b", b"2", b"1"),
        "pods__n__binary": b"k8s\x00\x0a\x00\xff", "secrets__n__s": b"k8s:enc:aesgcm:v1:key1:\x00\x01\x02"}


def test_there_and_back(prefix: str, tmp_path: Path) -> None:
    """Whatever bytes are stored; only what differs is written, and a change of uid is a deletion first. What running
    servers keep for themselves is neither saved nor touched."""
    session(prefix, putting(**KEPT, configmaps__n__c=OBJECT % (b"c", b"3", b"1"), masterleases__x=b"{}"))
    said = run("save", tmp_path / "file", *place(prefix))
    assert said.startswith("saved 5 objects at revision ")
    facts, sizes = snapshot_file.read(tmp_path / "file")
    assert facts.layout == ETCD and facts.objects == len(sizes) == 5
    table = run("info", tmp_path / "file")
    assert "storage   etcd" in table and "configmaps" in table and "masterleases" not in table
    session(prefix, putting(configmaps__n__a=OBJECT % (b"a", b"1", b"2"), configmaps__n__b=None, secrets__n__s=None,
                            masterleases__x=b'{"new":1}', configmaps__n__d=OBJECT % (b"d", b"4", b"1")))  # fmt: skip
    session(prefix, putting(configmaps__n__c=None))
    session(prefix, putting(configmaps__n__c=OBJECT % (b"c", b"5", b"1")))

    async def watched(storage: EtcdStorage) -> tuple[list[tuple[str, str]], int]:
        before, sink = await storage.newest(), Recorder()
        loop = asyncio.get_running_loop()
        said = await loop.run_in_executor(None, lambda: run("restore", tmp_path / "file", *place(prefix)))
        reached = int(said.rsplit(" ", 1)[1])
        (await storage.watch("/registry/", before, sink)).progress_at(reached)
        while not sink.reached:
            await asyncio.sleep(0.01)
        return [(event.type, event.entry.key.rsplit("/", 1)[1]) for event in sink.seen], reached - before

    events, revisions = session(prefix, watched)
    assert sorted(events) == sorted([("DELETED", "c"), ("DELETED", "d"), ("MODIFIED", "a"), ("ADDED", "b"),
                                     ("ADDED", "c"), ("ADDED", "s")])  # fmt: skip
    assert {type for type, _ in events[:2]} == {"DELETED"} and revisions >= len(events)
    found = session(prefix, values)
    wanted = {key.replace("__", "/"): value for key, value in KEPT.items()}
    assert found == wanted | {"configmaps/n/c": OBJECT % (b"c", b"3", b"1"), "masterleases/x": b'{"new":1}'}


def test_events_live_for_a_while(prefix: str, tmp_path: Path) -> None:
    """They come back with a lease; nothing else does."""
    event = b'{"kind":"Event","apiVersion":"v1","metadata":{"name":"e","namespace":"n"}}\n'
    session(prefix, putting(events__n__e=event, configmaps__n__a=OBJECT % (b"a", b"1", b"1")))
    run("save", tmp_path / "file", *place(prefix))
    rows = {row.key: row.expires for row in snapshot_file.rows(tmp_path / "file")}
    assert rows["/registry/configmaps/n/a"] is None and rows["/registry/events/n/e"] is not None
    session(prefix, putting(events__n__e=None))
    run("restore", tmp_path / "file", *place(prefix))
    assert session(prefix, values)["events/n/e"] == event


def test_between_the_engines(prefix: str, tmp_path: Path) -> None:
    """From a data directory into etcd, in upstream's form, and from there into another directory: the same objects."""
    alone: dict[str, Any] = dict.fromkeys(
        ("namespace_controller", "service_account_controller", "root_ca_controller", "role_aggregation_controller"),
        False)  # fmt: skip

    async def fill() -> dict[str, bytes]:
        async with orlop.Server(data_dir=tmp_path / "one", listen=False, **alone) as server:
            await server.request("POST", MAPS, {"metadata": {"name": "a", "labels": {"x": "y"}}, "data": {"k": "v"}})
            await server.request("POST", "/api/v1/namespaces/default/events",
                                 {"metadata": {"name": "e"}, "involvedObject": {"namespace": "default"}})
            return {key: unstamp(entry.body) for key, entry in (await server.snapshot()).state.entries.items()}

    objects = asyncio.run(fill())
    run("save", tmp_path / "sqlite", "--data-dir", tmp_path / "one")
    run("restore", tmp_path / "sqlite", *place(prefix))
    stored = session(prefix, values)
    assert stored["configmaps/default/a"].startswith(b'{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a"')

    async def bodies(storage: EtcdStorage) -> dict[str, bytes]:
        page = await storage.list("/registry/configmaps/")
        return {entry.key: unstamp(entry.body) for entry in page.entries}

    as_server = session(prefix, bodies, StoredForm(RESOURCES, builtin()))
    assert as_server == {key: body for key, body in objects.items() if key.startswith("/registry/configmaps/")}
    run("save", tmp_path / "etcd", *place(prefix))
    assert run("restore", tmp_path / "sqlite", *place(prefix)), "again: only events, whose time is told anew"
    run("restore", tmp_path / "etcd", "--data-dir", tmp_path / "two")
    assert sorted(path.name for path in (tmp_path / "two").iterdir() if path.name.startswith(".")) == []

    async def look() -> dict[str, bytes]:
        async with orlop.Server(data_dir=tmp_path / "two", listen=False, **alone) as server:
            found = await server.snapshot()
            assert list(found.state.expires) == ["/registry/events/default/e"]
            return {key: unstamp(entry.body) for key, entry in found.state.entries.items()}

    found = asyncio.run(look())
    for state in (found, objects):  # it names the certificate authority of the data directory
        del state["/registry/configmaps/kube-system/extension-apiserver-authentication"]
    assert found == objects


def test_of_a_server_on_etcd(prefix: str) -> None:
    """In the library: taken, restored by single writes that its watches see, forked into memory. Events go on to
    expire."""

    async def scenario() -> None:
        endpoints = etcd_server.shared().endpoints
        alone: dict[str, Any] = {"leader_elect": False, "service_account_controller": False,
                                 "root_ca_controller": False, "role_aggregation_controller": False}  # fmt: skip
        async with orlop.Server(listen=False, etcd_servers=endpoints, etcd_prefix=prefix, **alone) as server:
            assert server.config.storage == "etcd"
            made = await server.request("POST", MAPS, {"metadata": {"name": "a"}})
            events = "/api/v1/namespaces/default/events"
            event = {"metadata": {"name": "e"}, "involvedObject": {"namespace": "default"}}
            assert (await server.request("POST", events, event)).ok
            before = await server.snapshot()
            assert list(before.state.expires) == ["/registry/events/default/e"]
            await server.request("DELETE", f"{MAPS}/a")
            gone = await server.request("POST", MAPS, {"metadata": {"name": "b"}})
            version = gone.json()["metadata"]["resourceVersion"]
            async with await server.watch(MAPS, query={"resourceVersion": version}) as watch:
                assert await server.restore(before) > int(version)
                seen = [await anext(watch), await anext(watch)]
            told = [(one["type"], one["object"]["metadata"]["name"]) for one in seen]
            assert told == [("DELETED", "b"), ("ADDED", "a")]
            assert seen[1]["object"]["metadata"]["uid"] == made.json()["metadata"]["uid"]
            async with await server.fork() as other:
                assert other.config.storage == "memory"
                assert (await other.request("GET", f"{MAPS}/a")).ok
                await other.request("DELETE", f"{MAPS}/a")
            assert (await server.request("GET", f"{MAPS}/a")).ok

    asyncio.run(scenario())


def test_objects_of_one_transaction(tmp_path: Path) -> None:
    """etcd can write several at one revision, a database of ours cannot: they are told apart."""
    rows = [Row(f"/registry/things/{name}", 5, None, b'{"metadata":{"name":"%s"}}' % name.encode(), None)
            for name in "abc"]  # fmt: skip
    facts = snapshot_file.compose(tmp_path / "file", rows, 9, taken=0, version="1", layout=SQLITE)
    assert [row.revision for row in snapshot_file.rows(tmp_path / "file")] == [5, 10, 11] and facts.revision == 11


def test_an_etcd_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is said in one line, and leaves no file."""

    async def start(_: EtcdStorage) -> None:
        raise CannotOpen("http://127.0.0.1:1", "connection refused")

    monkeypatch.setattr(EtcdStorage, "start", start)
    result = CliRunner().invoke(snapshot, ["save", str(tmp_path / "x"), "--etcd-servers", "http://127.0.0.1:1"])
    assert result.exit_code == 1
    assert result.output == "Error: cannot open the storage in http://127.0.0.1:1: connection refused\n"
    assert not list(tmp_path.iterdir())


KEY = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
ENCRYPTION = f"""\
kind: EncryptionConfiguration
apiVersion: apiserver.config.k8s.io/v1
resources:
- resources: [secrets]
  providers:
  - aesgcm: {{keys: [{{name: one, secret: {KEY}}}]}}
  - identity: {{}}
"""


def test_encrypted_objects_stay_encrypted(tmp_path: Path) -> None:
    """On the way from one engine to the other they are decrypted and encrypted anew: in etcd they are bound to their
    place there. Without the keys nothing is translated."""
    (tmp_path / "encryption.yaml").write_text(ENCRYPTION)
    (tmp_path / "encryption.yaml").chmod(0o600)
    config = Config(etcd_servers=("http://127.0.0.1:1",), etcd_prefix="/other",
                    encryption_provider_config=tmp_path / "encryption.yaml")  # fmt: skip
    body = b'{"metadata":{"name":"s","namespace":"n"},"data":{"k":"aGlkZGVu"},"type":"Opaque"}'
    row = Row("/registry/secrets/n/s", 7, None, b"", None)
    on_disk, in_etcd = layout(config, SQLITE), layout(config, ETCD)
    stored = on_disk.store(row, body)
    [moved] = translated([stored], on_disk, in_etcd)
    for one in (stored, moved):
        assert one.value.startswith(b"k8s:enc:aesgcm:v1:one:") and b"aGlkZGVu" not in one.value
    assert in_etcd.clear(moved) == body
    [back] = translated([moved], in_etcd, on_disk)
    assert back.value != stored.value and on_disk.clear(back) == body
    with pytest.raises(ReadFailed, match="/registry/secrets/n/s"):
        list(translated([stored], layout(Config(), SQLITE), in_etcd))
