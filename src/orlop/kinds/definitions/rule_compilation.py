"""Rules in CEL of a definition, compiled: whether their expressions are right, and what they may cost.

Called by `schema_rules` where nothing else is wrong with a schema, and by `default_rules`, whose defaults have to keep
the rules; both import it at the first rule, for the language takes a while to load. What is wrong without a look into
the expressions, `rules` tells. Behaviour: apiextensions-apiserver `pkg/apis/apiextensions/validation/validation.go`
(the end of ValidateCustomResourceDefinitionOpenAPISchema), `pkg/apiserver/schema/defaulting/validation.go`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from orlop.api.field import Path, forbidden, internal, invalid
from orlop.api.tree import Tree
from orlop.cel.declared import declared_type
from orlop.cel.escaping import escape
from orlop.cel.types import Declared
from orlop.kinds.checks import Errors
from orlop.kinds.definitions import rules, shown
from orlop.kinds.definitions.keywords import Standing
from orlop.kinds.definitions.rules import ITEMS, RULE_LIMIT, RULES, VALUES, Scope
from orlop.structural import rule_programs
from orlop.structural.rule_programs import RuleProgram
from orlop.structural.rules import compile_rules as rules_of
from orlop.structural.schema import Node

if TYPE_CHECKING:
    from orlop.kinds.definitions.options import Options

_NO_TYPE: Final = ("internal error: failed to construct type information for x-kubernetes-validations rules: unable to "
                   "convert structural schema to CEL declarations")


def compile_rules(schema: Tree, path: Path, scope: Scope, standing: Standing, options: Options) -> Errors:
    """What is wrong with the expressions of a schema whose form is right, its inner schemas included. Notes what they
    cost in `scope.total`."""
    declared = _declared(scope)
    if declared is None:
        return [internal(path.child(RULES), _NO_TYPE)]
    most = rule_programs.most_occurrences(declared) if scope.cardinality is None else scope.cardinality
    found: Errors = []
    for index, one in enumerate(rule_programs.compile_rules(schema[RULES], schema, declared)):
        place = path.child(RULES).index(index)
        cost = rules.times(one.cost, most)
        found += _cost(place.child("rule"), "estimated rule cost", cost, scope, options)
        if one.error:
            found.append(invalid(place.child("rule"), shown.rule(one.rule), one.error))
        if one.message_error:
            found.append(invalid(place.child("messageExpression"), shown.rule(one.rule), one.message_error))
        elif one.message is not None:
            found += _cost(place.child("messageExpression"), "estimated messageExpression cost", one.message_cost,
                           scope, options)
        found += _old_self(place, one, standing)
    return found


def _declared(scope: Scope) -> Declared | None:
    """The type of a schema as rules see it, taken from what stands around it as far as that has rules; None where that,
    or the schema itself, is nothing rules can speak of."""
    if scope.known_type is None:
        scope.known_type = (_declare(scope),)
    return scope.known_type[0]


def _declare(scope: Scope) -> Declared | None:
    if scope.parent is not None and scope.parent.within_rules:
        around = _declared(scope.parent)
        if around is None:
            return None
        found = _within(around, scope)
        if found is not None:
            return found
    return declared_type(scope.schema, scope.parent is None or bool(scope.schema.get("x-kubernetes-embedded-resource")))


def _within(around: Declared, scope: Scope) -> Declared | None:
    if scope.step in (ITEMS, VALUES):
        return around.element
    name = escape(scope.step or "")
    field = (around.fields or {}).get(name) if name is not None else None
    return field.declared if field is not None else None


def _cost(place: Path, name: str, cost: int, scope: Scope, options: Options) -> Errors:
    scope.total.add(place, cost)
    if cost <= RULE_LIMIT or options.any_cost:
        return []
    return [forbidden(place, rules.cost_message(name, cost, RULE_LIMIT))]


def _old_self(place: Path, one: RuleProgram, standing: Standing) -> Errors:
    optional = one.rule.get("optionalOldSelf")
    if not one.uses_old_self:
        return [] if optional is None else [invalid(place.child("optionalOldSelf"), optional,
                                                    "may not be set if oldSelf is not used in rule")]
    if standing.uncorrelatable is None:
        return []
    return [invalid(place.child("rule"), one.rule["rule"], "oldSelf cannot be used on the uncorrelatable portion of "
                                                           f"the schema within {standing.uncorrelatable}")]


def check_default(node: Node, path: Path, value: Any) -> Errors:
    """What the rules of a schema and of those within it say of its default, which fits the schema otherwise."""
    found = rules_of(node, node.embedded)
    return found.validate_default(value, path) if found is not None else []
