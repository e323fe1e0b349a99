"""Cells of webhook configurations and admission policies.

Upstream: `pkg/printers/internalversion/printers.go` (printMutatingWebhook and after).
"""

from __future__ import annotations

from orlop.api.tree import Tree
from orlop.kinds.printers.cells import UNSET, Cell, age, metadata_of, name_of, spec_of
from orlop.kinds.printers.format import selector_struct


def webhook_configuration_cells(configuration: Tree) -> list[Cell]:
    metadata = metadata_of(configuration)
    return [name_of(metadata), len(configuration.get("webhooks") or ()), age(metadata)]


def validating_policy_cells(policy: Tree) -> list[Cell]:
    return _policy(policy, "validations")


def mutating_policy_cells(policy: Tree) -> list[Cell]:
    return _policy(policy, "mutations")


def _policy(policy: Tree, rules: str) -> list[Cell]:
    metadata, spec = metadata_of(policy), spec_of(policy)
    kind = spec.get("paramKind")
    return [name_of(metadata), len(spec.get(rules) or ()),
            UNSET if kind is None else f"{kind.get('apiVersion') or ''}/{kind.get('kind') or ''}",
            age(metadata)]


def policy_binding_cells(binding: Tree) -> list[Cell]:
    metadata, spec = metadata_of(binding), spec_of(binding)
    return [name_of(metadata), spec.get("policyName") or "", _parameters(spec.get("paramRef")), age(metadata)]


def _parameters(reference: Tree | None) -> str:
    """The parameters' name, in all namespaces unless one is given; or the selector, as Go prints it."""
    if reference is None:
        return UNSET
    if name := reference.get("name"):
        return f"{reference.get('namespace') or '*'}/{name}"
    selector = reference.get("selector")
    return UNSET if selector is None else selector_struct(selector)
