"""The filter chain: the order of its filters, and what it does to every answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any

import orjson
import pytest

from orlop.api import errors
from orlop.api.context import User
from orlop.api.gvk import GroupVersion
from orlop.api.http import Answer, Request, Response
from orlop.auth.interface import Decision
from orlop.server.filter_chain import FilterChain
from orlop.server.in_flight import InFlight
from orlop.server.paths import Paths

ALICE = User("alice", ("devs",))


class World:
    """A chain between fakes that note when they are asked."""

    def __init__(self, *, known: bool = True, allowed: bool = True, most: int = 0, verb: Any = None) -> None:
        self.asked: list[str] = []
        self.known, self.allowed = known, allowed
        self.verb = verb or (lambda scope, request: Response(200, b"{}"))
        paths = Paths(lambda request: Response(404, b"nothing", "text/plain"))
        paths.add("/version", lambda request: Response(200, b"v", "text/plain"))
        paths.add("/healthz/", lambda request: Response(200, b"h", "text/plain"))
        self.in_flight = InFlight(most, most)
        self.user = ALICE
        me: Any = self
        self.chain = FilterChain(me, paths, me, me, self.in_flight)

    def authenticate(self, request: Request) -> User:
        self.asked.append("authenticate")
        if not self.known:
            raise errors.unauthorized()
        return self.user

    def authorize(self, attributes: Any) -> Decision:
        self.asked.append(f"authorize {attributes.user.name} {attributes.verb}")
        return Decision(self.allowed, "because")

    def serves(self, version: GroupVersion) -> bool:
        return version == ("", "v1")

    def find(self, info: Any, method: str) -> tuple[Any, Any]:
        self.asked.append("route")

        class Scope:
            warning = "old" if info.resource == "endpoints" else ""

        return self.verb, Scope()

    def ask(self, method: str = "GET", path: str = "/api/v1/pods", **headers: str) -> Answer:
        answer = self.chain.handle(Request(method, path, headers=dict(headers)))
        if isinstance(answer, Awaitable):
            async def awaited() -> Answer:
                return await answer

            return asyncio.run(awaited())
        return answer


def code(answer: Answer) -> int:
    assert isinstance(answer, Response)
    return answer.status


def body(answer: Answer) -> Any:
    assert isinstance(answer, Response) and isinstance(answer.body, bytes)
    return orjson.loads(answer.body)


def test_order() -> None:
    """Who are you, as whom, may you, then the verb."""
    world = World()
    assert code(world.ask()) == 200
    assert world.asked == ["authenticate", "authorize alice list", "route"]


def test_unknown_callers_go_no_further() -> None:
    """401 before anybody is asked whether something is allowed or exists."""
    world = World(known=False)
    assert body(world.ask())["code"] == 401 and world.asked == ["authenticate"]


def test_forbidden_before_not_found() -> None:
    """Whether a path exists is told only to those who may ask; the refusal names what was asked for."""
    world = World(allowed=False)
    refusal = body(world.ask(path="/api/v1/namespaces/a/pods/b"))
    assert refusal["message"] == ('pods "b" is forbidden: User "alice" cannot get resource "pods" in API group "" in '
                                  'the namespace "a": because')
    assert "route" not in world.asked
    assert code(world.ask(path="/nothing")) == 403


def test_impersonation_comes_between() -> None:
    """The one acted as is the one authorized; the right to act so is the caller's."""
    world = World()
    world.ask(**{"impersonate-user": "bob"})
    assert world.asked[-2:] == ["authorize bob list", "route"]
    assert any(ask.startswith("authorize alice impersonate") for ask in world.asked)


def test_plain_paths() -> None:
    """What is no resource, or of a version that is not served, goes to the paths, authorized like everything."""
    world = World()
    for path, expected in (("/version", 200), ("/healthz/ping", 200), ("/other", 404), ("/api/v9/pods", 404)):
        assert code(world.ask(path=path)) == expected
    assert "route" not in world.asked and world.asked.count("authorize alice get") == 3


def test_paths_that_promise_a_resource() -> None:
    """/api/v1/watch names none: 500, as upstream's filter says it."""
    answer = World().ask(path="/api/v1/watch")
    assert code(answer) == 500
    assert isinstance(answer, Response) and b"unable to determine kind and namespace from url" in answer.body


def test_nothing_is_cached() -> None:
    """Answers that say nothing else about caching must not be cached; the others keep their word."""
    assert World().ask().headers == (("Cache-Control", "no-cache, private"),)
    own = (("Cache-Control", "public"),)
    assert World(verb=lambda s, r: Response(200, b"", headers=own)).ask().headers == own
    other = (("X", "y"),)
    assert World(verb=lambda s, r: Response(200, b"", headers=other)).ask().headers == (
        *other, ("Cache-Control", "no-cache, private"))


@pytest.mark.parametrize("awaited", [False, True])
def test_refusals_of_verbs(awaited: bool) -> None:
    """What a verb refuses, at once or later, becomes a Status with its headers."""

    async def later() -> Response:
        raise errors.too_many_requests("slowly", 7)

    def refuse(scope: Any, request: Request) -> Any:
        if awaited:
            return later()
        raise errors.too_many_requests("slowly", 7)

    answer = World(verb=refuse).ask()
    assert body(answer)["code"] == 429 and ("Retry-After", "7") in answer.headers


def test_warnings_become_headers() -> None:
    """Those of the resource, and those that came up on the way, without repeats."""

    def warn(scope: Any, request: Request) -> Response:
        request.context.warn("old")
        request.context.warn("odd")
        return Response(200, b"{}")

    answer = World(verb=warn).ask(path="/api/v1/endpoints")
    assert [value for name, value in answer.headers if name == "Warning"] == ['299 - "old"', '299 - "odd"']


def test_bugs_are_not_hidden() -> None:
    """What is no refusal reaches the transport, which logs it and answers."""
    with pytest.raises(ZeroDivisionError):
        World(verb=lambda s, r: 1 / 0).ask()


def test_too_much_at_once() -> None:
    """Writes beyond the limit are 429 with a second to wait; reads, administrators and later writes are not."""

    async def scenario() -> None:
        gate = asyncio.Event()

        async def slow() -> Response:
            await gate.wait()
            return Response(200, b"{}")

        world = World(most=2, verb=lambda s, r: slow() if r.method == "POST" else Response(200, b"{}"))
        waiting = [asyncio.ensure_future(world.chain.handle(Request("POST", "/api/v1/pods"))) for _ in range(2)]
        await asyncio.sleep(0)
        assert world.in_flight.mutating == 2
        refused = world.chain.handle(Request("POST", "/api/v1/pods"))
        assert code(refused) == 429 and ("Retry-After", "1") in refused.headers  # type: ignore[union-attr,arg-type]
        assert code(world.chain.handle(Request("GET", "/api/v1/pods"))) == 200  # type: ignore[arg-type]
        world.user = User("root", ("system:masters",))
        waiting.append(asyncio.ensure_future(world.chain.handle(Request("POST", "/api/v1/pods"))))
        gate.set()
        assert [code(answer) for answer in await asyncio.gather(*waiting)] == [200, 200, 200]
        assert world.in_flight.mutating == 0

    asyncio.run(scenario())


def test_abandoned_requests_are_not_counted_on() -> None:
    """A request that is cancelled or fails makes room."""

    async def scenario() -> None:
        async def fail() -> Response:
            raise errors.bad_request("no")

        async def hang() -> Response:
            await asyncio.Event().wait()
            raise AssertionError

        world = World(most=1, verb=lambda s, r: fail() if r.method == "GET" else hang())
        await world.chain.handle(Request("GET", "/api/v1/pods"))  # type: ignore[misc]
        hanging = asyncio.ensure_future(world.chain.handle(Request("POST", "/api/v1/pods")))
        await asyncio.sleep(0)
        assert (world.in_flight.reading, world.in_flight.mutating) == (0, 1)
        hanging.cancel()
        await asyncio.gather(hanging, return_exceptions=True)
        assert world.in_flight.mutating == 0

    asyncio.run(scenario())
