"""Several authorizers as one (apiserver `authorization/union`): the first that allows or denies decides.

The filters hold this as the server's authorizer, and SelfSubjectRulesReview its sibling `RulesChain`.
"""

from __future__ import annotations

from collections.abc import Sequence

from orlop.api.context import User
from orlop.auth.interface import (
    Attributes,
    Authorizer,
    Decision,
    RulesAuthorizer,
    VisibleRules,
    aggregate_texts,
)


class AuthorizerChain:
    def __init__(self, chain: Sequence[Authorizer]) -> None:
        self._chain = tuple(chain)

    def authorize(self, attributes: Attributes) -> Decision:
        decisions: list[Decision] = []
        for authorizer in self._chain:
            decision = authorizer.authorize(attributes)
            if decision.allowed or decision.denied:
                return decision
            decisions.append(decision)
        return Decision(False, "\n".join(d.reason for d in decisions if d.reason),
                        error=aggregate_texts(d.error for d in decisions if d.error))


class RulesChain:
    """What all of several authorizers allow, one after the other."""

    def __init__(self, chain: Sequence[RulesAuthorizer]) -> None:
        self._chain = tuple(chain)

    def rules_for(self, user: User, namespace: str) -> VisibleRules:
        found = [authorizer.rules_for(user, namespace) for authorizer in self._chain]
        return VisibleRules([rule for f in found for rule in f.resource_rules],
                            [rule for f in found for rule in f.non_resource_rules],
                            any(f.incomplete for f in found),
                            aggregate_texts(f.error for f in found if f.error))
