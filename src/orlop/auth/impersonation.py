"""Acting as somebody else, with the Impersonate-* headers (apiserver `endpoints/filters/impersonation`).

The impersonation filter calls this between authentication and authorization. Five ways ("modes") are tried;
each asks the authorizer several questions. The constrained ones (KEP 5284) ask first whether this very
request may be made while impersonating (verb `impersonate-on:<mode>:<verb>`), then whether the user may be
impersonated (verb `impersonate:<mode>`); the legacy one asks only for the verb `impersonate`. Nothing is
cached here but which mode last worked for whom: the authorizer's own memory makes the questions cheap.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple
from urllib.parse import unquote

from orlop.api import domain_names, errors
from orlop.api.context import RequestInfo, User
from orlop.api.errors import APIError
from orlop.api.field import Path, aggregate, quote
from orlop.api.http import Request
from orlop.auth import identities
from orlop.auth.forbidden import refusal
from orlop.auth.interface import Attributes, Authorizer

MAX_REMEMBERED_MODES: Final = 10_000
"""Callers whose last successful mode is remembered; beyond, the one remembered first is forgotten."""
_MANY: Final = 4
"""From so many groups or extra values on, one wildcard question is asked first."""

_AUTHENTICATION: Final = "authentication.k8s.io"
_EXTRA: Final = "impersonate-extra-"
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def _only_name(wanted: User) -> bool:
    return not (wanted.uid or wanted.groups or wanted.extra)


def _is_own_node(wanted: User, caller: User) -> bool:
    """Whether a service account asks for the node that its token is bound to."""
    name = identities.node_name(wanted.name)
    return bool(name and _only_name(wanted) and identities.split_service_account(caller.name)
                and identities.extra_values(caller, identities.NODE_NAME) == (name,))


def _is_node(wanted: User, caller: User) -> bool:
    return _only_name(wanted) and bool(identities.node_name(wanted.name))


def _is_service_account(wanted: User, caller: User) -> bool:
    return _only_name(wanted) and identities.split_service_account(wanted.name) is not None


def _is_other(wanted: User, caller: User) -> bool:
    return not identities.node_name(wanted.name) and identities.split_service_account(wanted.name) is None


class _Mode(NamedTuple):
    """`name` "" is the legacy mode."""

    name: str
    applies: Callable[[User, User], bool]


_MODES: Final = (
    _Mode("associated-node", _is_own_node),
    _Mode("arbitrary-node", _is_node),
    _Mode("serviceaccount", _is_service_account),
    _Mode("user-info", _is_other),
    _Mode("", lambda wanted, caller: True),
)


class Impersonation:
    def __init__(self, authorizer: Authorizer) -> None:
        self._authorizer = authorizer
        self._last_mode: dict[str, _Mode] = {}

    def acting_user(self, request: Request, user: User, info: RequestInfo) -> User:
        """The user to go on with: `user`, unless the request asks for another one. Raises 400 for headers
        without a user and 403 for a user that may not be impersonated. The headers are taken out of the
        request."""
        for name in request.headers:
            if name[:12] == "impersonate-":
                break
        else:
            return user
        wanted = wanted_user(request)
        if wanted is None:
            return user
        acting = self._impersonated(wanted, Attributes.of(user, info))
        _clear(request)
        return acting

    def _impersonated(self, wanted: User, asked: Attributes) -> User:
        caller = asked.user
        last = self._last_mode.get(caller.name)
        modes = _MODES if last is None else (last, *(mode for mode in _MODES if mode is not last))
        first: APIError | None = None
        for mode in modes:
            if not mode.applies(wanted, caller):
                continue
            try:
                acting = _Attempt(self._authorizer, mode.name, wanted, asked).user()
            except APIError as refused:
                first = first or refused
                continue
            self._remember(caller.name, mode)
            return acting
        assert first is not None  # the legacy mode applies to all
        raise first

    def _remember(self, name: str, mode: _Mode) -> None:
        if self._last_mode.get(name) is mode:
            return
        if len(self._last_mode) >= MAX_REMEMBERED_MODES:
            del self._last_mode[next(iter(self._last_mode))]
        self._last_mode[name] = mode


class _Attempt:
    """One mode tried on one request."""

    def __init__(self, authorizer: Authorizer, mode: str, wanted: User, asked: Attributes) -> None:
        self._authorizer, self._mode, self._wanted, self._asked = authorizer, mode, wanted, asked
        self._caller = asked.user
        if mode == "associated-node":
            # the answer must hold on every node, so the questions leave out what differs between them
            keys = tuple(sorted(key for key, _ in asked.user.extra))
            extra = (("authentication.kubernetes.io/associated-node-keys", keys),)
            self._caller = User(asked.user.name, asked.user.groups, asked.user.uid, extra)
        self._verb = f"impersonate:{mode}" if mode else "impersonate"
        self._group = _AUTHENTICATION if mode else ""

    def user(self) -> User:
        """The impersonated user. Raises the 403 of the first question that was denied."""
        wanted = self._wanted
        if self._mode:
            verb = f"impersonate-on:{self._mode}:{self._asked.verb}"
            self._demand(self._asked.asked_by(self._caller, verb))
        groups = self._check_name()
        if wanted.uid:
            self._demand(self._question(_AUTHENTICATION, "uids", wanted.uid))
        self._check_groups()
        self._check_extra()
        if wanted.name == identities.ANONYMOUS:
            if identities.UNAUTHENTICATED not in groups:
                groups = (*groups, identities.UNAUTHENTICATED)
        elif identities.UNAUTHENTICATED not in groups and identities.AUTHENTICATED not in groups:
            groups = (*groups, identities.AUTHENTICATED)
        return User(wanted.name, groups, wanted.uid, wanted.extra)

    def _question(self, group: str, resource: str, name: str, *, subresource: str = "",
                  namespace: str = "") -> Attributes:
        """The version is v1 of core and of authentication.k8s.io alike."""
        return Attributes(self._caller, self._verb, group, "v1", resource, subresource, namespace, name)

    def _demand(self, question: Attributes) -> None:
        decision = self._authorizer.authorize(question)
        if not decision.allowed:
            reason = ": ".join(text for text in (decision.error, decision.reason) if text)
            raise refusal(question, reason)

    def _check_name(self) -> tuple[str, ...]:
        """May the name be taken? Returns the groups that go with it."""
        wanted = self._wanted
        account = identities.split_service_account(wanted.name)
        if account is not None:
            namespace, name = account
            self._demand(self._question(self._group, "serviceaccounts", name, namespace=namespace))
            return wanted.groups or identities.service_account_groups(namespace)
        node = identities.node_name(wanted.name) if self._mode else ""
        if node:
            shown = "*" if self._mode == "associated-node" else node
            self._demand(self._question(self._group, "nodes", shown))
            return (identities.NODES,)
        self._demand(self._question(self._group, "users", wanted.name))
        return wanted.groups

    def _check_groups(self) -> None:
        groups = self._wanted.groups
        if self._mode:
            if "" in groups:
                raise refusal(self._question(self._group, "groups", ""),
                              "impersonating the empty string group is not allowed")
            if identities.MASTERS in groups:
                raise refusal(self._question(self._group, "groups", identities.MASTERS),
                              "impersonating the system:masters group is not allowed")
            if len(groups) >= _MANY and self._may(self._question(self._group, "groups", "*")):
                return
        for group in groups:
            self._demand(self._question(self._group, "groups", group))

    def _check_extra(self) -> None:
        extra = self._wanted.extra
        if not extra:
            return
        if self._mode:
            problem = next(filter(None, (_extra_problem(key, values) for key, values in extra)), "")
            if problem:
                raise refusal(self._question(_AUTHENTICATION, "userextras", ""), problem)
            many = len(extra) >= _MANY or sum(len(values) for _, values in extra) >= _MANY
            if many and self._may(self._question(_AUTHENTICATION, "userextras", "*", subresource="*")):
                return
        for key, values in extra:
            for value in values:
                self._demand(self._question(_AUTHENTICATION, "userextras", value, subresource=key))

    def _may(self, question: Attributes) -> bool:
        return self._authorizer.authorize(question).allowed


def _extra_problem(key: str, values: tuple[str, ...]) -> str:
    """Why the constrained modes do not take an extra entry, "" when they do."""
    if not key:
        return "impersonating the empty string key in extra is not allowed"
    found = domain_names.domain_prefixed_path(Path("extra.key"), key)
    if found:
        return f"impersonating an invalid key in extra is not allowed: {aggregate(found)}"
    if key != key.lower():
        return f"impersonating a non-lowercase key in extra is not allowed: {quote(key)}"
    if "" in values:
        return "impersonating the empty string value in extra is not allowed"
    return ""


def wanted_user(request: Request) -> User | None:
    """The user the headers ask for, as they say; None when they ask for none. Raises 400."""
    name = uid = ""
    groups: list[str] = []
    extra: dict[str, list[str]] = {}
    for header, value in request.header_list:
        header = header.lower()
        if header == "impersonate-user":
            name = name or value
        elif header == "impersonate-uid":
            uid = uid or value
        elif header == "impersonate-group":
            groups.append(value)
        elif header.startswith(_EXTRA):
            extra.setdefault(_unescaped(header[len(_EXTRA):]), []).append(value)
    if name:
        found = tuple((key, tuple(values)) for key, values in sorted(extra.items()))
        return User(name, tuple(groups), uid, found)
    if not (uid or groups or extra):
        return None
    shown_groups = _go_list(groups) if groups else "[]string(nil)"
    shown = f'&user.DefaultInfo{{Name:"", UID:{quote(uid)}, Groups:{shown_groups}, Extra:{_go_map(extra)}}}'
    raise errors.bad_request(f"requested {shown} without impersonating a user name")


def _unescaped(key: str) -> str:
    """The key, percent-decoded; as it is when it cannot be."""
    return key if _BAD_ESCAPE.search(key) else unquote(key)


def _go_list(values: list[str]) -> str:
    return "[]string{" + ", ".join(map(quote, values)) + "}"


def _go_map(extra: dict[str, list[str]]) -> str:
    if not extra:
        return "map[string][]string(nil)"
    members = ", ".join(f"{quote(key)}:{_go_list(values)}" for key, values in sorted(extra.items()))
    return "map[string][]string{" + members + "}"


def _clear(request: Request) -> None:
    """Nothing after this filter may act upon the headers."""
    names = ("impersonate-user", "impersonate-uid", "impersonate-group")
    for header in [h for h in request.headers if h in names or h.startswith(_EXTRA)]:
        del request.headers[header]
    request.header_list[:] = [(h, v) for h, v in request.header_list
                              if h.lower() not in names and not h.lower().startswith(_EXTRA)]
