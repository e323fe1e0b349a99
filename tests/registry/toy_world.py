"""A Store of toys over memory storage, with a clock and chance of its own, for the tests of this room."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from orlop.api import fields, labels
from orlop.api.context import Context, RequestInfo
from orlop.api.errors import APIError
from orlop.api.field import FieldError, Path, invalid
from orlop.api.gvk import GroupKind, GroupResource
from orlop.api.options import (
    CreateOptions,
    DeleteOptions,
    GetOptions,
    ListOptions,
    Preconditions,
    UpdateOptions,
)
from orlop.registry.interface import ListResult
from orlop.registry.store import Finish, Hooks, Outside, Store, attributes_of
from orlop.registry.strategy import Strategy
from orlop.storage.interface import Entry
from orlop.storage.memory import MemoryStorage
from orlop.storage.watch_cache import WatchCache
from orlop.world.clock import ManualClock
from orlop.world.entropy import RandomEntropy

Tree = dict[str, Any]
PREFIX = "/registry/toys/"
TOYS = GroupResource("play.example.com", "toys")


class ToyStrategy(Strategy):
    """Toys have a `spec.color` (not "invisible"), a status of their own, and, when `grace` is set, a slow death."""

    grace: int | None = None

    def __init__(self, namespaced: bool = True) -> None:
        super().__init__(GroupKind("play.example.com", "Toy"), namespaced,
                         lambda obj: {"spec.color": (obj.get("spec") or {}).get("color", "")})

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        obj["metadata"]["generation"] = 1
        obj.pop("status", None)
        obj.setdefault("prepared", []).append(obj["metadata"]["name"])

    def prepare_for_update(self, ctx: Context, obj: Tree, old: Tree) -> None:
        if obj.get("spec") != old.get("spec"):
            obj["metadata"]["generation"] = old["metadata"]["generation"] + 1

    def _color(self, obj: Tree) -> list[FieldError]:
        color = (obj.get("spec") or {}).get("color")
        return [invalid(Path("spec.color"), color, "nobody sees it")] if color == "invisible" else []

    def validate(self, ctx: Context, obj: Tree) -> list[FieldError]:
        return self._color(obj)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> list[FieldError]:
        return self._color(obj)

    def warnings_on_create(self, ctx: Context, obj: Tree) -> tuple[str, ...]:
        return ("beige is dull",) if (obj.get("spec") or {}).get("color") == "beige" else ()

    def graceful(self, ctx: Context, obj: Tree, options: DeleteOptions) -> int | None:
        if self.grace is None:
            return None
        wanted = options.grace_period_seconds
        return self.grace if wanted is None else wanted


class RecordingHooks(Hooks):
    """What was begun and how it ended; a toy named "unlucky" finds nothing to begin with."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def _begin(self, what: str, obj: Tree) -> Finish:
        name = obj["metadata"]["name"]
        if name == "unlucky":
            raise APIError(500, "InternalError", "no luck left")
        self.told.append(f"{what} {name}")
        return lambda done: self.told.append(f"{what} {name} {'done' if done else 'undone'}")

    def begin_create(self, ctx: Context, obj: Tree, dry_run: bool) -> Finish:
        return self._begin("create", obj)

    def begin_update(self, ctx: Context, obj: Tree, old: Tree, dry_run: bool) -> Finish:
        return self._begin("update", obj)

    def after_delete(self, obj: Entry, dry_run: bool) -> None:
        self.told.append(f"deleted {obj.key.removeprefix(PREFIX)}")


class InterruptibleStorage(MemoryStorage):
    """Runs `before` ahead of the next write: what somebody else does while a request is between two of
    its steps."""

    before: Callable[[str], Awaitable[None]] | None = None

    async def _interrupt(self, what: str) -> None:
        before, self.before = self.before, None
        if before is not None:
            await before(what)

    async def create(self, *args: Any, **kwargs: Any) -> Entry:
        await self._interrupt("create")
        return await super().create(*args, **kwargs)

    async def guaranteed_update(self, *args: Any, **kwargs: Any) -> Entry:
        await self._interrupt("update")
        return await super().guaranteed_update(*args, **kwargs)

    async def delete(self, *args: Any, **kwargs: Any) -> Entry:
        await self._interrupt("delete")
        return await super().delete(*args, **kwargs)


class Change:
    """An update source: a function from the stored object to the new one, which may be awaited."""

    def __init__(self, change: Callable[[Tree], Any], uid: str | None = None) -> None:
        self._change = change
        self.preconditions = Preconditions(uid=uid) if uid else None
        self.calls = 0

    def updated(self, ctx: Context, old: Tree) -> Any:
        self.calls += 1
        return self._change(old)


def admit(new: Tree, old: Tree | None) -> None:
    return None


class Toys:
    """The store and short words for what tests do with it."""

    def __init__(self, storage: InterruptibleStorage, store: Store, clock: ManualClock, hooks: RecordingHooks) -> None:
        self.storage, self.store, self.clock, self.hooks = storage, store, clock, hooks
        self.cache = store.cache
        self.strategy: ToyStrategy = store.strategy  # type: ignore[assignment]

    def ctx(self, namespace: str = "ns") -> Context:
        info = RequestInfo("", "", "apis", TOYS.group, "v1", namespace, TOYS.resource)
        return Context(info=info, namespace=namespace)

    async def create(self, name: str = "bear", color: str = "brown", *, dry_run: bool = False, namespace: str = "ns",
                     admission: Any = admit, **metadata: Any) -> Tree:
        obj = {"kind": "Toy", "apiVersion": "play.example.com/v1", "metadata": {**metadata}, "spec": {"color": color}}
        if name:
            obj["metadata"]["name"] = name
        return tree(await self.store.create(self.ctx(namespace), "", obj, admission, CreateOptions(dry_run)))

    async def update(self, name: str, change: Callable[[Tree], Any], *, dry_run: bool = False, uid: str | None = None,
                     admission: Any = admit, store: Store | None = None, force_create: bool = False) -> Tree:
        source = Change(change, uid)
        stored, _ = await (store or self.store).update(
            self.ctx(), name, source, admission, admission, UpdateOptions(dry_run), force_create=force_create)
        return tree(stored)

    async def paint(self, name: str, color: str, **more: Any) -> Tree:
        return await self.update(name, lambda old: {**old, "spec": {"color": color}}, **more)

    async def delete(self, name: str, *, admission: Any = admit, **options: Any) -> tuple[Tree, bool]:
        gone, at_once = await self.store.delete(self.ctx(), name, admission, DeleteOptions(**options))
        return tree(gone), at_once

    def peek(self, name: str) -> Tree | None:
        entry = self.cache.peek(f"{PREFIX}ns/{name}")
        return entry.tree() if entry is not None else None

    async def list(self, namespace: str = "ns", *, selector: str = "", field: str = "", **options: Any) -> ListResult:
        wanted = ListOptions(labels=labels.parse(selector), fields=fields.parse(field), **options)
        found = self.store.list(self.ctx(namespace), wanted)
        return found if isinstance(found, ListResult) else await found

    async def get(self, name: str, version: str = "") -> Tree:
        found = self.store.get(self.ctx(), name, GetOptions(version))
        return tree(await found if isinstance(found, Awaitable) else found)


def tree(obj: Any) -> Tree:
    return obj.tree() if isinstance(obj, Entry) else obj


def names(result: ListResult) -> list[str]:
    return [tree(item)["metadata"]["name"] for item in result.items]


def play(scenario: Callable[[Toys], Awaitable[None]], *, namespaced: bool = True, grace: int | None = None,
         seed: int = 1) -> None:
    """Run a scenario in a world of its own, and check the storage's invariants at its end."""

    async def playing() -> None:
        clock = ManualClock()
        storage = InterruptibleStorage(clock)
        await storage.start()
        strategy = ToyStrategy(namespaced)
        strategy.grace = grace
        cache = WatchCache(storage, PREFIX, attributes_of(strategy), clock=clock, namespaced=namespaced)
        await cache.start()
        hooks = RecordingHooks()
        store = Store(TOYS, cache, PREFIX, strategy, Outside(clock, RandomEntropy(seed)), hooks)
        async with asyncio.timeout(20):
            await scenario(Toys(storage, store, clock, hooks))
        cache.check_invariants()
        storage.check_invariants()

    asyncio.run(playing())


async def refused(work: Awaitable[Any]) -> APIError:
    """The refusal that `work` ends in."""
    with pytest.raises(APIError) as caught:
        await work
    return caught.value
