"""Questions of authorization inside expressions: `authorizer.group('apps').resource('deployments').check('get')`.

The environment takes `AUTHORIZER`; whoever evaluates binds the variables `authorizer` and `authorizer.requestResource`
to `Authorizer(ask)` and `Authorizer(ask).request_resource(...)` and answers the `Question`s itself. Behaviour:
Kubernetes pkg/cel/library/authz.go with the feature AuthorizeWithSelectors.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeAlias

from orlop.api.names import name_is_dns_label, name_is_dns_subdomain
from orlop.cel import types as t
from orlop.cel.functions import Library
from orlop.cel.library_signature import function, member
from orlop.cel.library_strings import SPACES
from orlop.cel.values import NO_SUCH_OVERLOAD, CelError, Opaque

AUTHORIZER_TYPE: Final = t.object_type("kubernetes.authorization.Authorizer")
PATH_CHECK_TYPE: Final = t.object_type("kubernetes.authorization.PathCheck")
GROUP_CHECK_TYPE: Final = t.object_type("kubernetes.authorization.GroupCheck")
RESOURCE_CHECK_TYPE: Final = t.object_type("kubernetes.authorization.ResourceCheck")
DECISION_TYPE: Final = t.object_type("kubernetes.authorization.Decision")


@dataclass(frozen=True, slots=True)
class Question:
    """May somebody do `verb`? `path` is asked about where it is not empty, else the resource (of any version).

    `service_account` is (namespace, name) of who is asked about; None: the user of the request.
    """

    verb: str = ""
    path: str = ""
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    field_selector: str = ""
    label_selector: str = ""
    service_account: tuple[str, str] | None = None


class Answer(NamedTuple):
    """What an authorizer says; `error` is empty where it could say something."""

    allowed: bool
    reason: str = ""
    error: str = ""


Ask: TypeAlias = Callable[[Question], Answer]


class _Receiver(Opaque):
    """A value that has functions only; upstream cannot compare it with anything."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        raise CelError(NO_SUCH_OVERLOAD)

    def __hash__(self) -> int:
        return id(self)


class _Asking(_Receiver):
    """A question in the making."""

    __slots__ = ("ask", "question")

    def __init__(self, ask: Ask, question: Question = Question()) -> None:
        self.ask = ask
        self.question = question


class Authorizer(_Asking):
    """The variable `authorizer`."""

    __slots__ = ()

    cel_type = AUTHORIZER_TYPE

    def request_resource(self, group: str, resource: str, subresource: str, namespace: str, name: str) -> ResourceCheck:
        """The variable `authorizer.requestResource`: the resource of the request."""
        return ResourceCheck(
            self.ask,
            replace(
                self.question, group=group, resource=resource, subresource=subresource, namespace=namespace, name=name
            ),
        )


class PathCheck(_Asking):
    """A question about a path."""

    __slots__ = ()

    cel_type = PATH_CHECK_TYPE


class GroupCheck(_Asking):
    """A question about an API group, which needs a resource yet."""

    __slots__ = ()

    cel_type = GROUP_CHECK_TYPE


class ResourceCheck(_Asking):
    """A question about a resource."""

    __slots__ = ()

    cel_type = RESOURCE_CHECK_TYPE


class Decision(_Receiver):
    """An answer."""

    __slots__ = ("answer",)

    cel_type = DECISION_TYPE

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


def _path(authorizer: Authorizer, path: str) -> PathCheck:
    if not path.strip(SPACES):
        raise CelError("path must not be empty")
    return PathCheck(authorizer.ask, replace(authorizer.question, path=path))


def _group(authorizer: Authorizer, group: str) -> GroupCheck:
    return GroupCheck(authorizer.ask, replace(authorizer.question, group=group))


def _service_account(authorizer: Authorizer, namespace: str, name: str) -> Authorizer:
    if name_is_dns_subdomain(name, False):
        raise CelError("Invalid service account name")
    if name_is_dns_label(namespace, False):
        raise CelError("Invalid service account namespace")
    return Authorizer(authorizer.ask, replace(authorizer.question, service_account=(namespace, name)))


def _resource(check: GroupCheck, resource: str) -> ResourceCheck:
    if not resource.strip(SPACES):
        raise CelError("resource must not be empty")
    return ResourceCheck(check.ask, replace(check.question, resource=resource))


def _with(field: str) -> Callable[[ResourceCheck, str], ResourceCheck]:
    """Sets one detail of a question."""

    def refine(check: ResourceCheck, value: str) -> ResourceCheck:
        return ResourceCheck(check.ask, replace(check.question, **{field: value}))  # type: ignore[arg-type]

    return refine


def _check(check: _Asking, verb: str) -> Decision:
    return Decision(check.ask(replace(check.question, verb=verb)))


_AUTHORIZER_TEXT: Final = (AUTHORIZER_TYPE, t.STRING)
_GROUP_TEXT: Final = (GROUP_CHECK_TYPE, t.STRING)
_RESOURCE_TEXT: Final = (RESOURCE_CHECK_TYPE, t.STRING)
_DECISION: Final = (DECISION_TYPE,)
_REFINEMENTS: Final = (
    ("subresource", "resourcecheck_subresource", "subresource"),
    ("namespace", "resourcecheck_namespace", "namespace"),
    ("name", "resourcecheck_name", "name"),
    ("fieldSelector", "authorizer_fieldselector", "field_selector"),
    ("labelSelector", "authorizer_labelselector", "label_selector"),
)

AUTHORIZER: Final = Library(
    "kubernetes.authz",
    (
        function("path", member("authorizer_path", _AUTHORIZER_TEXT, PATH_CHECK_TYPE, _path)),
        function("group", member("authorizer_group", _AUTHORIZER_TEXT, GROUP_CHECK_TYPE, _group)),
        function(
            "serviceAccount",
            member(
                "authorizer_serviceaccount", (AUTHORIZER_TYPE, t.STRING, t.STRING), AUTHORIZER_TYPE, _service_account
            ),
        ),
        function("resource", member("groupcheck_resource", _GROUP_TEXT, RESOURCE_CHECK_TYPE, _resource)),
        *(
            function(name, member(identity, _RESOURCE_TEXT, RESOURCE_CHECK_TYPE, _with(field)))
            for name, identity, field in _REFINEMENTS
        ),
        function(
            "check",
            member("pathcheck_check", (PATH_CHECK_TYPE, t.STRING), DECISION_TYPE, _check),
            member("resourcecheck_check", _RESOURCE_TEXT, DECISION_TYPE, _check),
        ),
        function("errored", member("decision_errored", _DECISION, t.BOOL, lambda made: bool(made.answer.error))),
        function("error", member("decision_error", _DECISION, t.STRING, lambda made: made.answer.error)),
        function("allowed", member("decision_allowed", _DECISION, t.BOOL, lambda made: made.answer.allowed)),
        function("reason", member("decision_reason", _DECISION, t.STRING, lambda made: made.answer.reason)),
    ),
)
