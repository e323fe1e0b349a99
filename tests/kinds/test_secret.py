"""Secrets: stringData, types with required keys, and the immutable ones."""

from __future__ import annotations

import pytest
from kind_bench import Kind

TYPE = "kubernetes.io/"


def test_string_data_becomes_data() -> None:
    """What is written as text is stored as base64, wins, and is gone."""
    made = Kind("secrets").create(data={"a": "MQ==", "b": "MQ=="}, stringData={"b": "2", "c": "é"})
    assert made["data"] == {"a": "MQ==", "b": "Mg==", "c": "w6k="}
    assert "stringData" not in made and made["type"] == "Opaque"


@pytest.mark.parametrize(("kind", "data", "wrong"), [
    ("basic-auth", {}, ["data[username]: Required value", "data[password]: Required value"]),
    ("basic-auth", {"password": ""}, []),
    ("ssh-auth", {}, ["data[ssh-privatekey]: Required value"]),
    ("tls", {"tls.crt": ""}, ["data[tls.key]: Required value"]),
    ("dockerconfigjson", {}, ["data[.dockerconfigjson]: Required value"]),
    ("dockercfg", {".dockercfg": "e30="}, []),
    ("dockercfg", {".dockercfg": "W10="}, [
        'data[.dockercfg]: Invalid value: "<secret contents redacted>": json: cannot unmarshal array into Go value of '
        "type map[string]interface {}"]),
    ("service-account-token", {}, ["metadata.annotations[kubernetes.io/service-account.name]: Required value"]),
    ("nobody-knows", {}, []),
])
def test_types_and_their_keys(kind: str, data: dict[str, str], wrong: list[str]) -> None:
    """Each of Kubernetes' types has keys it must have; other types are free."""
    assert Kind("secrets").refused(type=TYPE + kind, data=data) == wrong


def test_type_is_fixed_but_may_be_left_out() -> None:
    """An update without a type means the stored one."""
    kind = Kind("secrets")
    old = kind.create(type="example.com/t", data={"k": ""})
    assert kind.update(old, {"type": "example.com/t"})["type"] == "example.com/t"
    assert kind.refused_update(old, {"type": "other"}) == ['type: Invalid value: "other": field is immutable']


def test_immutable_secrets_keep_their_data() -> None:
    """The seal holds against stringData too."""
    kind = Kind("secrets")
    old = kind.create(data={"k": "MQ=="}, immutable=True)
    assert kind.refused_update(old, {"stringData": {"k": "1"}}) == []
    assert kind.refused_update(old, {"stringData": {"k": "2"}}) == [
        "data: Forbidden: field is immutable when `immutable` is set"]
