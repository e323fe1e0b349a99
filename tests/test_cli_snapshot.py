"""`orlop snapshot`: of a running server, back into its directory, and what clients notice of it."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import shutil
import ssl
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

import orlop
from orlop.cli.snapshot import snapshot
from orlop.storage import snapshot_file
from server_process import FreshServer, ServerProcess

MAPS = "/api/v1/namespaces/default/configmaps"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(snapshot, [str(argument) for argument in arguments])


def done(*arguments: str | Path) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: str | Path) -> str:
    """What a command says that fails, which is one line."""
    result = run(*arguments)
    assert result.exit_code == 1 and result.output.startswith("Error: "), result.output
    assert result.output.count("\n") == 1
    return result.output


def call(server: ServerProcess, method: str, path: str, body: Any = None) -> tuple[int, Any]:
    """Status and the body, of a watch its first event."""
    request = urllib.request.Request(server.url + path, method=method, headers={
        "Authorization": f"Bearer {server.token}", "Content-Type": "application/json"})
    data = None if body is None else json.dumps(body).encode()
    context = ssl.create_default_context(cafile=str(server.ca))
    try:
        with urllib.request.urlopen(request, data=data, context=context, timeout=20) as answer:
            return answer.status, json.loads(answer.readline())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def names(server: ServerProcess) -> list[str]:
    items = call(server, "GET", MAPS)[1]["items"]
    return [item["metadata"]["name"] for item in items if item["metadata"]["name"] != "kube-root-ca.crt"]


def test_a_server_goes_back(fresh_server: FreshServer, tmp_path: Path) -> None:
    """Saved while it runs, restored after it was stopped: the objects are those of then, old credentials are good, and
    a client that resumes its watch is told to list anew instead of hearing nothing."""
    server = fresh_server()
    file = tmp_path / "saved"
    for name in ("a", "b"):
        assert call(server, "POST", MAPS, {"metadata": {"name": name}})[0] == 201
    uid = call(server, "GET", f"{MAPS}/a")[1]["metadata"]["uid"]
    said = done("save", file, "--data-dir", server.data_dir)
    assert re.fullmatch(rf"saved \d+ objects at revision \d+ to {re.escape(str(file))}\n", said)
    call(server, "DELETE", f"{MAPS}/a")
    call(server, "POST", MAPS, {"metadata": {"name": "c"}})
    versions = [str(snapshot_file.read(file)[0].revision), call(server, "GET", MAPS)[1]["metadata"]["resourceVersion"]]
    assert "in use by another server" in refused("restore", file, "--data-dir", server.data_dir, "--force")
    assert names(server) == ["b", "c"]
    server.stop()
    assert "--force replaces it" in refused("restore", file, "--data-dir", server.data_dir)
    said = done("restore", file, "--data-dir", server.data_dir, "--force")
    found = re.fullmatch(r"restored .* to .*; revisions go on above (\d+)\n", said)
    assert found is not None and int(found[1]) > int(versions[1])
    server.start()
    assert names(server) == ["a", "b"] and call(server, "GET", f"{MAPS}/a")[1]["metadata"]["uid"] == uid
    for version in versions:
        _, event = call(server, "GET", f"{MAPS}?watch=1&resourceVersion={version}")
        status = event.get("object", event)
        assert status["code"] == 410 and status["reason"] in ("Expired", "Gone")
    made = call(server, "POST", MAPS, {"metadata": {"name": "d"}})[1]
    assert int(made["metadata"]["resourceVersion"]) > int(found[1])
    version = call(server, "GET", MAPS)[1]["metadata"]["resourceVersion"]
    _, event = call(server, "GET", f"{MAPS}?watch=1&resourceVersion={int(version) - 1}&timeoutSeconds=20")
    assert event["type"] == "ADDED" and event["object"]["metadata"]["name"] == "d"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A snapshot of a stopped server with some objects."""
    place = tmp_path_factory.mktemp("saved")
    off = {"service_account_controller": False, "root_ca_controller": False}

    async def scenario() -> None:
        async with orlop.Server(data_dir=place / "data", listen=False, **off) as server:
            await server.request("POST", MAPS, {"metadata": {"name": "a"}, "data": {"k": "v" * 3000}})
            for group in ("", "other."):
                name = f"v1.{group}example.com"
                spec = {"group": f"{group}example.com", "version": "v1", "groupPriorityMinimum": 1,
                        "versionPriority": 1, "service": {"namespace": "default", "name": "x"}}  # fmt: skip
                made = await server.request("POST", "/apis/apiregistration.k8s.io/v1/apiservices",
                                            {"metadata": {"name": name}, "spec": spec})
                assert made.status == 201, made.body

    asyncio.run(scenario())
    done("save", place / "file", "--data-dir", place / "data")
    return place / "file"


def test_info(saved: Path) -> None:
    """Revision, time, version, storage, number, size, checksum; then objects by resource under the names that clients
    know."""
    facts, sizes = snapshot_file.read(saved)
    lines = done("info", saved).splitlines()
    head = dict(line.split(None, 1) for line in lines[: lines.index("")])
    assert list(head) == ["revision", "taken", "by", "storage", "objects", "size", "checksum"]
    assert head["revision"] == str(facts.revision) and head["objects"] == str(facts.objects) == str(len(sizes))
    assert head["by"] == f"orlop {orlop.__version__}" and head["storage"] == "sqlite"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", head["taken"])
    assert re.fullmatch(r"sha256:[0-9a-f]{64} \(verified\)", head["checksum"])
    table = {line.split()[-1]: line.split()[0] for line in lines[lines.index("") + 1 :]}
    assert table["configmaps"] == "3" and table["services"] == "1"
    assert int(table["apiservices.apiregistration.k8s.io"]) > 2
    assert sum(map(int, table.values())) == facts.objects
    assert re.search(r"^ +3 +\d\.\d KiB +configmaps$", "\n".join(lines), re.MULTILINE)


def test_errors_are_one_line(saved: Path, tmp_path: Path) -> None:
    """For people, and without harm."""
    (tmp_path / "text").write_text("no snapshot at all" * 100)
    damaged = bytearray(saved.read_bytes())
    damaged[damaged.index(b"vvvvv")] = ord("w")
    (tmp_path / "damaged").write_bytes(damaged)
    for command in (("info",), ("restore", "--data-dir", tmp_path / "target")):
        assert "there is no such file" in refused(command[0], tmp_path / "nothing", *command[1:])
        assert "it is not a SQLite database" in refused(command[0], tmp_path / "text", *command[1:])
        assert "what the checksum was made of" in refused(command[0], tmp_path / "damaged", *command[1:])
    assert not (tmp_path / "target").exists()
    assert "there is no such file" in refused("save", tmp_path / "out", "--data-dir", tmp_path / "nothing")
    assert "No such file or directory" in refused("save", tmp_path / "no" / "out", "--data-dir", saved.parent / "data")


def test_moved_to_another_machine(saved: Path, tmp_path: Path) -> None:
    """A new directory gets new credentials at its first start, and all objects; revisions skip far, or as told."""
    skipped = done("restore", saved, "--data-dir", tmp_path / "new")
    revision = snapshot_file.read(saved)[0].revision
    assert f"revisions go on above {revision + snapshot_file.UNKNOWN_BUMP}\n" in skipped
    assert f"above {revision + 500}\n" in done("restore", saved, "--data-dir", tmp_path / "second", "--bump", "500")
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    with orlop.Server.in_thread(data_dir=tmp_path / "new", listen=False) as server:
        assert server.request("GET", f"{MAPS}/a").json()["data"] == {"k": "v" * 3000}
        assert server.request("GET", "/readyz").ok


def test_the_documented_commands_work(saved: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """docs/snapshots.md: one after the other, in a directory with a server's data."""
    document = (Path(__file__).parents[1] / "docs" / "snapshots.md").read_text()
    block, with_etcd = re.findall(r"^```sh\n(orlop snapshot save backup.*?)^```", document, re.DOTALL | re.MULTILINE)
    shutil.copytree(saved.parent / "data", tmp_path / ".orlop")
    monkeypatch.chdir(tmp_path)
    for line in block.splitlines():
        done(*shlex.split(line)[2:])
    for line in with_etcd.splitlines():
        words = shlex.split(line)
        known = {name for option in snapshot.commands[words[2]].params for name in option.opts}
        assert known.issuperset(word for word in words if word.startswith("--"))


def test_every_documented_complaint_is_made() -> None:
    """The table of texts in docs/snapshots.md: each is in the code."""
    document = (Path(__file__).parents[1] / "docs" / "snapshots.md").read_text()
    table = document[document.index("| it says |") :].splitlines()[2:]
    places = ("storage/snapshot_file.py", "storage/sqlite_file.py")
    code = "".join((Path(orlop.__file__).parent / place).read_text() for place in places)
    for row in table:
        for text in re.findall(r"`([^`]+)`", row.split("|")[1]):
            assert text.partition(" (process")[0] in code, text
