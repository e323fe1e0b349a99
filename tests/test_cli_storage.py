"""`orlop storage`: faults are found and said, what an older key protects is written anew."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import orlop
from api_caller import ApiCaller
from orlop.cli import main
from server_process import FreshServer, ServerFailed, ServerProcess

SECRETS = "/api/v1/namespaces/default/secrets"
VALUE = base64.b64encode(b"nobody shall read this").decode()


def said(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["storage", *arguments])


def config(path: Path, *keys: str) -> Path:
    """An EncryptionConfiguration for secrets: the first key writes."""
    names = "".join(f"\n        - {{name: {key}, secret: {base64.b64encode(key.encode() * 8).decode()}}}"
                    for key in keys)
    path.write_text("kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nresources:\n"
                    "- resources: [secrets]\n  providers:\n"
                    + (f"  - aesgcm:\n      keys:{names}\n" if keys else "") + "  - identity: {}\n")
    path.chmod(0o600)
    return path


def test_keys_are_rotated(tmp_path: Path) -> None:
    """Clear, then the first key, then the second alone: each time all secrets are written anew, once, and nothing
    else is."""
    data, file = tmp_path / "data", tmp_path / "encryption.yaml"
    with orlop.Server.in_thread(listen=False, data_dir=data) as server:
        for name in ("a", "b"):
            made = server.request("POST", SECRETS, {"metadata": {"name": name}, "data": {"v": VALUE}})
            assert made.status == 201
    for keys, marker in ((("keya",), b":keya:"), (("keyb", "keya"), b":keyb:")):
        flags = ("rewrite", "--data-dir", str(data), "--encryption-provider-config", str(config(file, *keys)))
        first, again = said(*flags), said(*flags)
        assert first.exit_code == again.exit_code == 0, first.output
        assert first.output.splitlines()[-1].startswith("wrote 2 of ")
        assert again.output.splitlines()[-1].startswith("wrote 0 of ")
        assert marker in (data / "orlop.db").read_bytes()
    with orlop.Server.in_thread(listen=False, data_dir=data,
                                encryption_provider_config=config(file, "keyb")) as server:
        assert server.request("GET", f"{SECRETS}/a").json()["data"] == {"v": VALUE}
    refused = said("rewrite", "--data-dir", str(data))
    assert refused.exit_code == 1 and "/registry/secrets/default/" in refused.output


def test_replacing_what_one_got_rewrites_it(tmp_path: Path) -> None:
    """With a server running, a PUT that changes nothing writes what an older form protects, once."""
    data, file = tmp_path / "data", tmp_path / "encryption.yaml"
    with orlop.Server.in_thread(listen=False, data_dir=data) as server:
        clear = server.request("POST", SECRETS, {"metadata": {"name": "a"}, "data": {"v": VALUE}}).json()
    with orlop.Server.in_thread(listen=False, data_dir=data,
                                encryption_provider_config=config(file, "keya")) as server:
        replaced = server.request("PUT", f"{SECRETS}/a", clear).json()
        assert replaced["metadata"]["resourceVersion"] != clear["metadata"]["resourceVersion"]
        again = server.request("PUT", f"{SECRETS}/a", replaced).json()
        assert again == replaced


def test_a_directory_in_use_is_left_alone(fresh_server: FreshServer) -> None:
    """While a server runs, clients write anew; the command says so instead of doing it."""
    server = fresh_server()
    refused = said("rewrite", "--data-dir", str(server.data_dir))
    assert refused.exit_code == 1 and "in use by another server" in refused.output
    assert said("check", str(server.data_dir)).output.endswith("nothing is wrong\n")


def test_damage_is_found(tmp_path: Path) -> None:
    """A flipped page ends with 1 and words; a file that is no database too."""
    data = tmp_path / "data"
    with orlop.Server.in_thread(listen=False, data_dir=data) as server:
        for number in range(50):
            server.request("POST", SECRETS, {"metadata": {"name": f"s{number}"}, "data": {"v": VALUE * 50}})
    assert said("check", str(data)).exit_code == 0
    database = data / "orlop.db"
    content = bytearray(database.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = bytes(4096)
    database.write_bytes(content)
    found = said("check", str(data))
    assert found.exit_code == 1 and found.output
    (tmp_path / "text").write_text("no database at all, but long enough to be looked at closely" * 20)
    assert said("check", str(tmp_path / "text")).exit_code == 1


def test_a_lost_log_is_refused_until_the_loss_is_accepted(tmp_path: Path) -> None:
    """Without its write-ahead log a database is too old: a server says so; once the loss is accepted it goes on above
    all revisions that clients know."""
    data = tmp_path / "data"
    server = ServerProcess(data).start()
    caller = ApiCaller(server)
    for number in range(5):
        made = caller.call("POST", SECRETS, {"metadata": {"name": f"s{number}"}})
    caller.close()
    server.kill()
    (data / "orlop.db-wal").unlink()
    (data / "orlop.db-shm").unlink(missing_ok=True)
    with pytest.raises(ServerFailed, match="revision"):
        server.start()
    accepted = CliRunner().invoke(main, ["storage", "accept-loss", "--data-dir", str(data), "--yes"])
    assert accepted.exit_code == 0, accepted.output
    server.start()
    caller = ApiCaller(server)
    again = caller.call("POST", SECRETS, {"metadata": {"name": "s0"}})
    caller.close()
    server.stop()
    assert int(again.body["metadata"]["resourceVersion"]) > int(made.body["metadata"]["resourceVersion"])
