"""The first of the authorizers: members of system:masters may do everything, whatever RBAC says (apiserver
`authorizerfactory.NewPrivilegedGroups`)."""

from __future__ import annotations

from orlop.auth.identities import MASTERS
from orlop.auth.interface import ALLOWED, NO_OPINION, Attributes, Decision


class MastersAuthorizer:
    def authorize(self, attributes: Attributes) -> Decision:
        return ALLOWED if MASTERS in attributes.user.groups else NO_OPINION
