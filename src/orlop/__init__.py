"""orlop: a Kubernetes-compatible API server in Python.

What programs and tests use is here; everything is imported at its first use, so that `import orlop` costs nothing.

    with orlop.Server.in_thread() as server:           # a real server on a free port, in memory
        subprocess.run(["kubectl", "--kubeconfig", server.kubeconfig, "get", "namespaces"])

    async with orlop.Server(listen=False) as server:   # no socket at all
        reply = await server.request("GET", "/api/v1/namespaces")
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing for it would be most of what importing orlop costs
if TYPE_CHECKING:
    from typing import Any

    from orlop.embedding import Reply, Server, ThreadedServer, Watch
    from orlop.server.config import Config
    from orlop.server.snapshots import Snapshot

__version__ = "0.1.0"
__all__ = ["Config", "Reply", "Server", "Snapshot", "ThreadedServer", "Watch", "__version__"]

_HOMES = {
    "Config": "orlop.server.config",
    "Reply": "orlop.embedding",
    "Server": "orlop.embedding",
    "Snapshot": "orlop.server.snapshots",
    "ThreadedServer": "orlop.embedding",
    "Watch": "orlop.embedding",
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
