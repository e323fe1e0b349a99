"""What is measured: request number `i` of each workload, as bytes.

Read by the client processes, which make the requests, and by `run`, which says how many. The objects have the size of
real ones: a ConfigMap of 1.2 kB, a pod of about 3 kB as stored.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from measured_server import Target

NAMESPACE = "bench"
LISTED = "bench-lists"
FAN = "bench-fan"
LOADED = 2000
"""Pods in the namespace whose lists are measured."""
GROUPS = 100
"""Values of the label that list-label selects by."""
JSON = "application/json"
TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


def request(target: Target, method: str, path: str, body: Any = None, kind: str = JSON, accept: str = JSON) -> bytes:
    head = (f"{method} {path} HTTP/1.1\r\nHost: {target.host}:{target.port}\r\nAuthorization: Bearer {target.token}\r\n"
            f"Accept: {accept}\r\nUser-Agent: orlop-bench\r\n")
    if body is None:
        return f"{head}\r\n".encode()
    text = json.dumps(body, separators=(",", ":")).encode()
    return f"{head}Content-Type: {kind}\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text


def namespace(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def config_map(name: str, size: int = 1200, label: str = "bench") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"app": label}},
            "data": {"payload": "x" * size}}


def pod(name: str, i: int) -> dict[str, Any]:
    settings = [{"name": f"SETTING_{n}", "value": f"value of setting number {n}"} for n in range(12)]
    container = {
        "name": "web", "image": "registry.example/web:1.2.3", "args": ["--port=8080", "--log=info"], "env": settings,
        "ports": [{"containerPort": 8080, "name": "http"}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "256Mi"}},
        "readinessProbe": {"httpGet": {"path": "/ready", "port": "http"}, "periodSeconds": 5},
        "volumeMounts": [{"name": "config", "mountPath": "/etc/web"}, {"name": "tmp", "mountPath": "/tmp"}],
    }
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": {"app": "bench", "group": f"g{i % GROUPS}", "tier": "web"},
                     "annotations": {"example.com/hash": "0123456789abcdef0123456789abcdef"}},
        "spec": {"automountServiceAccountToken": False, "serviceAccountName": "default", "containers": [container],
                 "volumes": [{"name": "config", "configMap": {"name": "web"}}, {"name": "tmp", "emptyDir": {}}],
                 "tolerations": [{"key": "dedicated", "operator": "Exists"}]},
    }


def maps(name: str = "") -> str:
    return f"/api/v1/namespaces/{NAMESPACE}/configmaps" + (f"/{name}" if name else "")


def pods(in_namespace: str, name: str = "") -> str:
    return f"/api/v1/namespaces/{in_namespace}/pods" + (f"/{name}" if name else "")


def get(target: Target, i: int) -> bytes:
    return request(target, "GET", maps("fixed"))


def create_config_map(target: Target, i: int) -> bytes:
    return request(target, "POST", maps(), config_map(f"c{i:06}"))


def update_config_map(target: Target, i: int) -> bytes:
    return request(target, "PUT", maps(f"c{i:06}"), config_map(f"c{i:06}", 1201))


def patch_config_map(target: Target, i: int) -> bytes:
    return request(target, "PATCH", maps(f"c{i:06}"), {"data": {"k": str(i)}}, "application/merge-patch+json")


def delete_config_map(target: Target, i: int) -> bytes:
    return request(target, "DELETE", maps(f"c{i:06}"))


def create_pod(target: Target, i: int) -> bytes:
    return request(target, "POST", pods(NAMESPACE), pod(f"p{i:06}", i))


def patch_pod_status(target: Target, i: int) -> bytes:
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    return request(target, "PATCH", f"{pods(NAMESPACE, f'p{i:06}')}/status", {"status": status},
                   "application/strategic-merge-patch+json")


def load_pod(target: Target, i: int) -> bytes:
    return request(target, "POST", pods(LISTED), pod(f"p{i:06}", i))


def fan_maps() -> str:
    return f"/api/v1/namespaces/{FAN}/configmaps"


def fan_event(target: Target, i: int) -> bytes:
    return request(target, "POST", fan_maps(), config_map(f"f{i:06}", label="fan"))


def fan_watch(target: Target) -> bytes:
    return request(target, "GET", fan_maps() + "?watch=1&labelSelector=app%3Dfan")


def listing(query: str = "", accept: str = JSON) -> Callable[[Target, int], bytes]:
    return lambda target, i: request(target, "GET", pods(LISTED) + query, accept=accept)


class Workload(NamedTuple):
    """`operations` at scale 1. `about` is what one operation is."""

    name: str
    make: Callable[[Target, int], bytes]
    operations: int
    about: str


WORKLOADS = (
    Workload("get", get, 8000, "GET one ConfigMap of 1.2 kB"),
    Workload("create-configmap", create_config_map, 4000, "POST a ConfigMap of 1.2 kB"),
    Workload("update-configmap", update_config_map, 4000, "PUT it with another value"),
    Workload("patch-configmap", patch_config_map, 4000, "PATCH it with a merge patch of one key"),
    Workload("create-pod", create_pod, 3000, "POST a pod of 3 kB"),
    Workload("patch-pod-status", patch_pod_status, 3000, "PATCH its status, strategic merge"),
    Workload("list-all", listing(), 40, f"LIST {LOADED:,} pods"),
    Workload("list-page", listing("?limit=100"), 600, "LIST 100 of them"),
    Workload("list-label", listing("?labelSelector=group%3Dg7"), 2000, f"LIST the {LOADED // GROUPS} with a label"),
    Workload("list-field", listing("?fieldSelector=metadata.name%3Dp000042"), 4000, "LIST the one with a name"),
    Workload("list-table", listing("?limit=500", TABLE), 60, "LIST 500 of them as kubectl's table"),
    Workload("delete-configmap", delete_config_map, 4000, "DELETE a ConfigMap"),
)
SETUP = {"load-pods": load_pod, "fan-event": fan_event}
BY_NAME = {**SETUP, **{workload.name: workload.make for workload in WORKLOADS}}
