"""What custom objects can be selected by: name, namespace and the selectableFields of a definition.

Made by `kind`. The values of all versions' fields are kept beside each stored object, each version lets clients ask for
its own. Behaviour: apiextensions-apiserver `pkg/apiserver/conversion/converter.go` ConvertFieldLabel and
`pkg/registry/customresource/strategy.go` selectableFields.
"""

from __future__ import annotations

from orlop.api.tree import Tree
from orlop.kinds.custom.definition import Definition, Version
from orlop.kinds.custom.json_path import BadMatch, BadPath, JSONPath, text
from orlop.kinds.selectors import NAME, NAMESPACE, UnsupportedField
from orlop.storage.interface import Fields


class SelectableFields:
    def __init__(self, definition: Definition) -> None:
        self._namespaced = definition.namespaced
        self._paths: list[tuple[str, JSONPath]] = []
        for path in definition.fields:
            try:
                self._paths.append((path.removeprefix("."), JSONPath(path)))
            except BadPath:  # nothing is selected by what cannot be read; the definition's rules refuse such paths
                continue

    def values(self, obj: Tree) -> Fields:
        """By path, "" for what an object does not have."""
        if not self._paths:
            return {}
        return {name: _value(path, obj) for name, path in self._paths}

    def convert(self, version: Version, label: str, value: str) -> tuple[str, str]:
        """A requirement of a field selector. UnsupportedField for other labels."""
        if label == NAME or (label == NAMESPACE and self._namespaced):
            return label, value
        if any(label == path.removeprefix(".") for path in version.fields):
            return label, value
        raise UnsupportedField(f"field label not supported: {label}")


def _value(path: JSONPath, obj: Tree) -> str:
    try:
        found = path.find(obj)
    except BadMatch:
        return ""
    return text(found[0]) if found and found[0] is not None else ""
