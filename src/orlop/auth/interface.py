"""The contracts of the room: who authenticates, who authorizes, and the words they exchange.

The filters call an `Authenticator` for the user of a request and an `Authorizer` for what that user may do;
reviews and admission call the same authorizer. Modelled on apiserver `authentication/authenticator` and
`authorization/authorizer`. All methods are synchronous: what needs I/O keeps its answers at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from orlop.api.context import RequestInfo, User
from orlop.api.http import Request
from orlop.api.tree import Tree


class Decision(NamedTuple):
    """`allowed`, or `denied` for good, or neither: no opinion. `reason` is shown to clients; `error` tells
    what went wrong while deciding, where a decision was possible all the same."""

    allowed: bool
    reason: str = ""
    denied: bool = False
    error: str = ""


NO_OPINION = Decision(False)
ALLOWED = Decision(True)


class Attributes:
    """One question to an authorizer. `is_resource` tells the two kinds apart: for others `path` counts and
    the words from `group` to `name` are empty. Selectors are as sent, unparsed."""

    __slots__ = ("field_selector", "group", "is_resource", "label_selector", "name", "namespace", "path",
    "resource",
                 "subresource", "user", "verb", "version")

    def __init__(self, user: User, verb: str, group: str = "", version: str = "", resource: str = "",
                 subresource: str = "", namespace: str = "", name: str = "", path: str = "",
                 is_resource: bool = True, field_selector: str = "", label_selector: str = "") -> None:
        self.user, self.verb, self.group, self.version = user, verb, group, version
        self.resource, self.subresource, self.namespace, self.name = resource, subresource, namespace, name
        self.path, self.is_resource = path, is_resource
        self.field_selector, self.label_selector = field_selector, label_selector

    @classmethod
    def of(cls, user: User, info: RequestInfo) -> Attributes:
        """The question that a request itself asks."""
        resource = info.resource
        return cls(user, info.verb, info.group, info.version, resource, info.subresource, info.namespace,
                   info.name, info.path, resource != "")

    def asked_by(self, user: User, verb: str) -> Attributes:
        """The same question of another user with another verb."""
        return Attributes(user, verb, self.group, self.version, self.resource, self.subresource,
                          self.namespace, self.name, self.path, self.is_resource, self.field_selector,
                          self.label_selector)


class Authenticator(Protocol):
    def authenticate(self, request: Request) -> User | None:
        """The user, complete with groups; None when the request has no credentials of this kind. Raises
        APIError 401 for credentials that are no good."""


class Authorizer(Protocol):
    def authorize(self, attributes: Attributes) -> Decision: ...


class Authentication(NamedTuple):
    """Who a token belongs to, and for which of the asked audiences it is good."""

    user: User
    audiences: tuple[str, ...]


class TokenRejected(Exception):
    """A token of a known kind that is no good. The text reaches clients in a TokenReview only."""


class TokenAuthenticator(Protocol):
    def authenticate_token(self, token: str, audiences: Sequence[str]) -> Authentication | None:
        """None for a token that is not of this kind. Raises TokenRejected."""


class VisibleRules(NamedTuple):
    """What a user may do in a namespace, as PolicyRule-like trees. `incomplete` when some authorizer cannot
    tell."""

    resource_rules: list[Tree]
    non_resource_rules: list[Tree]
    incomplete: bool = False
    error: str = ""


class RulesAuthorizer(Protocol):
    """An authorizer that can enumerate what it allows."""

    def rules_for(self, user: User, namespace: str) -> VisibleRules: ...


def aggregate_texts(texts: Iterable[str]) -> str:
    """Several error texts as one, as apimachinery's `util/errors` joins them: brackets around more than
    one, no repeats, "" for none."""
    unique = list(dict.fromkeys(texts))
    if len(unique) < 2:
        return unique[0] if unique else ""
    return f"[{', '.join(unique)}]"


def shared_audiences(accepted: Sequence[str], asked: Sequence[str]) -> tuple[str, ...]:
    """The asked audiences that are accepted, in the order asked."""
    return tuple(audience for audience in asked if audience in accepted)
