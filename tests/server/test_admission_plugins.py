"""The built-in admission plugins in a server: their order, their switches, and what they hear of other objects."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

import orlop
from orlop.kinds import catalog
from orlop.registry.store import Store
from orlop.server import kept_objects
from orlop.server.admission_plugins import OFF_BY_DEFAULT, AdmissionPlugins
from orlop.server.admission_sources import AdmissionSources
from orlop.server.kept_objects import KeptObjects
from orlop.server.quota_status import QuotaStatus
from orlop.world.entropy import RandomEntropy

CORE = "/api/v1/namespaces/default"
CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"
Call = Callable[..., Awaitable[Any]]

UPSTREAM_ORDER = [
    "NamespaceLifecycle", "LimitRanger", "ServiceAccount", "TaintNodesByCondition", "PodSecurity", "Priority",
    "DefaultTolerationSeconds", "DefaultStorageClass", "StorageObjectInUseProtection", "PersistentVolumeClaimResize",
    "RuntimeClass",
    "CertificateApproval", "CertificateSigning", "CertificateSubjectRestriction", "DefaultIngressClass",
    "PodTopologyLabels", "NodeDeclaredFeatureValidator", "PodResizeValidator", "ResourceQuota",
]


def play(scenario: Callable[[Call], Awaitable[None]], **settings: Any) -> None:
    async def run() -> None:
        async with orlop.Server(listen=False, **settings) as server:

            async def call(method: str, path: str, body: Any = None, **headers: str) -> Any:
                return (await server.request(method, path, body, headers=headers or None)).json()

            await scenario(call)

    asyncio.run(run())


def pod(name: str, **spec: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, "spec": {"containers": [{"name": "c", "image": "i"}], **spec}}


def test_what_a_plain_pod_gets() -> None:
    """A number, a policy and two tolerations; and it keeps them when a client sends it without."""

    async def scenario(call: Call) -> None:
        made = await call("POST", f"{CORE}/pods", pod("a"))
        assert made["spec"]["priority"] == 0 and made["spec"]["preemptionPolicy"] == "PreemptLowerPriority"
        assert [one["key"].partition("/")[2] for one in made["spec"]["tolerations"]] == ["not-ready", "unreachable"]
        sent = pod("a", **{key: value for key, value in made["spec"].items() if not key.startswith("p")})
        kept = await call("PUT", f"{CORE}/pods/a", sent)
        assert kept["spec"] == made["spec"]

    play(scenario)


def test_classes_count_as_soon_as_they_are_acknowledged() -> None:
    """Made, changed or gone: the next pod follows."""

    async def scenario(call: Call) -> None:
        async def priority(name: str, **spec: Any) -> Any:
            made = await call("POST", f"{CORE}/pods", pod(name, **spec))
            return made["spec"]["priority"] if "spec" in made else made["message"]

        assert await priority("a") == 0
        base = {"metadata": {"name": "mine"}, "value": 7}
        await call("POST", CLASSES, base)
        assert [await priority("b"), await priority("c", priorityClassName="mine")] == [0, 7]
        await call("PUT", f"{CLASSES}/mine", {**base, "globalDefault": True})
        assert await priority("d") == 7
        second = await call("POST", CLASSES, {"metadata": {"name": "second"}, "value": 1, "globalDefault": True})
        assert second["message"] == ('priorityclasses.scheduling.k8s.io "second" is forbidden: PriorityClass mine is '
                                     "already marked as default. Only one default can exist")
        await call("DELETE", f"{CLASSES}/mine")
        why = await priority("e", priorityClassName="mine")
        assert why == 'pods "e" is forbidden: no PriorityClass with name mine was found'
        assert await priority("e") == 0
        assert await priority("f", priorityClassName="system-node-critical") == 2_000_001_000

    play(scenario)


def test_limits_are_those_of_the_namespace() -> None:
    """And of now."""

    async def scenario(call: Call) -> None:
        limit = {"metadata": {"name": "l"}, "spec": {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}}
        assert "limits" not in (await call("POST", f"{CORE}/pods", pod("a")))["spec"]["containers"][0]["resources"]
        await call("POST", f"{CORE}/limitranges", limit)
        made = await call("POST", f"{CORE}/pods", pod("b"))
        assert made["spec"]["containers"][0]["resources"] == {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}}
        assert made["status"]["qosClass"] == "Burstable"
        elsewhere = await call("POST", "/api/v1/namespaces/kube-public/pods", pod("b"))
        assert "limits" not in elsewhere["spec"]["containers"][0]["resources"]
        resize = {"spec": {"containers": [{"name": "c", "resources": {"limits": {"cpu": "2"}}}]}}
        refused = await call("PATCH", f"{CORE}/pods/b/resize", resize,
                             **{"content-type": "application/strategic-merge-patch+json"})
        assert refused["message"] == 'pods "b" is forbidden: maximum cpu usage per Container is 1, but limit is 2'
        await call("DELETE", f"{CORE}/limitranges/l")
        made = await call("POST", f"{CORE}/pods", pod("d"))
        assert "limits" not in made["spec"]["containers"][0]["resources"]

    play(scenario)


@pytest.mark.parametrize(("name", "missing"), [
    ("Priority", "priority"), ("DefaultTolerationSeconds", "tolerations"),
])
def test_switched_off(name: str, missing: str) -> None:
    """By its name; the others go on."""

    async def scenario(call: Call) -> None:
        made = await call("POST", f"{CORE}/pods", pod("a"))
        assert {"priority", "tolerations"} - set(made["spec"]) == {missing}

    play(scenario, disable_admission_plugins=(name,))


def test_order() -> None:
    """Upstream's, of which some are not here yet."""

    async def run() -> None:
        async with orlop.Server(listen=False) as server:
            names = [plugin.name for plugin in server.running.application.chain.plugins]
            assert list(dict.fromkeys(names)) == UPSTREAM_ORDER

    asyncio.run(run())


def test_kept_objects(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decoded once until they change, for so many namespaces at most; before it follows, anew each time."""
    monkeypatch.setattr(kept_objects, "NAMESPACES_KEPT", 2)

    async def run() -> None:
        async with orlop.Server(listen=False) as server:
            store: Store = server.running.application.stores[("", "limitranges")]
            kept = KeptObjects(store)
            assert kept.by_name("default") is not kept.by_name("default")
            kept.follow()
            first, other = kept.by_name("default"), kept.by_name("kube-public")
            assert kept.by_name("default") is first and not first
            await server.request("POST", f"{CORE}/limitranges", {"metadata": {"name": "l"}, "spec": {"limits": []}})
            assert list(kept.by_name("default")) == ["l"] and kept.by_name("kube-public") is other
            assert [one["metadata"]["name"] for one in kept.of("default")] == ["l"]
            kept.by_name("kube-system")
            assert kept.by_name("kube-public") is not other

    asyncio.run(run())


def test_switches() -> None:
    """By upstream's names: who is wanted is on, also where the default or another switch says off."""

    async def run() -> None:
        async with orlop.Server(listen=False) as server:
            application = server.running.application
            plugins = AdmissionPlugins(application.stores, application.authorizer, None, RandomEntropy(1))
            on = {plugin.name for plugin in plugins.every}
            assert not on & OFF_BY_DEFAULT and on | OFF_BY_DEFAULT == {plugin.name for plugin in plugins.all}
            both = plugins.enabled(("AlwaysDeny", "Priority"), ("Priority", "PodSecurity"))
            changed = {plugin.name for plugin in both}
            assert changed == (on | {"AlwaysDeny"}) - {"PodSecurity"}
            assert plugins.unknown(("JobValidation", "AlwaysDeny", "Nonsense")) == ["Nonsense"]

    asyncio.run(run())


def test_a_namespace_made_for_its_first_object() -> None:
    """As complete as one that a client made."""

    async def run() -> None:
        async with orlop.Server(listen=False) as server:
            sources = AdmissionSources(server.running.application.stores, server.running.application.authorizer)
            await sources.make_namespace("fresh")
            made = (await server.request("GET", "/api/v1/namespaces/fresh")).json()
            assert made["metadata"]["labels"] == {"kubernetes.io/metadata.name": "fresh"}
            assert (made["spec"], made["status"]) == ({"finalizers": ["kubernetes"]}, {"phase": "Active"})

    asyncio.run(run())


def test_who_owns_what_a_quota_counts() -> None:
    """The server, of what it changed."""

    async def run() -> None:
        async with orlop.Server(listen=False) as server:
            application = server.running.application
            resource = catalog.resource("", "resourcequotas")
            assert resource is not None
            fields = application.field_managers.make(resource, resource.in_version("v1"), "status")
            status = QuotaStatus(application.stores[("", "resourcequotas")], lambda: fields)
            quota = {"metadata": {"name": "q"}, "spec": {"hard": {"configmaps": "2"}}}
            await server.request("POST", f"{CORE}/resourcequotas", quota)

            def change(stored: Any) -> None:
                stored["status"] = {"used": {"configmaps": "1"}}

            await status.change("default", "q", change)
            made = (await server.request("GET", f"{CORE}/resourcequotas/q")).json()
            assert made["status"] == {"used": {"configmaps": "1"}}
            owner = made["metadata"]["managedFields"][0]
            assert (owner["manager"], owner["subresource"]) == ("kube-apiserver", "status")
            assert owner["fieldsV1"] == {"f:status": {"f:used": {".": {}, "f:configmaps": {}}}}

    asyncio.run(run())
