"""A kubeconfig for the programs of a pod in process mode, with the rights of the pod's service account.

Called by `process_runtime`. The usual place of tokens, /var/run/secrets/kubernetes.io/serviceaccount, cannot be had
without containers; clients that heed KUBECONFIG find the server all the same.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import orjson

from orlop.node.identity import Identity
from orlop.node.runtime import Run

_MOUNT: Final = "/var/run/secrets/kubernetes.io/serviceaccount"


def write_kubeconfig(home: Path, run: Run, volumes: Mapping[str, Path], identity: Identity) -> Path | None:
    """None when the container has no token, or the server's address is not known. Raises OSError."""
    mounted = next((m["name"] for m in run.container.get("volumeMounts") or () if m["mountPath"] == _MOUNT), "")
    token = volumes.get(mounted, home) / "token"
    if not identity.server or not token.is_file():
        return None
    authority = base64.b64encode(identity.authority).decode()
    named = {"cluster": "orlop", "user": "pod", "namespace": run.pod["metadata"]["namespace"]}
    config = {"apiVersion": "v1", "kind": "Config", "current-context": "pod",
              "clusters": [{"name": "orlop", "cluster": {"server": identity.server,
                                                         "certificate-authority-data": authority}}],
              "users": [{"name": "pod", "user": {"tokenFile": str(token)}}],
              "contexts": [{"name": "pod", "context": named}]}
    path = home / "kubeconfig"
    path.write_bytes(orjson.dumps(config))
    path.chmod(0o600)
    return path
