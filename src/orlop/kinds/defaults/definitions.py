"""Defaults of CustomResourceDefinitions.

Applied by the compiled walk (`schema.compile_defaults`). Behaviour: apiextensions-apiserver
`pkg/apis/apiextensions/v1/defaults.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from orlop.api.tree import Tree

_HTTPS: Final = 443


def _definition(definition: Tree) -> None:
    spec = definition.get("spec") or {}
    _names(spec.get("names") or {})
    if spec and spec.get("conversion") is None:
        spec["conversion"] = {"strategy": "None"}
    status = definition.get("status")
    if status is None or status.get("storedVersions"):
        return
    storage = next((version for version in spec.get("versions") or () if version.get("storage")), None)
    if storage is not None:
        status["storedVersions"] = [storage.get("name") or ""]


def _names(names: Tree) -> None:
    kind = names.get("kind") or ""
    if not names.get("singular") and kind:
        names["singular"] = kind.lower()
    if not names.get("listKind") and kind:
        names["listKind"] = f"{kind}List"


def _service(service: Tree) -> None:
    if service.get("port") is None:
        service["port"] = _HTTPS


_V1: Final = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1."

DEFAULTERS: Final[Mapping[str, Callable[[Tree], None]]] = {
    _V1 + "CustomResourceDefinition": _definition,
    _V1 + "ServiceReference": _service,
}
