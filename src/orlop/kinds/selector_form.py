"""Label selectors as messages print them.

Called by the rules of all kinds that select by labels. The type is metav1.LabelSelector, which has JSON names within
internal structs too: members in the order of the type, empty ones left out, labels by key. Behaviour: encoding/json of
apimachinery `pkg/apis/meta/v1/types.go`.
"""

from __future__ import annotations

from orlop.api.field import GoText
from orlop.api.gotext import json_value
from orlop.api.tree import Tree


def shown_selector(selector: Tree | None) -> GoText:
    """A metav1.LabelSelector in messages: its JSON, without empty members."""
    return json_value(shown_tree(selector))


def shown_tree(selector: Tree | None) -> Tree | None:
    """A metav1.LabelSelector as it stands within a struct that a message shows."""
    if selector is None:
        return None
    form: Tree = {}
    if pairs := selector.get("matchLabels"):
        form["matchLabels"] = {key: pairs[key] for key in sorted(pairs)}
    if expressions := selector.get("matchExpressions"):
        form["matchExpressions"] = [_requirement(expression) for expression in expressions]
    return form


def _requirement(expression: Tree) -> Tree:
    form: Tree = {"key": expression.get("key") or "", "operator": expression.get("operator") or ""}
    if expression.get("values"):
        form["values"] = expression["values"]
    return form
