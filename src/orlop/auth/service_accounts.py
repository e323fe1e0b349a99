"""Service-account tokens: issued for TokenRequests, verified as bearer tokens (kubernetes
`pkg/serviceaccount`).

`BearerAuthenticator` asks `ServiceAccountTokens` for tokens of its issuers; the serviceaccounts/token
storage and the kubelet's stand-ins call `TokenIssuer`. A verified signature is remembered until the token
expires; that the account and the bound object still exist is looked up every time, so that a deletion ends
a token at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple, Protocol

import orjson

from orlop.api.context import User
from orlop.api.field import quote
from orlop.api.tree import Tree
from orlop.auth import identities
from orlop.auth.interface import Authentication, TokenRejected, shared_audiences
from orlop.auth.service_account_keys import KeySet, unverified_part
from orlop.world.clock import Clock
from orlop.world.entropy import Entropy

MAX_VERIFIED_TOKENS: Final = 8192
"""Tokens whose signature is remembered; beyond, the one verified first is forgotten and verified again."""
LEEWAY: Final = 60
"""Seconds by which clocks may differ: a token or object is not called dead earlier."""


class BoundObject(NamedTuple):
    """What a token's validity asks of an object: its uid, and since when it is being deleted (seconds,
    None: not)."""

    uid: str
    deleted_at: float | None = None


class BoundObjects(Protocol):
    """The objects tokens can be bound to, as they are now."""

    def find(self, resource: str, namespace: str, name: str) -> BoundObject | None:
        """`resource`: serviceaccounts, pods, secrets or nodes (then `namespace` is "")."""


class IssuedToken(NamedTuple):
    token: str
    expires_at: int
    credential_id: str


class TokenIssuer:
    def __init__(self, keys: KeySet, issuer: str, clock: Clock, entropy: Entropy) -> None:
        self._keys, self._issuer, self._clock, self._entropy = keys, issuer, clock, entropy

    def issue(self, account: Tree, audiences: Sequence[str], seconds: int, *, pod: Tree | None = None,
              secret: Tree | None = None, node: Tree | None = None, warn_after: int = 0) -> IssuedToken:
        """A token of the service account, bound to a pod (with its node, if known), a secret or a node.
        `warn_after` seconds it counts as stale, 0: never."""
        now = int(self._clock.now())
        bound: Tree = {"namespace": account["metadata"]["namespace"], "serviceaccount": _reference(account)}
        for name, tree in (("pod", pod), ("secret", secret), ("node", node)):
            if tree is not None:
                bound[name] = _reference(tree)
        if warn_after:
            bound["warnafter"] = now + warn_after
        identifier = self._entropy.uid()
        claims: Tree = {
            "aud": list(audiences), "exp": now + seconds, "iat": now, "iss": self._issuer, "jti": identifier,
            "kubernetes.io": bound, "nbf": now,
            "sub": identities.service_account_username(bound["namespace"], account["metadata"]["name"]),
        }
        return IssuedToken(self._keys.sign(claims), now + seconds, f"JTI={identifier}")


def _reference(tree: Tree) -> Tree:
    metadata = tree["metadata"]
    return {name: metadata[name] for name in ("name", "uid") if metadata.get(name)}


class _Claims:
    """The claims of a token whose signature is right."""

    __slots__ = ("account", "audiences", "expires", "issued", "issuer", "namespace", "node", "not_before",
    "pod",
                 "secret", "user")

    def __init__(self, tree: Tree) -> None:
        audiences = tree.get("aud") or ()
        self.audiences = (audiences,) if isinstance(audiences, str) else tuple(audiences)
        self.issuer = tree.get("iss") or ""
        self.expires, self.not_before = _number(tree, "exp"), _number(tree, "nbf")
        self.issued = _number(tree, "iat")
        private = tree.get("kubernetes.io") or {}
        self.namespace: str = private.get("namespace") or ""
        self.account: Tree = private.get("serviceaccount") or {}
        self.pod: Tree | None = private.get("pod")
        self.secret: Tree | None = private.get("secret")
        self.node: Tree | None = private.get("node")
        self.user = self._user(tree.get("jti") or "")

    def _user(self, identifier: str) -> User:
        extra = []
        if identifier:
            extra.append((identities.CREDENTIAL_ID, f"JTI={identifier}"))
        if self.node is not None and self.node.get("name"):
            extra.append((identities.NODE_NAME, self.node["name"]))
            if self.node.get("uid"):
                extra.append((identities.NODE_UID, self.node["uid"]))
        if self.pod is not None and self.pod.get("name") and self.pod.get("uid"):
            extra += [(identities.POD_NAME, self.pod["name"]), (identities.POD_UID, self.pod["uid"])]
        user = User(identities.service_account_username(self.namespace, self.account.get("name", "")),
                    identities.service_account_groups(self.namespace), self.account.get("uid", ""),
                    tuple((key, (value,)) for key, value in extra))
        return identities.with_authenticated(user)


def _number(tree: Tree, name: str) -> float | None:
    value: Any = tree.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} is no number")
    return float(value)


class ServiceAccountTokens:
    """Verifies tokens of the `issuers`. `audiences` are the server's own, which also stand in for a token's
    missing ones."""

    def __init__(self, keys: KeySet, issuers: Sequence[str], audiences: Sequence[str], objects: BoundObjects,
                 clock: Clock) -> None:
        self._keys, self._issuers, self._audiences = keys, frozenset(issuers), tuple(audiences)
        self._objects, self._now = objects, clock.now
        self._verified: dict[str, _Claims] = {}

    def authenticate_token(self, token: str, audiences: Sequence[str]) -> Authentication | None:
        claims = self._verified.get(token)
        if claims is None:
            claims = self._verify(token)
            if claims is None:
                return None
        offered = claims.audiences or self._audiences
        good_for = shared_audiences(offered, audiences)
        if not good_for:
            raise TokenRejected(f"token audiences {_quoted(offered)} is invalid for the target audiences "
                                f"{_quoted(audiences)}")
        now = self._now()
        try:
            self._check_times(claims, now)
        except TokenRejected:
            self._verified.pop(token, None)
            raise
        self._check_objects(claims, now - LEEWAY)
        return Authentication(claims.user, good_for)

    def _verify(self, token: str) -> _Claims | None:
        """The claims of a token of ours, None for anything else."""
        try:
            if unverified_part(token, 1).get("iss") not in self._issuers:
                return None
            payload = self._keys.verified(token)
        except ValueError:
            return None
        except LookupError as error:
            raise TokenRejected("invalid signature, no keys found") from error
        if payload is None:
            raise TokenRejected("go-jose/go-jose: error in cryptographic primitive")
        try:
            claims = _Claims(orjson.loads(payload))
        except (ValueError, TypeError, AttributeError) as error:
            raise TokenRejected("go-jose/go-jose/jwt: invalid claims") from error
        if claims.issuer not in self._issuers:
            raise TokenRejected(f"token issuer {quote(claims.issuer)} is invalid")
        if len(self._verified) >= MAX_VERIFIED_TOKENS:
            del self._verified[next(iter(self._verified))]
        self._verified[token] = claims
        return claims

    @staticmethod
    def _check_times(claims: _Claims, now: float) -> None:
        if claims.not_before is not None and now + LEEWAY < claims.not_before:
            raise TokenRejected("service account token is not valid yet")
        if claims.expires is not None and now - LEEWAY > claims.expires:
            raise TokenRejected("service account token has expired")
        if claims.issued is not None and now + LEEWAY < claims.issued:
            raise TokenRejected("service account token is issued in the future")

    def _check_objects(self, claims: _Claims, dead_before: float) -> None:
        """The account, and the one object the token is bound to, must be there with the uid of the claims."""
        namespace, name = claims.namespace, claims.account.get("name", "")
        found = self._objects.find("serviceaccounts", namespace, name)
        if found is None:
            raise TokenRejected(f"serviceaccounts {quote(name)} not found")
        uid = claims.account.get("uid", "")
        if found.uid != uid:
            raise TokenRejected(f"service account UID ({found.uid}) does not match claim ({uid})")
        if found.deleted_at is not None and found.deleted_at < dead_before:
            raise TokenRejected(f"service account {namespace}/{name} has been deleted")
        if claims.secret is not None:
            self._check_bound("secret", namespace, claims.secret, dead_before)
        if claims.pod is not None:
            self._check_bound("pod", namespace, claims.pod, dead_before)
        elif claims.node is not None:
            self._check_bound("node", "", claims.node, dead_before)

    def _check_bound(self, noun: str, namespace: str, reference: Tree, dead_before: float) -> None:
        found = self._objects.find(f"{noun}s", namespace, reference.get("name", ""))
        if found is None:
            raise TokenRejected("service account token has been invalidated")
        uid = reference.get("uid", "")
        if found.uid != uid:
            raise TokenRejected(
                f"{noun} UID ({found.uid}) does not match service account {noun} ref claim ({uid})")
        if found.deleted_at is not None and found.deleted_at < dead_before:
            raise TokenRejected("service account token has been invalidated")


def _quoted(values: Sequence[str]) -> str:
    return "[" + " ".join(map(quote, values)) + "]"
