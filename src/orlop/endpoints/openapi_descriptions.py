"""Descriptions for `kubectl explain`, from the optional package kubernetes-validate.

The documents that come with orlop carry none. When the package is installed (extra `descriptions`), `find`
returns where its definitions of the served Kubernetes version lie, and `openapi` adds the texts to a
document when it is asked for the first time. Nothing of the package is imported, only one JSON file of it
is read.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import orjson

from orlop.api.tree import Tree
from orlop.schema.release import definitions_file

PACKAGE = "kubernetes-validate"


class Descriptions:
    """The texts of one file. `identity` changes with the texts: documents that carry them hash differently.

    The file (1.6 MB) is read anew for every document and not kept: that costs a few milliseconds, once a
    document.
    """

    def __init__(self, definitions: Path, identity: str) -> None:
        self._definitions, self.identity = definitions, identity

    def annotate(self, document: Tree) -> None:
        """Add the texts of schemas and their properties to an OpenAPI v3 document."""
        content = orjson.loads(self._definitions.read_bytes())
        definitions = content.get("$defs") or content.get("definitions") or {}
        for name, schema in document.get("components", {}).get("schemas", {}).items():
            source = definitions.get(name)
            if source is None:
                continue
            _describe(schema, source)
            properties = source.get("properties", {})
            for member, child in schema.get("properties", {}).items():
                _describe(child, properties.get(member, {}))


def _describe(schema: Tree, source: Tree) -> None:
    if "description" in source and "description" not in schema:
        schema["description"] = source["description"]


def find(release: str) -> Descriptions | None:
    """The descriptions for a Kubernetes minor version ("1.36"), if they are installed."""
    file = definitions_file(release)
    if file is None:
        return None
    try:
        package_version = version(PACKAGE)
    except PackageNotFoundError:
        package_version = "unknown"
    return Descriptions(file, f"{PACKAGE} {package_version} {file.parent.name}")
