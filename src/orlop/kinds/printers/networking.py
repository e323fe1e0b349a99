"""Cells of networking.k8s.io. Upstream: `pkg/printers/internalversion/printers.go` (printIngress and
after)."""

from __future__ import annotations

from collections.abc import Sequence

from orlop.api.tree import Tree
from orlop.kinds.printers.cells import NONE, Cell, age, metadata_of, name_of, spec_of, status_of
from orlop.kinds.printers.format import LIST_MAX, format_label_selector
from orlop.kinds.printers.service import ingress_points


def ingress_cells(ingress: Tree) -> list[Cell]:
    metadata, spec = metadata_of(ingress), spec_of(ingress)
    name = spec.get("ingressClassName")
    return [
        name_of(metadata), NONE if name is None else name, _hosts(spec.get("rules") or ()),
        ingress_points(status_of(ingress)), "80, 443" if spec.get("tls") else "80", age(metadata),
    ]


def _hosts(rules: Sequence[Tree]) -> str:
    """Three hosts at most. What is left out is counted in rules, with a host or without."""
    hosts: list[str] = []
    more = False
    for rule in rules:
        if len(hosts) == LIST_MAX:
            more = True
            break
        if host := rule.get("host"):
            hosts.append(host)
    if more:
        return f"{','.join(hosts)} + {len(rules) - LIST_MAX} more..."
    return ",".join(hosts) or "*"


def ingress_class_cells(ingress_class: Tree) -> list[Cell]:
    metadata, spec = metadata_of(ingress_class), spec_of(ingress_class)
    text = NONE
    if (parameters := spec.get("parameters")) is not None:
        group = parameters.get("apiGroup")
        kind = parameters.get("kind") or ""
        text = f"{kind if group is None else f'{kind}.{group}'}/{parameters.get('name') or ''}"
    return [name_of(metadata), spec.get("controller") or "", text, age(metadata)]


def network_policy_cells(policy: Tree) -> list[Cell]:
    metadata = metadata_of(policy)
    return [name_of(metadata), format_label_selector(spec_of(policy).get("podSelector")), age(metadata)]


def service_cidr_cells(cidr: Tree) -> list[Cell]:
    metadata = metadata_of(cidr)
    return [name_of(metadata), ",".join(spec_of(cidr).get("cidrs") or ()), age(metadata)]


def ip_address_cells(address: Tree) -> list[Cell]:
    """Upstream sends an age that its column definitions do not mention; so rows have one cell more than
    columns."""
    metadata = metadata_of(address)
    text = NONE
    if (parent := spec_of(address).get("parentRef")) is not None:
        group, resource = parent.get("group"), parent.get("resource") or ""
        text = (f"{resource}.{group}" if group else resource).lower()
        if namespace := parent.get("namespace"):
            text += f"/{namespace}"
        text += f"/{parent.get('name') or ''}"
    return [name_of(metadata), text, age(metadata)]
