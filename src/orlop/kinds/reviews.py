"""Reviews: questions that clients POST and that are answered at once, with nothing stored.

The rest storages of authorization.k8s.io and authentication.k8s.io; `review_makers` gives them to the
catalog. They put the question to the server's own authorizers and authenticators. Behaviour: kubernetes
`pkg/registry/authorization/*` and `pkg/registry/authentication/*`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from orlop.api import errors
from orlop.api.context import Context, User
from orlop.api.field import FieldError
from orlop.api.gvk import GroupKind
from orlop.api.options import CreateOptions
from orlop.api.tree import Tree
from orlop.auth.interface import Authorizer, RulesAuthorizer
from orlop.auth.token_review import TokenReviewer
from orlop.kinds.review_spec import check_local, check_self, check_subject, question, subject
from orlop.registry import times
from orlop.registry.interface import Admit
from orlop.world.clock import Clock

if TYPE_CHECKING:
    from orlop.kinds.declaration import Resource
    from orlop.kinds.rooms import Maker, RestOptions, Rooms

_ACCESS: Final = "authorization.k8s.io"
_IDENTITY: Final = "authentication.k8s.io"


async def _admit(admit: Admit, obj: Tree) -> None:
    pending = admit(obj, None)
    if pending is not None:
        await pending


def _require(found: list[FieldError]) -> None:
    """The 422 of a review names no kind: upstream takes it from where decoding has emptied it."""
    if found:
        raise errors.invalid(GroupKind(_ACCESS, ""), "", found)


class _AccessReviews:
    """What the three kinds of access review have in common."""

    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer

    def _answered(self, user: User, review: Tree) -> Tree:
        """The review with its status."""
        asked, ignored = question(user, review)
        decision = self._authorizer.authorize(asked)
        status: Tree = {"allowed": decision.allowed}
        if decision.denied:
            status["denied"] = True
        if decision.reason:
            status["reason"] = decision.reason
        problems = [decision.error, *ignored] if decision.error else ignored
        if problems:
            status["evaluationError"] = "; ".join(problems)
        return {**review, "status": status}


class SelfSubjectAccessReviews(_AccessReviews):
    """May I?"""

    async def create(self, ctx: Context, name: str, obj: Tree, admit: Admit, options: CreateOptions) -> Tree:
        _require(check_self(obj))
        await _admit(admit, obj)
        return self._answered(ctx.user, obj)


class SubjectAccessReviews(_AccessReviews):
    """May he?"""

    async def create(self, ctx: Context, name: str, obj: Tree, admit: Admit, options: CreateOptions) -> Tree:
        _require(check_subject(obj))
        await _admit(admit, obj)
        return self._answered(subject(obj), obj)


class LocalSubjectAccessReviews(_AccessReviews):
    """May he, in this namespace?"""

    async def create(self, ctx: Context, name: str, obj: Tree, admit: Admit, options: CreateOptions) -> Tree:
        _require(check_local(obj))
        if not ctx.namespace:
            raise errors.bad_request("namespace is required on this type: ")
        if obj["metadata"].get("namespace") != ctx.namespace:
            raise errors.bad_request(
                f"spec.resourceAttributes.namespace must match namespace: {ctx.namespace}")
        await _admit(admit, obj)
        return self._answered(subject(obj), obj)


class SelfSubjectRulesReviews:
    """What may I do in that namespace? Answered with a fresh object."""

    def __init__(self, rules: RulesAuthorizer) -> None:
        self._rules = rules

    async def create(self, ctx: Context, name: str, obj: Tree, admit: Admit, options: CreateOptions) -> Tree:
        namespace = (obj.get("spec") or {}).get("namespace") or ""
        if not namespace:
            raise errors.bad_request("no namespace on request")
        await _admit(admit, obj)
        found = self._rules.rules_for(ctx.user, namespace)
        status: Tree = {"resourceRules": found.resource_rules, "nonResourceRules": found.non_resource_rules,
                        "incomplete": found.incomplete}
        if found.error:
            status["evaluationError"] = found.error
        return {"metadata": {}, "spec": {}, "status": status}


class SelfSubjectReviews:
    """Who am I? Answered with a fresh object."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def create(self, ctx: Context, name: str, obj: Tree, admit: Admit, options: CreateOptions) -> Tree:
        await _admit(admit, obj)
        return {"metadata": {"creationTimestamp": times.text(self._clock.now())},
                "status": {"userInfo": _user_info(ctx.user)}}


class TokenReviews:
    """Whose token is this?"""

    def __init__(self, reviewer: TokenReviewer) -> None:
        self._reviewer = reviewer

    async def create(self, ctx: Context, name: str, obj: Tree, admit: Admit, options: CreateOptions) -> Tree:
        spec = obj.get("spec") or {}
        token = spec.get("token") or ""
        if not token:
            raise errors.bad_request("token is required for TokenReview in authentication")
        await _admit(admit, obj)
        found, problem = self._reviewer.review(token, spec.get("audiences") or ())
        status: Tree
        if found is not None:
            status = {"authenticated": True, "user": _user_info(found.user), "audiences":
            list(found.audiences)}
        else:
            status = {"user": {}}
            if problem:
                status["error"] = problem
        return {**obj, "status": status}


def _user_info(user: User) -> Tree:
    info: Tree = {"username": user.name}
    if user.uid:
        info["uid"] = user.uid
    if user.groups:
        info["groups"] = list(user.groups)
    if user.extra:
        info["extra"] = {key: list(values) for key, values in user.extra}
    return info


def review_makers(authorizer: Authorizer, rules: RulesAuthorizer, reviewer: TokenReviewer,
                  clock: Clock) -> dict[tuple[str, str], Maker]:
    """The rest storages of all reviews, by (group, resource)."""
    storages: dict[tuple[str, str], object] = {
        (_ACCESS, "selfsubjectaccessreviews"): SelfSubjectAccessReviews(authorizer),
        (_ACCESS, "subjectaccessreviews"): SubjectAccessReviews(authorizer),
        (_ACCESS, "localsubjectaccessreviews"): LocalSubjectAccessReviews(authorizer),
        (_ACCESS, "selfsubjectrulesreviews"): SelfSubjectRulesReviews(rules),
        (_IDENTITY, "selfsubjectreviews"): SelfSubjectReviews(clock),
        (_IDENTITY, "tokenreviews"): TokenReviews(reviewer),
    }
    return {key: _maker(storage) for key, storage in storages.items()}


def _maker(storage: object) -> Maker:
    def make(resource: Resource, options: RestOptions) -> Rooms:
        return {"": storage}
    return make
