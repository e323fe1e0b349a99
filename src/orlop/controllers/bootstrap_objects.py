"""The objects that are the same on every fresh server, as packaged (`data/bootstrap-1.36.json.gz`, dumped from a
kube-apiserver).

Read by `bootstrap` at start and by `flow_configuration`. Behaviour: kubernetes `plugin/pkg/auth/authorizer/rbac/
bootstrappolicy`, apiserver `pkg/apis/flowcontrol/bootstrap`.
"""

from __future__ import annotations

import orjson

from orlop import data
from orlop.api.tree import Tree

_METADATA = ("name", "namespace", "labels", "annotations")


def static_object(source: Tree) -> Tree:
    """A dumped object as a manifest: metadata put back where it belongs, status left out."""
    obj: Tree = {"metadata": {name: source[name] for name in _METADATA if name in source}}
    obj |= {name: value for name, value in source.items() if name not in (*_METADATA, "status")}
    return obj


def packaged() -> dict[str, list[Tree]]:
    """All of them by plural, fresh and the caller's own."""
    found: dict[str, list[Tree]] = orjson.loads(data.load("bootstrap-1.36.json.gz"))
    return {plural: [static_object(source) for source in sources] for plural, sources in found.items()}
