"""orlop: a Kubernetes-compatible API server in Python.

What programs and tests use is here; everything is imported at its first use, so that `import orlop` costs nothing.

    with orlop.Server.in_thread() as server:           # a real server on a free port, in memory
        subprocess.run(["kubectl", "--kubeconfig", server.kubeconfig, "get", "namespaces"])

    async with orlop.Server(listen=False) as server:   # no socket at all
        reply = await server.request("GET", "/api/v1/namespaces")

    @orlop.kind(group="shop.example.com")              # a typed class as a kind of Kubernetes
    class Widget(msgspec.Struct): ...
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing for it would be most of what importing orlop costs
if TYPE_CHECKING:
    from typing import Any

    from orlop.declared.columns import Column, Scale
    from orlop.declared.definition import crd
    from orlop.declared.errors import DeclarationError, Problem, Refused
    from orlop.declared.functions import Write, before, validates
    from orlop.declared.kind import kind, version
    from orlop.declared.markers import (
        Atomic,
        Embedded,
        Immutable,
        ListMap,
        ListSet,
        PreserveUnknown,
        Rule,
        Schema,
    )
    from orlop.declared.printing import crd_yaml
    from orlop.embedding import Reply, Server, ThreadedServer, Watch, serve
    from orlop.server.config import Config
    from orlop.server.snapshots import Snapshot

__version__ = "0.1.0"
__all__ = [
    "Atomic", "Column", "Config", "DeclarationError", "Embedded", "Immutable", "ListMap", "ListSet",
    "PreserveUnknown", "Problem", "Refused", "Reply", "Rule", "Scale", "Schema", "Server", "Snapshot",
    "ThreadedServer", "Watch", "Write", "__version__", "before", "crd", "crd_yaml", "kind", "serve",
    "validates", "version",
]

_HOMES = {
    "Atomic": "orlop.declared.markers",
    "Column": "orlop.declared.columns",
    "Config": "orlop.server.config",
    "DeclarationError": "orlop.declared.errors",
    "Embedded": "orlop.declared.markers",
    "Immutable": "orlop.declared.markers",
    "ListMap": "orlop.declared.markers",
    "ListSet": "orlop.declared.markers",
    "PreserveUnknown": "orlop.declared.markers",
    "Problem": "orlop.declared.errors",
    "Refused": "orlop.declared.errors",
    "Reply": "orlop.embedding",
    "Rule": "orlop.declared.markers",
    "Scale": "orlop.declared.columns",
    "Schema": "orlop.declared.markers",
    "Server": "orlop.embedding",
    "Snapshot": "orlop.server.snapshots",
    "ThreadedServer": "orlop.embedding",
    "Watch": "orlop.embedding",
    "Write": "orlop.declared.functions",
    "before": "orlop.declared.functions",
    "crd": "orlop.declared.definition",
    "crd_yaml": "orlop.declared.printing",
    "kind": "orlop.declared.kind",
    "serve": "orlop.embedding",
    "validates": "orlop.declared.functions",
    "version": "orlop.declared.kind",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'orlop' has no attribute {name!r}")
    from importlib import import_module

    value = globals()[name] = getattr(import_module(home), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
