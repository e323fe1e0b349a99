"""The environment of a container's processes in process mode, and what its command becomes with it.

Called by `process_runtime`. Values come from the pod, from config maps and secrets. Behaviour: kubernetes
`pkg/kubelet/kubelet_pods.go` (makeEnvironmentVariables), `third_party/forked/golang/expansion`. Variables of services
are not set: their addresses lead nowhere without a service proxy.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Final

from orlop.api import quantity
from orlop.api.tree import Tree
from orlop.node.runtime import StartFailure
from orlop.node.sources import Sources

INHERITED: Final = ("PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV")
"""What processes have of the node's own environment; nothing else."""
_REFERENCE: Final = re.compile(r"\$\$|\$\(([^)]*)\)")
_SUBSCRIPT: Final = re.compile(r"metadata\.(labels|annotations)\['(.*)'\]")
_CONFIG_ERROR: Final = "CreateContainerConfigError"


def expand(text: str, variables: Mapping[str, str]) -> str:
    """`$(NAME)` becomes the variable's value, `$$` a dollar; what is not known stays."""
    def one(match: re.Match[str]) -> str:
        if match[0] == "$$":
            return "$"
        return variables.get(match[1], match[0])

    return _REFERENCE.sub(one, text)


def inherited() -> dict[str, str]:
    return {name: os.environ[name] for name in INHERITED if name in os.environ}


def field_of(pod: Tree, path: str, place: Mapping[str, str]) -> str:
    """The downward API. `place`: hostIP, podIP and nodeName. Raises StartFailure."""
    metadata, spec = pod["metadata"], pod["spec"]
    if match := _SUBSCRIPT.fullmatch(path):
        return str((metadata.get(match[1]) or {}).get(match[2], ""))
    if path in ("metadata.labels", "metadata.annotations"):
        members = metadata.get(path.partition(".")[2]) or {}
        return "\n".join(f'{key}="{value}"' for key, value in sorted(members.items()))
    known = {"metadata.name": metadata["name"], "metadata.namespace": metadata["namespace"],
             "metadata.uid": metadata["uid"], "spec.nodeName": spec.get("nodeName") or "",
             "spec.serviceAccountName": spec.get("serviceAccountName") or "", "status.hostIP": place["hostIP"],
             "status.hostIPs": place["hostIP"], "status.podIP": place["podIP"], "status.podIPs": place["podIP"]}
    if path not in known:
        raise StartFailure(_CONFIG_ERROR, f"unsupported fieldPath: {path}")
    return str(known[path])


def resource_of(container: Tree, reference: Tree) -> str:
    """A limit or request in units of the divisor, rounded up; 0 when there is none."""
    kind, _, name = (reference.get("resource") or "").partition(".")
    resources = container.get("resources") or {}
    text = (resources.get(kind) or {}).get(name) or (resources.get("limits") or {}).get(name)
    if not text:
        return "0"
    divisor = quantity.parse(str(reference.get("divisor") or "1"))
    unit = divisor.value(-9) or 10**9
    return str(-(-quantity.parse(str(text)).value(-9) // unit))


async def variables_of(pod: Tree, container: Tree, sources: Sources, place: Mapping[str, str],
                       base: Mapping[str, str]) -> dict[str, str]:
    """`base` and the container's own. Raises StartFailure."""
    namespace = pod["metadata"]["namespace"]
    found: dict[str, str] = {}
    for origin in container.get("envFrom") or ():
        for kind in ("configMap", "secret"):
            reference = origin.get(kind + "Ref")
            if reference is not None:
                data = await sources.data(kind, namespace, reference["name"], bool(reference.get("optional")))
                prefix = origin.get("prefix") or ""
                found |= {prefix + key: value.decode(errors="replace") for key, value in data.items()}
    for one in container.get("env") or ():
        value = await _value(one, pod, container, sources, place, {**base, **found})
        if value is not None:
            found[one["name"]] = value
    return {**base, **found}


async def _value(one: Tree, pod: Tree, container: Tree, sources: Sources, place: Mapping[str, str],
                 known: Mapping[str, str]) -> str | None:
    origin = one.get("valueFrom")
    if not origin:
        return expand(one.get("value") or "", known)
    if field := origin.get("fieldRef"):
        return field_of(pod, field.get("fieldPath") or "", place)
    if resource := origin.get("resourceFieldRef"):
        return resource_of(container, resource)
    for kind in ("configMap", "secret"):
        reference = origin.get(kind + "KeyRef")
        if reference is None:
            continue
        namespace, optional = pod["metadata"]["namespace"], bool(reference.get("optional"))
        data = await sources.data(kind, namespace, reference["name"], optional)
        if reference["key"] in data:
            return data[reference["key"]].decode(errors="replace")
        if not optional:
            word = "ConfigMap" if kind == "configMap" else "Secret"
            raise StartFailure(_CONFIG_ERROR,
                               f"couldn't find key {reference['key']} in {word} {namespace}/{reference['name']}")
        return None
    raise StartFailure(_CONFIG_ERROR, f"env {one['name']} has a source that this node does not know")
