"""Tokens of service accounts: what is asked of the issuer, and when nothing is."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
import pytest
from kind_bench import Kind, Tree, causes

from orlop.api.context import Context
from orlop.api.errors import APIError
from orlop.api.options import CreateOptions
from orlop.kinds.token_request import PROJECTED_SECONDS, TokenRequests
from orlop.storage.interface import Entry


class Issued(NamedTuple):
    token: str
    expires_at: int


class Issuer:
    """Keeps what it is asked for."""

    def issue(self, account: Tree, audiences: Sequence[str], seconds: int, **bound: Any) -> Issued:
        self.asked = (account["metadata"]["name"], tuple(audiences), seconds, bound)
        return Issued("t", 1_700_000_000 + seconds)


class Stored(dict[str, Tree]):
    """Just enough of a store and its cache."""

    prefix = ""

    @property
    def cache(self) -> Stored:
        return self

    def peek(self, key: str) -> Entry | None:
        return Entry(key, 1, orjson.dumps(self[key])) if key in self else None


def thing(name: str, **members: Any) -> Tree:
    return {"metadata": {"name": name, "namespace": "ns", "uid": f"u-{name}"}, **members}


class Bench:
    def __init__(self) -> None:
        self.kind, self.issuer = Kind("serviceaccounts"), Issuer()
        pod = thing("p", spec={"serviceAccountName": "bot", "nodeName": "n"})
        stores = {"serviceaccounts": {"ns/bot": thing("bot")}, "secrets": {"ns/s": thing("s")}, "pods": {"ns/p": pod},
                  "nodes": {}}
        self.room = TokenRequests({("", name): Stored(items) for name, items in stores.items()},  # type: ignore
                                  self.issuer, ("api",), self.kind.options.outside)  # type: ignore[arg-type]

    def post(self, metadata: Tree | None = None, **spec: Any) -> Tree:
        body = {"metadata": metadata or {}, "spec": {"expirationSeconds": 3600, **spec}}
        ctx = Context(namespace="ns")
        return asyncio.run(self.room.create(ctx, "bot", body, lambda obj, old: None, CreateOptions()))

    def refusal(self, metadata: Tree | None = None, **spec: Any) -> APIError:
        with pytest.raises(APIError) as refused:
            self.post(metadata, **spec)
        assert not hasattr(self.issuer, "asked")
        return refused.value


def test_a_token_for_the_server_itself() -> None:
    """Without audiences; name and uid are the account's."""
    bench = Bench()
    made = bench.post()
    assert bench.issuer.asked == ("bot", ("api",), 3600, {"warn_after": 0})
    assert (made["metadata"]["name"], made["metadata"]["uid"]) == ("bot", "u-bot")
    assert made["status"] == {"token": "t", "expirationTimestamp": "2023-11-14T23:13:20Z"}


@pytest.mark.parametrize(("metadata", "spec", "code", "wrong"), [
    ({"name": "other"}, {}, 422,
     'metadata.name: Invalid value: "other": must match the service account name if specified'),
    ({}, {"expirationSeconds": 599}, 422,
     "spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes"),
    ({"uid": "u-old"}, {}, 409, "the UID in the token request (u-old) does not match the UID of the service account"),
    ({}, {"boundObjectRef": {"kind": "Secret", "apiVersion": "v1", "name": "none"}}, 404, 'secrets "none" not found'),
    ({}, {"boundObjectRef": {"kind": "Secret", "apiVersion": "v1", "name": "s", "uid": "u-old"}}, 409,
     "the UID in the bound object reference (u-old) does not match the UID in record. The object might have been "
     "deleted and then recreated"),
    ({}, {"boundObjectRef": {"kind": "ConfigMap", "apiVersion": "v1", "name": "c"}}, 400,
     "cannot bind token to object of type /v1, Kind=ConfigMap"),
])
def test_refusals(metadata: Tree, spec: Tree, code: int, wrong: str) -> None:
    """Nothing is signed."""
    refused = Bench().refusal(metadata, **spec)
    assert refused.code == code and wrong in (causes(refused) or [refused.message])[0]


def test_a_token_of_a_pod_knows_its_node() -> None:
    """By name, even when there is no such node."""
    bench = Bench()
    bench.post(boundObjectRef={"kind": "Pod", "apiVersion": "v1", "name": "p", "uid": "u-p"})
    bound = bench.issuer.asked[3]
    assert bound["pod"]["metadata"]["uid"] == "u-p" and bound["node"] == {"metadata": {"name": "n"}}


def test_projected_tokens_last_longer_than_they_say() -> None:
    """For a pod, for this server and for exactly kubelet's time: a year, stale after the time asked for."""
    bench = Bench()
    reference = {"kind": "Pod", "apiVersion": "v1", "name": "p"}
    made = bench.post(boundObjectRef=reference, expirationSeconds=PROJECTED_SECONDS)
    assert bench.issuer.asked[2] == 365 * 24 * 3600 and bench.issuer.asked[3]["warn_after"] == PROJECTED_SECONDS
    assert made["status"]["expirationTimestamp"] == "2023-11-14T23:13:27Z"
    bench.post(boundObjectRef=reference, expirationSeconds=PROJECTED_SECONDS, audiences=["api", "other"])
    assert bench.issuer.asked[2] == PROJECTED_SECONDS
