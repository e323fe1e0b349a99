"""Services: rules by type, families and addresses, what a change may do, and what clients are warned of."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import pytest
from kind_bench import Kind, Tree, causes, copied

from orlop.api.errors import APIError
from orlop.api.options import CreateOptions
from orlop.kinds.address_book import Owner
from orlop.kinds.service import allocation
from orlop.kinds.service_allocation import ServiceAllocation
from orlop.registry.interface import Object
from orlop.registry.store import Store

PORTS = [{"port": 80}]
DUAL = "10.0.0.0/24,fd00::/112"


class Addresses:
    """Who has which address (a `Register`)."""

    def __init__(self) -> None:
        self.owners: dict[str, Owner] = {}

    def knows(self, text: str) -> bool:
        return text in self.owners

    async def enter(self, text: str, owner: Owner) -> bool:
        return self.owners.setdefault(text, owner) is owner

    async def strike(self, text: str, owner: Owner) -> None:
        if self.owners.get(text) == owner:
            del self.owners[text]


class Services(Kind):
    """Services with their allocation, as the store puts the two together."""

    def __init__(self, ranges: str = "10.0.0.0/24") -> None:
        super().__init__("services", service_cluster_ip_range=ranges, service_node_port_range="30000-30100")
        self.addresses = Addresses()
        self.stored: list[Tree] = []
        self.hooks: ServiceAllocation = allocation(self.options, lambda: self.stored, self.addresses)
        asyncio.run(self.storage.start())

    def make(self, dry_run: bool = False, **spec: Any) -> Tree:
        return asyncio.run(self._make(dry_run, spec))

    async def _make(self, dry_run: bool, spec: Tree) -> Tree:
        obj = self.decoded({"metadata": {"name": "s", "namespace": "ns"}, "spec": spec})
        finish = await self.hooks.begin_create(self.context(), obj, dry_run)
        try:
            made = self.create(obj)
        except APIError:
            await finish(False)  # type: ignore[misc]
            raise
        await finish(not dry_run)  # type: ignore[misc]
        return made

    def change(self, old: Tree, **spec: Any) -> Tree:
        return asyncio.run(self._change(old, spec))

    async def _change(self, old: Tree, spec: Tree) -> Tree:
        metadata = {**old["metadata"], "resourceVersion": "1"}
        obj = self.decoded({"metadata": metadata, "spec": spec})
        finish = await self.hooks.begin_update(self.context(), obj, copied(old), False)
        try:
            made = self.update(old, {"spec": obj["spec"]})
        except APIError:
            await finish(False)  # type: ignore[misc]
            raise
        await finish(True)  # type: ignore[misc]
        return made

    def refusal(self, **spec: Any) -> list[str]:
        with pytest.raises(APIError) as refused:
            self.make(**spec)
        return causes(refused.value)


def test_defaults_of_a_plain_service() -> None:
    """One port is enough."""
    spec = Services().make(ports=PORTS)["spec"]
    address = spec.pop("clusterIP")
    assert spec == {
        "type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster", "clusterIPs": [address],
        "ipFamilies": ["IPv4"], "ipFamilyPolicy": "SingleStack",
        "ports": [{"port": 80, "protocol": "TCP", "targetPort": 80}]}


def test_defaults_of_a_load_balancer() -> None:
    """Local traffic needs a port to ask for health; node ports come unasked."""
    spec = Services().make(type="LoadBalancer", externalTrafficPolicy="Local", ports=PORTS)["spec"]
    assert 30000 <= spec["healthCheckNodePort"] <= 30100 and spec["allocateLoadBalancerNodePorts"] is True
    assert spec["ports"][0]["nodePort"] not in (0, spec["healthCheckNodePort"])


def test_client_affinity_lasts_three_hours() -> None:
    """The default timeout; without affinity a timeout makes no sense and goes."""
    spec = Services().make(sessionAffinity="ClientIP", ports=PORTS)["spec"]
    assert spec["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10800}}


def test_headless_and_external_services_get_nothing() -> None:
    """Neither address nor node port."""
    services = Services()
    headless = services.make(clusterIP="None")["spec"]
    assert headless["clusterIPs"] == ["None"]
    external = services.make(type="ExternalName", externalName="example.com")["spec"]
    assert "clusterIP" not in external and "ipFamilies" not in external


def test_node_ports_of_one_port_under_two_protocols_are_one() -> None:
    """DNS servers like it so."""
    ports = [{"name": "u", "port": 53, "protocol": "UDP"}, {"name": "t", "port": 53, "protocol": "TCP"}]
    made = Services().make(type="NodePort", ports=ports)["spec"]["ports"]
    assert made[0]["nodePort"] == made[1]["nodePort"]


@pytest.mark.parametrize(("spec", "wrong"), [
    ({}, ["spec.ports: Required value"]),
    ({"ports": [{"port": 0}]}, ["spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
                                "spec.ports[0].targetPort: Invalid value: 0: must be between 1 and 65535, inclusive"]),
    ({"ports": [{"port": 1}, {"port": 2, "name": "b"}]}, ["spec.ports[0].name: Required value"]),
    ({"ports": [{"port": 1, "name": "a"}, {"port": 2, "name": "a"}]},
     ['spec.ports[1].name: Duplicate value: "a"']),
    ({"ports": [{"port": 1, "nodePort": 30000}]},
     ["spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"]),
    ({"ports": PORTS, "sessionAffinity": "ClientIP",
      "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 0}}},
     ["spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less than "
      "86400"]),
    ({"ports": PORTS, "externalIPs": ["127.0.0.1"]},
     ['spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)']),
    ({"ports": PORTS, "loadBalancerSourceRanges": ["10.0.0.0/8"]},
     ["spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'"]),
    ({"ports": PORTS, "externalTrafficPolicy": "Local"},
     ['spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services']),
    ({"ports": PORTS, "healthCheckNodePort": 30000},
     ["spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and "
      "`externalTrafficPolicy` is 'Local'"]),
    ({"type": "ExternalName"}, ["spec.externalName: Required value"]),
    ({"type": "NodePort", "clusterIP": "None", "ports": PORTS},
     ["spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for NodePort services"]),
    ({"ports": PORTS, "trafficDistribution": "Random"},
     ['spec.trafficDistribution: Unsupported value: "Random": supported values: "PreferClose", "PreferSameZone", '
      '"PreferSameNode"']),
    ({"type": "ExternalName", "externalName": "a.example.com", "ipFamilyPolicy": ""},
     ["spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services"]),
])
def test_rules(spec: Tree, wrong: list[str]) -> None:
    """Each with upstream's words and path."""
    assert Services().refusal(**spec) == wrong


def test_addresses_that_cannot_be_had() -> None:
    """A refusal shows the whole list and says why."""
    services = Services()
    taken = services.make(ports=PORTS)["spec"]["clusterIP"]
    for text, why in ((taken, "provided IP is already allocated"),
                      ("10.1.0.1", "the provided network does not match the current range")):
        assert services.refusal(ports=PORTS, clusterIP=text) == [
            f'spec.clusterIPs: Invalid value: ["{text}"]: failed to allocate IP {text}: {why}']


def test_a_taken_node_port_is_refused() -> None:
    """By index."""
    services = Services()
    services.make(type="NodePort", ports=[{"port": 80, "nodePort": 30005}])
    assert services.refusal(type="NodePort", ports=[{"port": 80, "nodePort": 30005}]) == [
        "spec.ports[0].nodePort: Invalid value: 30005: provided port is already allocated"]


def test_two_families() -> None:
    """What a policy gets on a cluster with two ranges, in the order asked for."""
    services = Services(DUAL)
    both = services.make(ports=PORTS, ipFamilyPolicy="PreferDualStack")["spec"]
    assert both["ipFamilies"] == ["IPv4", "IPv6"] and both["clusterIPs"][1].startswith("fd00::")
    turned = services.make(ports=PORTS, ipFamilyPolicy="RequireDualStack", ipFamilies=["IPv6"])["spec"]
    assert turned["ipFamilies"] == ["IPv6", "IPv4"] and turned["clusterIP"] == turned["clusterIPs"][0]
    assert services.make(ports=PORTS, ipFamilies=["IPv6"])["spec"]["ipFamilyPolicy"] == "SingleStack"


def test_one_family_cannot_be_two() -> None:
    """Required is refused, preferred gets what there is."""
    services = Services()
    assert services.make(ports=PORTS, ipFamilyPolicy="PreferDualStack")["spec"]["ipFamilies"] == ["IPv4"]
    assert services.refusal(ports=PORTS, ipFamilyPolicy="RequireDualStack") == [
        'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for dual-stack '
        "services"]


def test_types_change_into_each_other() -> None:
    """Node ports and the address go with the type, and come back with it."""
    services = Services()
    first = services.make(type="NodePort", ports=PORTS)
    address = first["spec"]["clusterIP"]
    inner = services.change(first, type="ClusterIP", ports=PORTS)
    assert inner["spec"]["clusterIP"] == address and "nodePort" not in inner["spec"]["ports"][0]
    outer = services.change(inner, type="ExternalName", externalName="example.com")
    assert "clusterIP" not in outer["spec"]
    assert services.make(ports=PORTS, clusterIP=address)["spec"]["clusterIP"] == address
    again = services.change(outer, type="LoadBalancer", ports=PORTS)
    assert again["spec"]["clusterIP"] not in ("", address) and again["spec"]["ports"][0]["nodePort"]


def test_node_ports_stay_when_an_update_leaves_them_out() -> None:
    """A client that PUTs its manifest again loses nothing."""
    services = Services()
    old = services.make(type="NodePort", ports=PORTS)
    new = services.change(old, type="NodePort", ports=[{"port": 80, "targetPort": 8080}])
    assert new["spec"]["ports"][0]["nodePort"] == old["spec"]["ports"][0]["nodePort"]


def test_the_address_never_changes() -> None:
    """Only by way of ExternalName."""
    services = Services()
    old = services.make(ports=PORTS, clusterIP="10.0.0.50")
    with pytest.raises(APIError) as refused:
        services.change(old, ports=PORTS, clusterIP="10.0.0.51")
    assert causes(refused.value) == [
        'spec.clusterIPs[0]: Invalid value: ["10.0.0.51"]: may not change once set']


def test_a_refused_service_keeps_nothing() -> None:
    """What validation refuses gives back what was taken before."""
    services = Services()
    services.refusal(type="NodePort", ports=[{"port": 80, "nodePort": 30005}], clusterIP="10.0.0.9",
                     sessionAffinity="Odd")
    assert services.make(type="NodePort", ports=[{"port": 80, "nodePort": 30005}], clusterIP="10.0.0.9")


def test_a_dry_run_takes_nothing() -> None:
    """The same explicit values may be asked for again; what is shown is no real address."""
    services = Services()
    for _ in range(2):
        services.make(dry_run=True, type="NodePort", ports=[{"port": 80, "nodePort": 30005}], clusterIP="10.0.0.9")
    shown = services.make(dry_run=True, type="NodePort", ports=PORTS)["spec"]
    assert (shown["clusterIP"], shown["ports"][0]["nodePort"]) == ("10.0.0.0", 32769)


def test_a_lost_race_gives_its_port_back() -> None:
    """Two clients create the same service at once: one wins, the other one's node port is free again."""
    kind = Kind("services")
    store: Store = kind.rooms[""]

    def post(name: str, port: int) -> Awaitable[Object]:
        spec = {"type": "NodePort", "ports": [{"port": 80, "nodePort": port}]}
        body = kind.decoded({"metadata": {"name": name, "namespace": "ns"}, "spec": spec})
        return store.create(kind.context(), "", body, lambda obj, old: None, CreateOptions())

    async def race() -> None:
        await kind.start()
        outcomes = await asyncio.gather(post("s", 30001), post("s", 30002), return_exceptions=True)
        lost = [port for port, outcome in zip((30001, 30002), outcomes, strict=True) if isinstance(outcome, APIError)]
        assert len(lost) == 1
        await post("other", lost[0])
        with pytest.raises(APIError, match="provided port is already allocated"):
            await post("third", lost[0])

    asyncio.run(race())


def test_ports_of_services_count_although_nobody_noted_them() -> None:
    """A storage without the bitmap (of an older server) gets it from the services."""
    made = Services().make(type="NodePort", ports=PORTS)
    later = Services()
    later.stored.append(made)
    port = made["spec"]["ports"][0]["nodePort"]
    assert later.refusal(type="NodePort", ports=[{"port": 80, "nodePort": port}])


def test_only_load_balancers_report() -> None:
    """Status of others is refused; an IP without a mode gets one."""
    services = Services()
    points = {"status": {"loadBalancer": {"ingress": [{"ip": "1.2.3.4"}]}}}
    assert services.refused_update(services.make(ports=PORTS), points, "status") == [
        "status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'"]
    balanced = services.make(type="LoadBalancer", ports=PORTS)
    status = services.update(balanced, points, "status")["status"]
    assert status == {"loadBalancer": {"ingress": [{"ip": "1.2.3.4", "ipMode": "VIP"}]}}


def test_warnings() -> None:
    """Fields that do nothing where they stand."""
    services = Services()
    services.make(clusterIP="None", ports=PORTS, externalIPs=["1.2.3.4"])
    assert services.warnings == ["spec.externalIPs is ignored for headless services"]
    services.make(type="ExternalName", externalName="a.b", trafficDistribution="PreferClose")
    assert services.warnings == [
        'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"']
