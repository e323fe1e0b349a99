"""`orlop history`, `orlop at` and `orlop undo` against a served process, over TLS."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from click.testing import CliRunner, Result

import orlop
from orlop.cli import history as commands
from orlop.cli.remote import Remote, kubeconfig_path, read_kubeconfig
from orlop.embedding import ThreadedServer

MAPS = "/api/v1/namespaces/default/configmaps"
MERGE = {"content-type": "application/merge-patch+json"}
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def server() -> Iterator[ThreadedServer]:
    with orlop.Server.in_thread() as running:
        yield running


@pytest.fixture
def run(server: ThreadedServer, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command as the administrator; it must succeed unless `code` says otherwise."""
    monkeypatch.delenv("KUBECONFIG", raising=False)

    def running(command: click.Command, *arguments: str, code: int = 0, admin: bool = True) -> Result:
        flags = ["--kubeconfig", str(server.kubeconfig)] if admin else []
        result = CliRunner().invoke(command, [*arguments, *flags])
        assert result.exit_code == code, result.output
        return result

    return running


def make(server: ThreadedServer, name: str, **data: str) -> str:
    """A config map; the revision it was made at."""
    reply = server.request("POST", MAPS, {"metadata": {"name": name}, "data": data})
    assert reply.status == 201, reply.body
    version: str = reply.json()["metadata"]["resourceVersion"]
    return version


def change(server: ThreadedServer, name: str, body: Any) -> str:
    reply = server.request("PATCH", f"{MAPS}/{name}", body, headers=MERGE)
    assert reply.status == 200, reply.body
    version: str = reply.json()["metadata"]["resourceVersion"]
    return version


def cells(result: Result) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("   ") if cell] for line in result.stdout.splitlines()]


def test_history_of_an_object(server: ThreadedServer, run: Run) -> None:
    """A row a write, newest first; each change, when asked for; the answer itself as JSON or YAML."""
    first = make(server, "told", k="1")
    second = change(server, "told", {"data": {"k": "2"}})
    head, newest, oldest = cells(run(commands.history, "cm", "told"))
    assert head == ["REVISION", "AGE", "TYPE", "USER", "MANAGER", "CHANGES"]
    assert (newest[0], newest[2:]) == (second, ["MODIFIED", "orlop-admin", "orlop-embedded", "/data/k"])
    assert (oldest[0], oldest[2]) == (first, "ADDED")
    assert '~ /data/k: "1" -> "2"' in run(commands.history, "configmap/told", "--changes").stdout
    answer = json.loads(run(commands.history, "ConfigMap", "told", "-o", "json").stdout)
    assert answer == yaml.safe_load(run(commands.history, "configmaps", "told", "-o", "yaml").stdout)
    assert answer["kind"] == "History"
    result = run(commands.history, "cm", "told", "--limit", "1")
    assert len(cells(result)) == 2 and "older writes" in result.stderr


def test_history_of_a_collection(server: ThreadedServer, run: Run) -> None:
    """Rows name their objects, deleted ones too."""
    make(server, "kept")
    make(server, "gone")
    server.request("DELETE", f"{MAPS}/gone")
    rows = cells(run(commands.history, "cm", "--limit", "3"))
    assert [(row[2], row[3]) for row in rows[1:]] == [
        ("DELETED", "default/gone"), ("ADDED", "default/gone"), ("ADDED", "default/kept")]
    assert len(cells(run(commands.history, "configmaps", "-A", "--limit", "3"))) == 4
    assert "No writes since" in run(commands.history, "cm", "-n", "nowhere").stdout


def test_at(server: ThreadedServer, run: Run) -> None:
    """As a table, as kubectl shows it, or whole."""
    first = make(server, "was", k="1")
    change(server, "was", {"data": {"k": "2", "n": "3"}, "metadata": {"labels": {"x": "y"}}})
    head, row = cells(run(commands.at, first, "cm", "was"))
    assert head == ["NAME", "DATA", "AGE"] and row[:2] == ["was", "1"]
    assert yaml.safe_load(run(commands.at, first, "cm", "was", "-o", "yaml").stdout)["data"] == {"k": "1"}
    assert ["was", "1"] in [row[:2] for row in cells(run(commands.at, first, "cm"))]
    everywhere = cells(run(commands.at, first, "cm", "-A"))
    assert everywhere[0][0] == "NAMESPACE" and ["default", "was", "1"] in [row[:3] for row in everywhere]
    assert "There were no" in run(commands.at, first, "cm", "-l", "x=y").stderr


def test_undo(server: ThreadedServer, run: Run) -> None:
    """To a revision, before the newest change, of a deletion; a dry run writes nothing."""
    first = make(server, "back", k="1")
    second = change(server, "back", {"data": {"k": "2"}})
    said = run(commands.undo, "cm", "back", "--to", first, "--dry-run").stdout
    assert said == f"configmaps/back would be as it was at revision {first} (dry run)\n"
    assert server.request("GET", f"{MAPS}/back").json()["data"] == {"k": "2"}
    said = run(commands.undo, "cm", "back", "--to", first, "--if-revision", second).stdout
    assert said.startswith(f"configmaps/back is as it was at revision {first}, now at revision ")
    assert server.request("GET", f"{MAPS}/back").json()["data"] == {"k": "1"}
    server.request("DELETE", f"{MAPS}/back")
    assert "before its newest change" in run(commands.undo, "cm/back").stdout
    again = json.loads(run(commands.undo, "cm/back", "--to", second, "-o", "json").stdout)
    assert again["data"] == {"k": "2"}


def test_errors_are_short(server: ThreadedServer, run: Run, tmp_path: Path) -> None:
    """What the server refuses, types it does not have, servers and files that are not there: one line each."""
    make(server, "alone")
    for arguments, said in (
        ((commands.undo, "cm", "alone"), "Error: from the server (BadRequest): there is nothing to go back to"),
        ((commands.undo, "cm", "nobody"), 'Error: from the server (NotFound): configmaps "nobody" not found'),
        ((commands.history, "unheardof", "a"), "Error: the server has no resource type 'unheardof'"),
        ((commands.history, "cm.apps", "a"), "Error: the server has no resource type 'cm.apps'"),
        ((commands.history, "cm", "a", "--server", "https://127.0.0.1:1"), "Error: no answer from https://127.0.0.1:1"),
        ((commands.history, "cm", "a", "--context", "other"), "Error: the kubeconfig has no context 'other'"),
        ((commands.history, "cm", "a", "--token", "wrong"), "Error: from the server (Unauthorized): Unauthorized"),
    ):
        assert run(*arguments, code=1).stderr.startswith(said)
    assert "a NAME is needed" in run(commands.undo, "cm", code=2).stderr
    result = run(commands.history, "cm", "a", "--data-dir", str(tmp_path), code=1, admin=False)
    assert "cannot read" in result.stderr and "admin.kubeconfig" in result.stderr


def test_without_a_kubeconfig(server: ThreadedServer, run: Run) -> None:
    """Address, token and authority by flags."""
    make(server, "flags")
    authority = server.kubeconfig.parent / "ca.crt"
    result = run(commands.history, "cm", "flags", "--server", server.url, "--token", server.token,
                 "--certificate-authority", str(authority), admin=False)
    assert len(cells(result)) == 2
    result = run(commands.history, "cm", "flags", "--server", server.url, "--token", server.token, code=1, admin=False)
    assert "certificate verify failed" in result.stderr


@pytest.mark.parametrize(("word", "path"), [
    ("deploy", "/apis/apps/v1/namespaces/n/deployments/a"),
    ("deployment.apps", "/apis/apps/v1/namespaces/n/deployments/a"),
    ("Deployments.v1.apps", "/apis/apps/v1/namespaces/n/deployments/a"),
    ("events", "/api/v1/namespaces/n/events/a"),
    ("events.events.k8s.io", "/apis/events.k8s.io/v1/namespaces/n/events/a"),
    ("hpa", "/apis/autoscaling/v2/namespaces/n/horizontalpodautoscalers/a"),
    ("hpa.v1.autoscaling", "/apis/autoscaling/v1/namespaces/n/horizontalpodautoscalers/a"),
    ("no", "/api/v1/nodes/a"),
])  # fmt: skip
def test_types(server: ThreadedServer, word: str, path: str) -> None:
    """The words that kubectl takes."""
    assert Remote(read_kubeconfig(server.kubeconfig)).resource(word).path("n", "a") == path


def test_kubeconfigs(server: ThreadedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files instead of data, tokens, a namespace; KUBECONFIG may name several files."""
    config = yaml.safe_load(server.kubeconfig.read_text())
    authority = config["clusters"][0]["cluster"].pop("certificate-authority-data")
    (tmp_path / "ca.pem").write_bytes(base64.b64decode(authority))
    (tmp_path / "token").write_text(server.token + "\n")
    config["clusters"][0]["cluster"]["certificate-authority"] = "ca.pem"
    config["users"][0]["user"] = {"tokenFile": "token"}
    config["contexts"][0]["context"]["namespace"] = "elsewhere"
    path = tmp_path / "config"
    path.write_text(yaml.safe_dump(config))
    found = read_kubeconfig(path)
    assert (found.namespace, found.token, found.server) == ("elsewhere", server.token, server.url)
    assert Remote(found).request("GET", "/version")["major"] == "1"
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'none'}:{path}")
    assert kubeconfig_path(None, tmp_path) == path
    monkeypatch.delenv("KUBECONFIG")
    assert kubeconfig_path(None, tmp_path) == tmp_path / "admin.kubeconfig"
    for text in ("[", "a: b", "current-context: x\ncontexts: [{}]"):
        path.write_text(text)
        with pytest.raises(click.ClickException):
            read_kubeconfig(path)


def test_output_does_not_steer_terminals(server: ThreadedServer, run: Run) -> None:
    """What others named or wrote is shown without control characters."""
    server.request("POST", MAPS, {"metadata": {"name": "evil"}}, query={"fieldManager": "ok"})
    change(server, "evil", {"data": {"k": "\x1b[31mred\u202e"}})
    assert "\x1b" not in run(commands.history, "cm", "evil", "--changes").stdout
    assert "\u202e" not in run(commands.history, "cm", "evil", "--changes").stdout
