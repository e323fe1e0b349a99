"""The operator's encryption file: what is accepted, refused and encrypted, and how a changed file takes effect."""

from __future__ import annotations

import base64
import json
import logging
from pathlib import Path
from typing import Any

import pytest

from orlop.kinds.catalog import RESOURCES
from orlop.server.config import ConfigError
from orlop.server.encryption_config import load
from orlop.server.encryption_plan import plain
from orlop.server.encryption_reload import INTERVAL, EncryptionReload
from orlop.storage.encryption import Encryption, Plan
from orlop.storage.errors import ReadFailed
from orlop.world.clock import ManualClock

FILES: list[dict[str, Any]] = json.loads(
    (Path(__file__).parent.parent / "data/encryption/files.json").read_text("utf-8"))["files"]
BODY = b'{"metadata":{"name":"database"}}'
KEYS = {name: base64.b64encode(name.encode() * 16).decode() for name in ("k1", "k2", "k3")}


def text(*entries: tuple[str, str]) -> str:
    """A file: for each entry its resources and its providers, which are names of keys of aesgcm, or identity."""
    lines = ["kind: EncryptionConfiguration", "apiVersion: apiserver.config.k8s.io/v1", "resources:"]
    for resources, names in entries:
        listed = ", ".join(f"'{name}'" for name in resources.split())
        lines += [f"- resources: [{listed}]", "  providers:"]
        lines += ["  - identity: {}" if name == "identity" else
                  f"  - aesgcm: {{keys: [{{name: {name}, secret: {KEYS[name]}}}]}}" for name in names.split()]
    return "\n".join(lines) + "\n"


def put(path: Path, content: str) -> Path:
    path.write_text(content, "utf-8")
    path.chmod(0o600)
    return path


def plan_of(tmp_path: Path, *entries: tuple[str, str]) -> Plan:
    return load(put(tmp_path / "encryption.yaml", text(*entries))).plan


def key_for(plan: Plan, place: str) -> str:
    """The name of the key that encrypts an object there, "" for none."""
    key = f"/registry/{place}/x/y"
    stored = plan.of(key).to_storage(key, BODY)
    return "" if stored == BODY else stored.split(b":", 5)[4].decode()


@pytest.mark.parametrize("file", FILES, ids=[file["name"] for file in FILES])
def test_judged_as_upstream(tmp_path: Path, file: dict[str, Any]) -> None:
    """What kube-apiserver takes is taken, what it refuses is refused in its words."""
    path = put(tmp_path / "encryption.yaml", file["text"])
    try:
        load(path)
        error = ""
    except ConfigError as caught:
        error = str(caught)
    assert error == file["error"].replace("FILE", str(path))


@pytest.mark.parametrize(("provider", "words"), [
    ("kms: {name: x, endpoint: 'unix:///x', apiVersion: v2}", "provider kms is not supported"),
    (f"secretbox: {{keys: [{{name: a, secret: {KEYS['k1']}}}]}}", "provider secretbox is not supported"),
])
def test_providers_that_are_not_there(tmp_path: Path, provider: str, words: str) -> None:
    """They are refused with what to do instead, never passed over."""
    path = put(tmp_path / "encryption.yaml", text(("secrets", "k1")) + f"  - {provider}\n")
    with pytest.raises(ConfigError, match=f"error while building transformers: {words}.*use aesgcm or aescbc"):
        load(path)


@pytest.mark.parametrize("content", [
    "kind: EncryptionConfiguration\nresources: SECRET\n", "resources: SECRET\n",
    text(("secrets", "identity")).replace("identity: {}", "{identity: {}, aesgcm: {keys: [{secret: SECRET}]}}"),
    text(("secrets", "k1")).replace(KEYS["k1"], "SECRET"),
])
def test_no_secret_in_an_error(tmp_path: Path, content: str) -> None:
    """Keys are in the file, so errors, which end up in logs, show none of it."""
    with pytest.raises(ConfigError) as caught:
        load(put(tmp_path / "encryption.yaml", content))
    assert "SECRET" not in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    """A missing file is an error that names it."""
    with pytest.raises(ConfigError, match=r'file "/\S+/nowhere": open /\S+/nowhere: no such file or directory$'):
        load(tmp_path / "nowhere")


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, False), (0o644, True)])
def test_mode(tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, warned: bool) -> None:
    """A file that everybody can read is warned of."""
    path = put(tmp_path / "encryption.yaml", text(("secrets", "k1")))
    path.chmod(mode)
    load(path)
    assert ("can be read by everybody" in caplog.text) is warned


def test_resources(tmp_path: Path) -> None:
    """A resource is found at its place in storage, whatever that is called; all others are left as they are."""
    plan = plan_of(tmp_path, ("secrets services endpoints nodes ingresses.networking.k8s.io boats.example.org", "k1"),
                   ("events leases.coordination.k8s.io customresourcedefinitions.apiextensions.k8s.io", "k2"))
    named = {"secrets": "k1", "services/specs": "k1", "services/endpoints": "k1", "minions": "k1", "ingress": "k1",
             "example.org/boats": "k1", "events": "k2", "leases": "k2",
             "apiextensions.k8s.io/customresourcedefinitions": "k2"}
    places = {each.prefix for each in RESOURCES if each.stored} | {"example.org/wrecks", "other.org/boats", "ranges"}
    assert {place: key_for(plan, place) for place in places | set(named)} == dict.fromkeys(places, "") | named


def test_wildcards(tmp_path: Path) -> None:
    """`*.group` is a whole group, `*.` the core group, `*.*` everything; the closest rule counts, and what is no
    resource is never encrypted."""
    plan = plan_of(tmp_path, ("pods", "identity"), ("deployments.apps", "k1"), ("*.apps *.example.org", "k2"),
                   ("*.", "k3"), ("*.*", "k1"))
    assert {place: key_for(plan, place) for place in (
        "pods", "deployments", "statefulsets", "example.org/boats", "secrets", "events", "services/specs", "minions",
        "leases", "other.org/boats", "apiregistration.k8s.io/apiservices", "ranges", "masterleases")} == {
        "pods": "", "deployments": "k1", "statefulsets": "k2", "example.org/boats": "k2", "secrets": "k3",
        "events": "k3", "services/specs": "k3", "minions": "k3", "leases": "k1", "other.org/boats": "k1",
        "apiregistration.k8s.io/apiservices": "k1", "ranges": "", "masterleases": ""}


def test_same_resource_twice(tmp_path: Path) -> None:
    """Later entries of a resource add keys to read with; the first entry writes."""
    plan = plan_of(tmp_path, ("secrets", "k1"), ("secrets", "k2 identity"))
    key = "/registry/secrets/a/b"
    other = plan_of(tmp_path, ("secrets", "k2")).of(key).to_storage(key, BODY)
    assert key_for(plan, "secrets") == "k1"
    assert plan.of(key).from_storage(key, other) == (BODY, True)


def test_without_encryption() -> None:
    """A server that was started without the file says that it cannot read what was encrypted."""
    key = "/registry/secrets/a/b"
    with pytest.raises(ReadFailed, match="identity transformer tried to read encrypted data"):
        plain().of(key).from_storage(key, b"k8s:enc:aesgcm:v1:k1:xx")


class Reloading:
    """A server's encryption with its file, and a clock."""

    def __init__(self, path: Path) -> None:
        self.path = put(path, text(("secrets", "k1 identity")))
        self.clock = ManualClock()
        loaded = load(path)
        self.encryption = Encryption(loaded.plan)
        self.reload = EncryptionReload(path, self.encryption, loaded, self.clock)

    def look(self) -> str:
        """The key that writes after the next look at the file."""
        self.clock.advance(INTERVAL)
        self.reload.tick()
        return key_for(self.encryption.plan, "secrets")


def test_reload(tmp_path: Path) -> None:
    """A changed file takes effect at the next look, and not before; an unchanged one is not loaded again."""
    server = Reloading(tmp_path / "encryption.yaml")
    assert server.look() == "k1" and server.reload.successes == 0
    put(server.path, text(("secrets", "k2 k1 identity")))
    server.reload.tick()
    assert key_for(server.encryption.plan, "secrets") == "k1"
    assert [server.look(), server.look()] == ["k2", "k2"]
    assert (server.reload.successes, server.reload.failures) == (1, 0)


@pytest.mark.parametrize("broken", ["", "{", text(), text(("Secrets", "k2")), text(("secrets", "k2")) + "x: 1\n"])
def test_reload_of_a_bad_file(tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: str) -> None:
    """The old keys stay in effect, the log says once why, and the file counts again when it is right."""
    server = Reloading(tmp_path / "encryption.yaml")
    before = server.encryption.plan
    put(server.path, broken)
    assert [server.look(), server.look()] == ["k1", "k1"]
    assert server.encryption.plan is before
    complaints = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert len(complaints) == 1 and str(server.path) in complaints[0].getMessage()
    assert (server.reload.successes, server.reload.failures) == (0, 2)
    put(server.path, text(("secrets", "k2 k1")))
    assert server.look() == "k2"


def test_reload_of_a_lost_file(tmp_path: Path) -> None:
    """A file that is gone changes nothing; when it comes back as it was, nothing is loaded."""
    server = Reloading(tmp_path / "encryption.yaml")
    content = server.path.read_text("utf-8")
    server.path.unlink()
    assert server.look() == "k1"
    put(server.path, content)
    assert server.look() == "k1"
    assert (server.reload.successes, server.reload.failures) == (0, 1)
