"""ServiceAccount: every pod has an account, and its containers get the account's token."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import orlop
from admission_requests import PODS, pod, refusal, request
from orlop.admission.interface import CREATE, DELETE, UPDATE
from orlop.admission.service_account import ATTEMPTS, MOUNT_PATH, PAUSE, ServiceAccount
from orlop.api.tree import Tree

Known = dict[str, Tree]


def account(name: str = "default", **more: Any) -> Known:
    annotations = more.pop("annotations", {})
    return {name: {"metadata": {"name": name, "annotations": annotations}, **more}}


def plugin(known: Known) -> ServiceAccount:
    return ServiceAccount(lambda namespace: known, lambda: "abcde")


def containers(*mounts: Tree) -> list[Tree]:
    return [{"name": "c", "volumeMounts": list(mounts)} if mounts else {"name": "c"}]


def admitted(spec: Tree, known: Known) -> Tree:
    obj = pod(spec)
    assert refusal(plugin(known).admit, request(obj)) == ""
    assert refusal(plugin(known).validate, request(obj)) == ""
    result: Tree = obj["spec"]
    return result


def test_what_a_pod_gets() -> None:
    """The default account by both its names, a projected volume, and a mount in each container."""
    spec = admitted({"containers": containers(), "initContainers": containers()}, account())
    assert spec["serviceAccountName"] == spec["serviceAccount"] == "default"
    mount = {"name": "kube-api-access-abcde", "readOnly": True, "mountPath": MOUNT_PATH}
    assert [one["volumeMounts"] for one in (*spec["containers"], *spec["initContainers"])] == [[mount], [mount]]
    [volume] = spec["volumes"]
    assert volume["name"] == "kube-api-access-abcde" and volume["projected"]["defaultMode"] == 420
    assert [next(iter(source)) for source in volume["projected"]["sources"]] == [
        "serviceAccountToken", "configMap", "downwardAPI"]


@pytest.mark.parametrize(("spec", "known"), [
    ({"automountServiceAccountToken": False}, account()),
    ({}, account(automountServiceAccountToken=False)),
    ({"automountServiceAccountToken": False}, account(automountServiceAccountToken=True)),
])
def test_who_wants_no_token(spec: Tree, known: Known) -> None:
    """The pod's word counts before the account's."""
    assert "volumes" not in admitted({"containers": containers(), **spec}, known)


def test_what_is_there_stays() -> None:
    """A container with a mount of its own in that place, a volume of that name, pull secrets of the pod's own."""
    own = {"name": "mine", "mountPath": MOUNT_PATH}
    spec = admitted({"containers": containers(own)}, account())
    assert "volumes" not in spec and spec["containers"][0]["volumeMounts"] == [own]
    volume = {"name": "kube-api-access-xyz", "emptyDir": {}}
    spec = admitted({"containers": containers(), "volumes": [volume]}, account())
    assert spec["volumes"] == [volume] and spec["containers"][0]["volumeMounts"][0]["name"] == "kube-api-access-xyz"
    pulls = account(imagePullSecrets=[{"name": "p"}])
    assert admitted({"containers": []}, pulls)["imagePullSecrets"] == [{"name": "p"}]
    own_pull = {"containers": [], "imagePullSecrets": [{"name": "q"}]}
    assert admitted(own_pull, pulls)["imagePullSecrets"] == [{"name": "q"}]


def test_accounts_that_are_missing() -> None:
    """Refused, in upstream's words; the default one is waited for, because a controller makes it."""
    said = refusal(plugin({}).admit, request(pod({"serviceAccountName": "nobody"})))
    assert said == 'error looking up service account ns/nobody: serviceaccount "nobody" not found'
    asked: list[str] = []

    def later(namespace: str) -> Known:
        asked.append(namespace)
        return account() if len(asked) > 3 else {}

    assert refusal(ServiceAccount(later, lambda: "x").admit, request(pod({}))) == ""
    assert asked == ["ns"] * 4 and ATTEMPTS * PAUSE > 1


ENFORCED = account(annotations={"kubernetes.io/enforce-mountable-secrets": "true"}, secrets=[{"name": "ok"}])
NOT = "is not allowed because service account default does not reference that"


@pytest.mark.parametrize(("spec", "complaint"), [
    ({"volumes": [{"name": "v", "secret": {"secretName": "ok"}}]}, ""),
    ({"volumes": [{"name": "v", "secret": {"secretName": "no"}}]}, f'volume with secret.secretName="no" {NOT} secret'),
    ({"containers": [{"name": "c", "env": [{"name": "E", "valueFrom": {"secretKeyRef": {"name": "no"}}}]}]},
     f'container c with envVar E referencing secret.secretName="no" {NOT} secret'),
    ({"initContainers": [{"name": "i", "envFrom": [{"secretRef": {"name": "no"}}]}]},
     f'init container i with envFrom referencing secret.secretName="no" {NOT} secret'),
    ({"imagePullSecrets": [{"name": "no"}]}, f'imagePullSecrets[0].name="no" {NOT} imagePullSecret'),
])
def test_accounts_may_restrict_secrets(spec: Tree, complaint: str) -> None:
    """Only where they say so."""
    obj = pod({"serviceAccountName": "default", **spec})
    assert refusal(plugin(ENFORCED).validate, request(obj)) == complaint
    assert refusal(plugin(account()).validate, request(obj)) == ""


@pytest.mark.parametrize(("spec", "complaint"), [
    ({}, ""),
    ({"serviceAccountName": "default"}, "a mirror pod may not reference service accounts"),
    ({"volumes": [{"name": "v", "secret": {"secretName": "s"}}]}, "a mirror pod may not reference secrets"),
    ({"volumes": [{"name": "v", "projected": {"sources": [{"serviceAccountToken": {"path": "t"}}]}}]},
     "a mirror pod may not use ServiceAccountToken volume projections"),
])
def test_mirror_pods_get_nothing(spec: Tree, complaint: str) -> None:
    """Their kubelet made them, and they stay as they are."""
    obj = pod(dict(spec), annotations={"kubernetes.io/config.mirror": "x"})
    assert refusal(plugin(account()).admit, request(obj)) == complaint
    assert obj["spec"] == spec


def test_what_it_looks_at() -> None:
    """New pods, and ephemeral containers of old ones."""
    handles = plugin({}).handles
    assert handles(PODS, "", CREATE) and handles(PODS, "ephemeralcontainers", UPDATE)
    assert not (handles(PODS, "", UPDATE) or handles(PODS, "status", UPDATE) or handles(PODS, "", DELETE))


def test_a_pod_right_after_its_namespace() -> None:
    """The controller makes the account while the pod waits."""

    async def scenario() -> None:
        async with orlop.Server(listen=False) as server:
            await server.request("POST", "/api/v1/namespaces", {"metadata": {"name": "n"}})
            spec = {"containers": [{"name": "c", "image": "i"}]}
            made = await server.request("POST", "/api/v1/namespaces/n/pods", {"metadata": {"name": "p"}, "spec": spec})
            assert made.status == 201 and made.json()["spec"]["serviceAccountName"] == "default"
            assert made.json()["spec"]["containers"][0]["volumeMounts"][0]["mountPath"] == MOUNT_PATH

    asyncio.run(scenario())
