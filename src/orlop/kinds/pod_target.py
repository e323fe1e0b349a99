"""Which pod and which of its containers a room means.

Used by logs, exec, attach, port-forward and the proxy. Texts: kubernetes `pkg/registry/core/pod/strategy.go`
(validateContainer, streamLocation), apimachinery `pkg/util/net` SplitSchemeNamePort.
"""

from __future__ import annotations

from typing import Final

from orlop.api import errors
from orlop.api.context import Context
from orlop.api.options import GetOptions
from orlop.api.tree import Tree
from orlop.kinds.pod_rules.visits import containers_of
from orlop.registry.store import Store
from orlop.storage.interface import Entry

_SCHEMES: Final = ("", "http", "https")


def find(store: Store, ctx: Context, name: str) -> Tree:
    """The object as stored now. Raises 404."""
    found = store.get(ctx, name, GetOptions())
    return found.tree() if isinstance(found, Entry) else {}


def container(pod: Tree, wanted: str) -> str:
    """The container's name, the only one when none is given. Raises 400."""
    name, spec = pod["metadata"]["name"], pod.get("spec") or {}
    if wanted:
        if all(c.get("name") != wanted for c in containers_of(spec)):
            raise errors.bad_request(f"container {wanted} is not valid for pod {name}")
        return wanted
    regular: list[Tree] = spec.get("containers") or []
    if len(regular) == 1:
        return str(regular[0].get("name") or "")
    text = f"a container name must be specified for pod {name}"
    if regular:
        listed = " ".join(c.get("name") or "" for c in containers_of(spec))
        text = f"{text}, choose one of: [{listed}]"
    raise errors.bad_request(text)


def node(pod: Tree, name: str) -> str:
    """Where the pod runs. Raises 400 when that is nowhere yet."""
    host = (pod.get("spec") or {}).get("nodeName")
    if not host:
        raise errors.bad_request(f"pod {name} does not have a host assigned")
    return str(host)


def split(text: str) -> tuple[str, str, str] | None:
    """(scheme, name, port) of "name", "name:port" or "scheme:name:port"; None for anything else."""
    parts = text.split(":")
    if len(parts) > 3:
        return None
    scheme = parts.pop(0) if len(parts) == 3 else ""
    name, port = parts[0], ":".join(parts[1:])
    return (scheme, name, port) if name and scheme in _SCHEMES else None
