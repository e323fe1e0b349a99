"""The RBAC authorizer (kubernetes `plugin/pkg/auth/authorizer/rbac`): allowed if any rule of any binding
says so.

Asked by the authorizer chain for every request. Decisions are remembered until any role or binding changes:
a repeated question costs one dictionary look-up. Aggregated roles are kept up to date by a controller, not
here.
"""

from __future__ import annotations

from typing import Any, Final

from orlop.api.context import User
from orlop.auth.interface import NO_OPINION, Attributes, Decision, VisibleRules, aggregate_texts
from orlop.auth.rules import RuleResolver

MAX_DECISIONS: Final = 16384
"""Decisions remembered; when there are more, all are forgotten (names and paths come from clients)."""


class _ByName:
    """Stands where a decision depends on the object's name: look again with the name."""


_BY_NAME: Final = _ByName()


class RBACAuthorizer:
    def __init__(self, resolver: RuleResolver) -> None:
        self._resolver = resolver
        self._version = resolver.version()
        self._decisions: dict[tuple[Any, ...], Decision | _ByName] = {}

    def authorize(self, attributes: Attributes) -> Decision:
        version = self._resolver.version()
        if version != self._version:
            self._decisions.clear()
            self._version = version
        user = attributes.user
        key: tuple[Any, ...] = (
            user.name, user.groups, attributes.verb, attributes.group, attributes.resource,
            attributes.subresource, attributes.namespace, None if attributes.is_resource else
            attributes.path)
        known = self._decisions.get(key)
        if known is _BY_NAME:
            known = self._decisions.get((*key, attributes.name))
        if type(known) is Decision:
            return known
        decision, named = self.decide(attributes)
        self._remember(key, attributes.name, decision, named)
        return decision

    def _remember(self, key: tuple[Any, ...], name: str, decision: Decision, named: bool) -> None:
        if len(self._decisions) >= MAX_DECISIONS:
            self._decisions.clear()
        if named:
            self._decisions[key] = _BY_NAME
            key = (*key, name)
        self._decisions[key] = decision

    def decide(self, attributes: Attributes) -> tuple[Decision, bool]:
        """The decision, not from memory, and whether the object's name had a part in it."""
        problems: list[str] = []
        named = False
        for grant in self._resolver.grants(attributes.user, attributes.namespace):
            if grant.problem is not None:
                problems.append(grant.problem.text())
            for rule in grant.rules:
                if not rule.covers_request(attributes):
                    continue
                if attributes.is_resource and rule.names:
                    named = True
                    if attributes.name not in rule.names:
                        continue
                return Decision(True, f"RBAC: allowed by {grant.description()}"), named
        if problems:
            return Decision(False, f"RBAC: {aggregate_texts(problems)}"), named
        return NO_OPINION, named

    def rules_for(self, user: User, namespace: str) -> VisibleRules:
        return self._resolver.rules_for(user, namespace)
