"""CustomResourceDefinitions of declared kinds in YAML, for any cluster: `orlop.crd_yaml` and `orlop crd`."""

from __future__ import annotations

from typing import Any

import yaml

from orlop.api.tree import Tree
from orlop.declared.declaration import declaration
from orlop.declared.definition import crd


def crd_yaml(*kinds: type[Any], conversion: Tree | None = None) -> str:
    """The CustomResourceDefinitions of some kinds in YAML, ready for `kubectl apply -f -`."""
    return "---\n".join(_yaml(kind, conversion) for kind in kinds)


def _yaml(kind: type[Any], conversion: Tree | None) -> str:
    tree = crd(kind, conversion=conversion)
    lost = [version.name for version in declaration(kind).others if hasattr(version.cls, "to_hub")]
    note = ""
    if lost and conversion is None:
        note = (f"# {', '.join(lost)}: converted by functions in Python, which other servers cannot call; they need a "
                "webhook\n# in spec.conversion.\n")
    return note + yaml.dump(tree, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100)


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks, and nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
