"""The reading half of a workload: lists with their pages, and watchers that break off and go on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from contextlib import aclosing
from typing import Any

from links import Link, Linking
from recorder import (
    CUT,
    ENDED,
    GONE,
    INITIAL_EVENTS_END,
    LEFT,
    History,
    Listing,
    ListPage,
    Scope,
    Shown,
    Watched,
    state_of,
)

from raw_client import Lost

AWAY = 0.02
"""Seconds until another attempt when a server takes no connections."""


def objects(namespace: str = "") -> str:
    """The collection's path."""
    return f"/api/v1/namespaces/{namespace}/secrets" if namespace else "/api/v1/secrets"


def selecting(scope: Scope) -> dict[str, str]:
    query = {"fieldSelector": f"metadata.name={scope.name}"} if scope.name else {}
    if scope.group:
        query["labelSelector"] = f"group={scope.group}"
    return query


class Reader:
    def __init__(self, name: str, link: Link, history: History) -> None:
        self.name, self.link, self.history = name, link, history

    async def list(self, scope: Scope, asked: str, match: str, limit: int) -> bool:
        """Record a list with all its pages; whether the link is still good."""
        query = selecting(scope)
        if asked:
            query["resourceVersion"] = asked
        if match:
            query["resourceVersionMatch"] = match
        if limit:
            query["limit"] = str(limit)
        began = self.history.now()
        ended = 0.0
        pages: list[ListPage] = []
        whole, good = True, True
        while True:
            try:
                answer = await self.link.request("GET", objects(scope.namespace), None, query)
            except Lost:
                whole = good = False
                break
            ended = ended or self.history.now()
            if answer.code != 200:
                whole = False
                if answer.code not in (410, 429, 500, 503, 504):
                    self.history.surprises.append(f"list {query}: {answer.code} {answer.body}")
                break
            about = answer.body["metadata"]
            token = about.get("continue", "")
            pages.append(ListPage(int(about["resourceVersion"]), tuple(map(state_of, answer.body["items"])),
                                  about.get("remainingItemCount"), bool(token)))  # fmt: skip
            if not token:
                break
            query = {**selecting(scope), "limit": str(limit), "continue": token}
        listing = Listing(self.name, self.link.server, scope, asked, match, began, ended, tuple(pages), whole)
        self.history.listings.append(listing)
        return good


class Watcher:
    """One watcher: begins in a way of its own, breaks off at random, goes on where it was, on any server. A `faithful`
    one is there from the start of the history and never begins anew: by it writes are known of which the outcome is
    not."""

    task: asyncio.Task[None]

    def __init__(self, name: str, scope: Scope, links: Sequence[Linking], history: History,
                 chance: random.Random, *, faithful: bool = False) -> None:
        self.name, self.scope, self.links, self.history, self.chance = name, scope, links, history, chance
        self.faithful = faithful
        self.chain = history.watcher(name, scope)
        self.last = 0
        self.until = 0
        self.leave_after = 0

    def finish(self, revision: int) -> None:
        """The workload ends with a write at `revision`: when that was told, it is enough."""
        self.until = self.chain.complete_at = revision
        if self.enough:
            self.task.cancel()

    @property
    def enough(self) -> bool:
        return 0 < self.until <= self.last

    def begin_to_follow(self) -> asyncio.Task[None]:
        self.task = asyncio.ensure_future(self.follow())
        return self.task

    async def follow(self) -> None:
        """Until everything was told."""
        while not self.enough:
            link = self.chance.choice(self.links)()
            try:
                await self.request(link, await self.begin(link))
            except Lost:
                await asyncio.sleep(AWAY)
            finally:
                link.close()

    async def begin(self, link: Link) -> Watched:
        """The next request: from where it was, or anew."""
        before = self.chain.requests[-1] if self.chain.requests else None
        if self.faithful and before is None:
            return Watched(link.server, str(self.history.start), False, False, False)
        if before is not None and before.last and before.end != GONE and (
            self.faithful or self.chance.random() < 0.9
        ):
            return Watched(link.server, str(before.last), False, False, True)
        match self.chance.randrange(5):
            case 0:
                return Watched(link.server, "", True, True, False)
            case 1:
                return Watched(link.server, "0", True, True, False)
            case 2:
                return Watched(link.server, str(before.last) if before and before.last else "", True, True, False)
        reader = Reader(self.name, link, self.history)
        await reader.list(self.scope, "", "", 0)
        listing = self.history.listings[-1]
        if not listing.pages:
            raise Lost("no list to begin with", True)
        return Watched(link.server, str(listing.pages[0].revision), False, False, False)

    def query(self, request: Watched) -> dict[str, str]:
        query = {**selecting(self.scope), "allowWatchBookmarks": "true", "timeoutSeconds": "20"}
        if request.since:
            query["resourceVersion"] = request.since
        if request.initial:
            query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        return query

    async def request(self, link: Link, request: Watched) -> None:
        self.chain.requests.append(request)
        self.leave_after = self.chance.choice((1, 3, 10, 40, 1000))
        request.end = LEFT
        try:
            async with aclosing(link.watch(objects(self.scope.namespace), self.query(request))) as events:
                async for event in events:
                    if not self.take(request, event):
                        return
            request.end = ENDED
        except Lost:
            request.end = CUT
            if not request.seen:
                await asyncio.sleep(AWAY)

    def take(self, request: Watched, event: dict[str, Any]) -> bool:
        """Record an event; whether to go on."""
        if event["type"] == "ERROR":
            code = event["object"].get("code")
            request.end = GONE if code == 410 else CUT if code in (429, 500, 503, 504) else str(event["object"])
            return False
        about = event["object"]["metadata"]
        if event["type"] == "BOOKMARK":
            initial = about.get("annotations", {}).get(INITIAL_EVENTS_END) == "true"
            request.add(Shown("BOOKMARK", int(about["resourceVersion"]), None, initial))
        else:
            state = state_of(event["object"])
            request.add(Shown(event["type"], state.revision, state))
        self.last = max(self.last, request.last)
        self.leave_after -= 1
        return not self.enough and self.leave_after > 0
