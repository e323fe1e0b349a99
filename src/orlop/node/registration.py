"""The node itself as an object: made at the start, kept fresh by heartbeats, marked not ready at the end.

Run by `run` beside the agent. Heartbeats are renewals of a Lease in kube-node-lease; the status is written when it is
due, less often. Behaviour: kubernetes `pkg/kubelet/kubelet_node_status.go`, `pkg/kubelet/nodestatus/setters.go`,
component-helpers `apimachinery/lease`. A new node is tainted as not ready by the API server; in a cluster
kube-controller-manager takes that away, here the node does so itself.
"""

from __future__ import annotations

import asyncio
import logging
import platform
from typing import Final

from orlop import __version__
from orlop.api import times as instants
from orlop.api.times import Instant
from orlop.api.tree import Tree
from orlop.node.api import STRATEGIC, Api, APIUnavailable
from orlop.node.settings import NodeSettings
from orlop.registry import times
from orlop.world.clock import Clock

log = logging.getLogger(__name__)

LEASE_SECONDS: Final = 40
NOT_READY: Final = "node.kubernetes.io/not-ready"
LEASES: Final = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
VERSION: Final = "v1.36.0"
"""The kubelet's that this behaves like."""
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
_PRESSURES: Final = (("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
                     ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                     ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"))


class NodeUnregistered(Exception):
    """The API server does not take the node; the text says why."""


class Registration:
    """`port`: where the kubelet endpoint listens."""

    def __init__(self, settings: NodeSettings, api: Api, clock: Clock, port: int) -> None:
        self._settings, self._api, self._clock, self._port = settings, api, clock, port
        self._changed: dict[str, tuple[str, str]] = {}

    @property
    def _path(self) -> str:
        return f"/api/v1/nodes/{self._settings.name}"

    async def register(self) -> None:
        """Raises NodeUnregistered and APIUnavailable."""
        reply = await self._api.request("POST", "/api/v1/nodes", self._node())
        if reply.status == 409:
            reply = await self._api.request("PATCH", self._path, await self._change(), STRATEGIC)
        if not reply.ok:
            raise NodeUnregistered(reply.message)
        await self._write_status(ready=True)
        await self._untaint()
        await self._renew(reply.tree["metadata"]["uid"])

    async def _change(self) -> Tree:
        """Of the node that is there already."""
        change: Tree = {"metadata": {"labels": self._labels()}}
        found = await self._api.request("GET", self._path)
        if not (found.tree.get("spec") or {}).get("podCIDR"):  # once it is there it cannot be changed
            change["spec"] = self._pod_cidr()
        return change

    async def run(self) -> None:
        """Heartbeats, for ever."""
        due = self._clock.monotonic() + self._settings.status_interval
        while True:
            await asyncio.sleep(self._settings.heartbeat)
            try:
                await self._renew("")
                if self._clock.monotonic() >= due:
                    await self._write_status(ready=True)
                    due = self._clock.monotonic() + self._settings.status_interval
            except APIUnavailable as error:
                log.warning("node %s: no heartbeat: %s", self._settings.name, error)

    async def sign_off(self) -> None:
        """The node ends: it is not ready any more."""
        try:
            await self._write_status(ready=False)
        except APIUnavailable as error:
            log.info("node %s: %s", self._settings.name, error)

    # --- writes --------------------------------------------------------------------------------------------------

    async def _write_status(self, ready: bool) -> None:
        reply = await self._api.request("PATCH", self._path + "/status", {"status": self._status(ready)}, STRATEGIC)
        if reply.status == 404 and ready:  # somebody deleted the node: it is still here
            reply = await self._api.request("POST", "/api/v1/nodes", self._node())
            await self._untaint()
        if not reply.ok:
            log.warning("node %s: status refused: %s", self._settings.name, reply.message)

    async def _untaint(self) -> None:
        reply = await self._api.request("GET", self._path)
        taints = (reply.tree.get("spec") or {}).get("taints") or []
        kept = [taint for taint in taints if taint.get("key") != NOT_READY]
        if reply.ok and len(kept) != len(taints):
            change = {"metadata": {"resourceVersion": reply.tree["metadata"]["resourceVersion"]},
                      "spec": {"taints": kept or None}}
            merged = await self._api.request("PATCH", self._path, change, "application/merge-patch+json")
            if not merged.ok:
                log.warning("node %s: still tainted: %s", self._settings.name, merged.message)

    async def _renew(self, uid: str) -> None:
        name, now = self._settings.name, self._clock.now()
        stamp = instants.micro_text(Instant(int(now), int(now % 1 * 1e9)))
        spec = {"holderIdentity": name, "leaseDurationSeconds": LEASE_SECONDS, "renewTime": stamp}
        reply = await self._api.request("PATCH", f"{LEASES}/{name}", {"spec": spec}, STRATEGIC)
        if reply.status == 404:
            metadata: Tree = {"name": name}
            if uid:
                metadata["ownerReferences"] = [{"apiVersion": "v1", "kind": "Node", "name": name, "uid": uid}]
            reply = await self._api.request("POST", LEASES, {"metadata": metadata, "spec": spec})
        if not reply.ok:
            log.warning("node %s: lease refused: %s", name, reply.message)

    # --- the object ----------------------------------------------------------------------------------------------

    def _labels(self) -> dict[str, str]:
        name = self._settings.name
        own = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": _architecture(),
               "beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": _architecture(),
               "orlop.dev/node-mode": self._settings.mode}
        return {**own, **self._settings.labels}

    def _pod_cidr(self) -> Tree:
        block = self._settings.block
        return {} if block is None else {"podCIDR": str(block), "podCIDRs": [str(block)]}

    def _node(self) -> Tree:
        node: Tree = {"apiVersion": "v1", "kind": "Node",
                      "metadata": {"name": self._settings.name, "labels": self._labels()},
                      "spec": {"providerID": f"orlop://{self._settings.name}", **self._pod_cidr()},
                      "status": self._status(True)}
        if self._settings.taints:
            node["spec"]["taints"] = [dict(taint) for taint in self._settings.taints]
        return node

    def _status(self, ready: bool) -> Tree:
        found = self._settings
        resources = {"cpu": found.cpu, "memory": found.memory, "pods": str(found.pods), "ephemeral-storage": "100Gi"}
        return {
            "capacity": resources, "allocatable": resources,
            "addresses": [{"type": "InternalIP", "address": found.address},
                          {"type": "Hostname", "address": found.address}],
            "conditions": self._conditions(ready),
            "daemonEndpoints": {"kubeletEndpoint": {"Port": self._port}},
            "nodeInfo": {
                "architecture": _architecture(), "bootID": "", "containerRuntimeVersion":
                f"{found.scheme}://{__version__}", "kernelVersion": platform.release(), "kubeProxyVersion": "",
                "kubeletVersion": VERSION, "machineID": "", "operatingSystem": "linux",
                "osImage": f"orlop {__version__} ({found.mode} mode)", "systemUUID": ""}}

    def _conditions(self, ready: bool) -> list[Tree]:
        wanted = [(kind, "False", reason, message) for kind, reason, message in _PRESSURES]
        wanted.append(("Ready", "True", "KubeletReady", "kubelet is posting ready status") if ready else
                      ("Ready", "False", "KubeletNotReady", "node is shutting down"))
        now = times.text(self._clock.now())
        return [self._condition(*one, now) for one in wanted]

    def _condition(self, kind: str, status: str, reason: str, message: str, now: str) -> Tree:
        former, since = self._changed.get(kind, ("", ""))
        if former != status:
            since = now
            self._changed[kind] = status, since
        return {"type": kind, "status": status, "reason": reason, "message": message, "lastHeartbeatTime": now,
                "lastTransitionTime": since}


def _architecture() -> str:
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)
