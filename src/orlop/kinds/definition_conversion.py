"""The two forms of a CustomResourceDefinition: v1, which is served, and v1beta1, which is stored.

Called by `stored_form` around every read and write of one in etcd, and by nothing else: v1beta1 is not served. Each
function owns the tree it gets. Behaviour: apiextensions-apiserver `pkg/apis/apiextensions/{v1,v1beta1}/conversion.go`
and the defaults of v1beta1, which upstream fills in when it reads. What all versions have in common stands once in a
v1beta1 spec, and in every version of a v1 spec.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from orlop.api.tree import Tree

_SHARED: Final = (("schema", "validation"), ("subresources", "subresources"),
                  ("additionalPrinterColumns", "additionalPrinterColumns"), ("selectableFields", "selectableFields"))
"""Members of a version in v1, and where they stand in a v1beta1 spec when all versions agree."""
_BETA_ORDER: Final = ("group", "version", "names", "scope", "validation", "subresources", "versions",
                      "additionalPrinterColumns", "selectableFields", "conversion", "preserveUnknownFields")
_ORDER: Final = ("group", "names", "scope", "versions", "conversion", "preserveUnknownFields")
_VERSION_ORDER: Final = ("name", "served", "storage", "deprecated", "deprecationWarning", "schema", "subresources",
                         "additionalPrinterColumns", "selectableFields")
_COLUMNS: Final = "additionalPrinterColumns"
_HTTPS: Final = 443


def to_beta(definition: Tree) -> Tree:
    """v1 to v1beta1."""
    spec: Tree = definition.get("spec") or {}
    versions: list[Tree] = spec.get("versions") or []
    if versions:
        spec["version"] = versions[0].get("name") or ""
    for name, common in _SHARED:
        shared = versions[0].get(name) if versions else None
        if all(_same(version.get(name), shared) for version in versions):
            for version in versions:
                version.pop(name, None)
            if shared is not None and (shared or name not in (_COLUMNS, "selectableFields")):
                spec[common] = shared
    for listed in (spec.get(_COLUMNS), *(version.get(_COLUMNS) for version in versions)):
        _rename(listed, "jsonPath", "JSONPath")
    if spec.get("conversion") is not None:
        spec["conversion"] = _conversion_to_beta(spec["conversion"])
    spec["preserveUnknownFields"] = bool(spec.get("preserveUnknownFields"))
    spec["versions"] = versions
    if not versions:
        del spec["versions"]
    definition["spec"] = _ordered(spec, _BETA_ORDER)
    return definition


def from_beta(definition: Tree) -> Tree:
    """v1beta1 to v1; what v1beta1 leaves to defaults is filled in first."""
    spec: Tree = definition.get("spec") or {}
    _default(spec)
    first = spec.pop("version", "")
    versions: list[Tree] = spec.get("versions") or []
    if not versions and first:
        versions = [{"name": first, "served": True, "storage": True}]
    for name, common in _SHARED:
        shared = spec.pop(common, None)
        if shared is not None:
            for version in versions:
                version[name] = orjson.loads(orjson.dumps(shared))
    for version in versions:
        _rename(version.get(_COLUMNS), "JSONPath", "jsonPath")
    spec["versions"] = [_ordered(version, _VERSION_ORDER) for version in versions]
    spec["conversion"] = _conversion_from_beta(spec["conversion"])
    if not spec["preserveUnknownFields"]:
        del spec["preserveUnknownFields"]
    definition["spec"] = _ordered(spec, _ORDER)
    _default_status(definition)
    return definition


def _same(one: Any, other: Any) -> bool:
    """Nothing and an empty list are the same here."""
    if not one and not other and not isinstance(one, dict) and not isinstance(other, dict):
        return True
    if one is None or other is None:
        return False
    return orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(other, option=orjson.OPT_SORT_KEYS)


def _rename(columns: list[Tree] | None, old: str, new: str) -> None:
    """In place, in its place."""
    for index, column in enumerate(columns or ()):
        columns[index] = {new if name == old else name: value for name, value in column.items()}  # type: ignore[index]


def _ordered(tree: Tree, order: tuple[str, ...]) -> Tree:
    """Known members first, in upstream's order."""
    made = {name: tree[name] for name in order if name in tree}
    return made | {name: value for name, value in tree.items() if name not in made}


def _conversion_to_beta(conversion: Tree) -> Tree:
    made: Tree = {"strategy": conversion.get("strategy") or ""}
    webhook: Tree = conversion.get("webhook") or {}
    if webhook.get("clientConfig") is not None:
        made["webhookClientConfig"] = webhook["clientConfig"]
    if webhook.get("conversionReviewVersions"):
        made["conversionReviewVersions"] = webhook["conversionReviewVersions"]
    return made


def _conversion_from_beta(conversion: Tree) -> Tree:
    made: Tree = {"strategy": conversion.get("strategy") or ""}
    client, reviews = conversion.get("webhookClientConfig"), conversion.get("conversionReviewVersions")
    if client is not None or reviews is not None:
        made["webhook"] = {} if client is None else {"clientConfig": client}
        made["webhook"]["conversionReviewVersions"] = reviews
    return made


def _default(spec: Tree) -> None:
    """What v1beta1 objects may leave out."""
    if not spec.get("scope"):
        spec["scope"] = "Namespaced"
    names: Tree = spec.setdefault("names", {})
    kind = names.get("kind") or ""
    if not names.get("singular"):
        names["singular"] = kind.lower()
    if not names.get("listKind") and kind:
        names["listKind"] = f"{kind}List"
    conversion: Tree = spec.get("conversion") or {"strategy": "None"}
    if conversion.get("strategy") == "Webhook" and not conversion.get("conversionReviewVersions"):
        conversion["conversionReviewVersions"] = ["v1beta1"]
    service = (conversion.get("webhookClientConfig") or {}).get("service")
    if service is not None and service.get("port") is None:
        service["port"] = _HTTPS
    spec["conversion"] = conversion
    if spec.get("preserveUnknownFields") is None:
        spec["preserveUnknownFields"] = True


def _default_status(definition: Tree) -> None:
    status: Tree = definition.setdefault("status", {})
    if not status.get("storedVersions"):
        stored = [version["name"] for version in definition["spec"]["versions"] if version.get("storage")]
        if stored:
            status["storedVersions"] = stored[:1]
