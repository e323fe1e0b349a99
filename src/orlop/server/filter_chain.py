"""The filter chain: what every request passes, in order. The order is the list FILTERS; reading it is reading the
documentation.

Called by the listener and the in-process transport with a request; ends in the router (resources) or in one of the
plain paths (discovery, OpenAPI, health, metrics, version). A filter returns None to go on, or an answer. Modelled on
apiserver `pkg/server/config.go` DefaultBuildHandlerChain.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from orlop.api.context import Context
from orlop.api.errors import APIError
from orlop.api.gvk import GroupVersion
from orlop.api.http import Answer, Request, Response, Upgrade
from orlop.api.request_info import UnknownRequest, request_info
from orlop.auth.forbidden import refusal
from orlop.auth.impersonation import Impersonation
from orlop.auth.interface import Attributes, Authorizer
from orlop.auth.union import AuthenticatorChain
from orlop.endpoints import response
from orlop.endpoints.past import PREFIX, Past
from orlop.endpoints.router import Router
from orlop.server.in_flight import InFlight
from orlop.server.paths import Paths

Filter: TypeAlias = Callable[[Request], "Answer | Awaitable[Answer] | None"]
CatchUp: TypeAlias = Callable[[], Awaitable[None]]
"""Returns when what is stored is known here, whoever wrote it. Raises APIError."""
_LONG_RUNNING = frozenset({"watch", "proxy"})
_NO_STORE = (("Cache-Control", "no-cache, private"),)


class FilterChain:
    """One instance a server; `handle` is the server's handler."""

    def __init__(self, router: Router, paths: Paths, authenticator: AuthenticatorChain, authorizer: Authorizer,
                 in_flight: InFlight, catch_up: CatchUp | None = None) -> None:
        self._catch_up = catch_up
        self._router, self._paths, self._past = router, paths, Past(router)
        self._authenticator, self._authorizer = authenticator, authorizer
        self._impersonation, self._in_flight = Impersonation(authorizer), in_flight
        self.filters: tuple[Filter, ...] = (
            self._request_info,
            self._authenticate,
            self._impersonate,
            self._limit,
            self._authorize,
            self._route,
        )

    def handle(self, request: Request) -> Answer | Awaitable[Answer]:
        step = None
        try:
            for step in self.filters:
                answer = step(request)
                if answer is not None:
                    break
        except APIError as error:
            if self._catch_up is not None and error.code in (401, 403) and step != self._route:
                return self._finish_later(request, self._ask_again(request, self._catch_up))
            answer = response.answer_error(request, error)
        if answer is None:
            raise AssertionError("the last filter always answers")
        if isinstance(answer, Awaitable):
            return self._finish_later(request, answer)
        return self._finish(request, answer)

    async def _ask_again(self, request: Request, catch_up: CatchUp) -> Answer:
        """A caller was refused by what is known here. Another server may just have stored the account or the role that
        lets them in, and told them so."""
        await catch_up()
        for step in self.filters[1:]:
            answer = step(request)
            if answer is not None:
                return answer if not isinstance(answer, Awaitable) else await answer
        raise AssertionError("the last filter always answers")

    async def _finish_later(self, request: Request, pending: Awaitable[Answer]) -> Answer:
        try:
            answer = await pending
        except APIError as error:
            answer = response.answer_error(request, error)
        return self._finish(request, answer)

    @staticmethod
    def _finish(request: Request, answer: Answer) -> Answer:
        if isinstance(answer, Upgrade):
            return answer  # these are the words of whoever is spoken with from now on
        if not answer.headers:
            answer.headers = _NO_STORE
        elif not any(name == "Cache-Control" for name, _ in answer.headers):
            answer.headers = (*answer.headers, *_NO_STORE)
        context = getattr(request, "context", None)
        if context is not None and context.warnings:
            answer.headers = response.add_warnings(context, answer.headers)
        return answer

    # --- the filters, in order -----------------------------------------------------------------------------------

    def _request_info(self, request: Request) -> Answer | None:
        """What is asked for. Everything below reads `request.context`."""
        try:
            info = request_info(request)
            if not info.resource:
                info = self._past.info(request, info)
        except UnknownRequest as error:
            return Response(500, f"{error}\n".encode(), "text/plain; charset=utf-8")
        request.context = Context(info=info, namespace=info.namespace,
                                  user_agent=request.headers.get("user-agent", ""))
        return None

    def _authenticate(self, request: Request) -> None:
        request.context.user = self._authenticator.authenticate(request)

    def _impersonate(self, request: Request) -> None:
        context = request.context
        context.user = self._impersonation.acting_user(request, context.user, context.info)

    def _limit(self, request: Request) -> None:
        self._in_flight.check(request)

    def _authorize(self, request: Request) -> None:
        context = request.context
        attributes = Attributes.of(context.user, context.info)
        decision = self._authorizer.authorize(attributes)
        if not decision.allowed:
            raise refusal(attributes, decision.reason)

    def _route(self, request: Request) -> Answer | Awaitable[Answer]:
        info = request.context.info
        if not info.resource or not self._router.serves(GroupVersion(info.group, info.version)):
            return self._paths.serve(request)
        if info.prefix == PREFIX:
            answer = self._past.serve(request)
        else:
            verb, scope = self._router.find(info, request.method)
            if scope.warning:
                request.context.warn(scope.warning)
            answer = verb(scope, request)
        if inspect.iscoroutine(answer) and info.verb not in _LONG_RUNNING:
            return self._in_flight.counted(request, answer)
        return answer


