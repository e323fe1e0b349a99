"""The spec of a definition as the rules see it: what all versions have in common stands once, above them.

Rules name places and judge duplicates in this form, so it decides what clients read: the schema of a definition with
one version is called `spec.validation`. Nothing is changed here, and nothing copied deeply. Behaviour:
apiextensions-apiserver `pkg/apis/apiextensions/v1/conversion.go`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import orjson

from orlop.api.tree import Tree

SHARED: Final = (("schema", "validation"), ("subresources", "subresources"),
                 ("additionalPrinterColumns", "additionalPrinterColumns"), ("selectableFields", "selectableFields"))
"""Members of a version, and where they stand in the spec when all versions agree."""


def spec_of(definition: Tree) -> Tree:
    """The internal spec. `conversion` has webhookClientConfig and conversionReviewVersions instead of webhook;
    `version` is the name of the first one, `listed` tells an empty list of versions from none."""
    spec: Tree = definition.get("spec") or {}
    made = {name: spec.get(name) for name in ("group", "names", "scope", "preserveUnknownFields")}
    made["names"] = made["names"] or {}
    made["conversion"] = _conversion(spec.get("conversion"))
    versions: list[Tree] = [dict(version) for version in spec.get("versions") or ()]
    made["versions"], made["version"], made["listed"] = versions, "", spec.get("versions") is not None
    if not versions:
        return made
    made["version"] = versions[0].get("name") or ""
    for name, common in SHARED:
        first = versions[0].get(name)
        if all(same(version.get(name), first) for version in versions):
            made[common] = first
            for version in versions:
                version.pop(name, None)
    return made


def _conversion(conversion: Tree | None) -> Tree | None:
    if conversion is None:
        return None
    webhook = conversion.get("webhook") or {}
    return {"strategy": conversion.get("strategy") or "", "webhookClientConfig": webhook.get("clientConfig"),
            "conversionReviewVersions": webhook.get("conversionReviewVersions") or []}


def same(one: Any, other: Any) -> bool:
    """An empty list equals none."""
    if one is other:
        return True
    if not one and not other and not isinstance(one, dict) and not isinstance(other, dict):
        return True
    if one is None or other is None:
        return False
    return orjson.dumps(one, option=orjson.OPT_SORT_KEYS) == orjson.dumps(other, option=orjson.OPT_SORT_KEYS)


def schema_in(holder: Tree | None) -> Tree | None:
    """The schema that a `schema` or `validation` member holds."""
    found = (holder or {}).get("openAPIV3Schema")
    return found if isinstance(found, dict) else None


def schemas(spec: Tree) -> Iterator[Tree]:
    """The schemas of an internal spec: the common one, or those of the versions."""
    common = schema_in(spec.get("validation"))
    if common is not None:
        yield common
    for version in spec["versions"]:
        own = schema_in(version.get("schema"))
        if own is not None:
            yield own
