"""What one write of a service takes and lets go of.

Made by `service_allocation` for each write: addresses and ports are taken before the service is written and given
back when that fails; what the write lets go of is given back when it succeeded. What cannot be given back then stays
taken until the repair of services finds it. Behaviour: kubernetes
`pkg/registry/core/service/{storage/transaction.go,portallocator/operation.go}`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable
from typing import Protocol

import orjson

from orlop.api.errors import APIError
from orlop.api.tree import Tree
from orlop.kinds.address_book import AddressBook, Owner
from orlop.kinds.allocators import DRY_RUN_PORT, AllocationError, PortSet
from orlop.kinds.port_book import PortBook
from orlop.storage.errors import StorageError
from orlop.world.entropy import Entropy

log = logging.getLogger(__name__)


class Ports(Protocol):
    """What a plan takes ports from."""

    def take(self, port: int) -> None:
        """Raises AllocationError."""

    def take_any(self) -> int:
        """Raises AllocationError."""

    def release(self, ports: Iterable[int]) -> None:
        """Once the service is written."""


Plan = Callable[[Tree, Ports], None]
"""Takes what a service's spec needs and notes it there. May be called several times, each time with a new spec."""


class _Wanted(Exception):
    """A plan takes something."""


class _Looking:
    """Finds out whether a plan takes anything."""

    def __init__(self) -> None:
        self.released: list[int] = []

    def take(self, port: int) -> None:
        raise _Wanted

    def take_any(self) -> int:
        raise _Wanted

    def release(self, ports: Iterable[int]) -> None:
        self.released += ports


class _Taking(_Looking):
    """Takes from what is stored."""

    def __init__(self, taken: PortSet, entropy: Entropy) -> None:
        super().__init__()
        self._set, self._entropy = taken, entropy
        self.taken: list[int] = []

    def take(self, port: int) -> None:
        self._set.take(port)
        self.taken.append(port)

    def take_any(self) -> int:
        port = self._set.take_any(self._entropy)
        self.taken.append(port)
        return port


class _Imagining(_Looking):
    """A dry run: takes nothing, and sees what it would have taken itself."""

    def __init__(self, taken: PortSet) -> None:
        super().__init__()
        self._set = taken
        self._imagined: list[int] = []

    def take(self, port: int) -> None:
        if port in self._set or port in self._imagined:
            raise AllocationError("provided port is already allocated")
        self._imagined.append(port)

    def take_any(self) -> int:
        port = max(self._imagined, default=DRY_RUN_PORT - 1) + 1
        self._imagined.append(port)
        return port


class Claim:
    """`finish` must be called once."""

    def __init__(self, addresses: AddressBook, ports: PortBook, entropy: Entropy, owner: Owner, dry_run: bool) -> None:
        self._addresses, self._book, self._entropy = addresses, ports, entropy
        self._owner, self._dry_run = owner, dry_run
        self._taken: list[str] = []
        self._taken_ports: list[int] = []
        self._let_go: list[str] = []
        self._let_go_ports: list[int] = []

    async def address(self, family: str, text: str) -> str:
        """`text`, or any address when it is empty. Raises AllocationError."""
        if self._dry_run:
            if not text:
                return self._addresses.imagined(family)
            self._addresses.check(family, text)
            return text
        if text:
            await self._addresses.take(family, text, self._owner)
        else:
            text = await self._addresses.take_any(family, self._owner)
        self._taken.append(text)
        return text

    def release_address(self, text: str) -> None:
        """Once the service is written."""
        self._let_go.append(text)

    async def ports(self, spec: Tree, plan: Plan) -> None:
        """Carry out `plan` upon `spec`. Storage is asked only when it takes something. Raises what `plan` raises."""
        text = orjson.dumps(spec)
        looking = _Looking()
        trial: Tree = orjson.loads(text)
        try:
            plan(trial, looking)
        except _Wanted:
            trial, looking = await self._take_ports(text, plan)
        self._let_go_ports += looking.released
        spec.clear()
        spec.update(trial)

    async def _take_ports(self, text: bytes, plan: Plan) -> tuple[Tree, _Looking]:
        if self._dry_run:
            spec: Tree = orjson.loads(text)
            imagining = _Imagining(await self._book.read())
            plan(spec, imagining)
            return spec, imagining

        def edit(taken: PortSet) -> tuple[Tree, _Taking]:
            spec, taking = orjson.loads(text), _Taking(taken, self._entropy)
            plan(spec, taking)
            return spec, taking

        spec, taking = await self._book.change(edit)
        self._taken_ports += taking.taken
        return spec, taking

    async def finish(self, done: bool) -> None:
        if self._dry_run:
            return
        if done:
            await give_back(self._addresses, self._book, self._owner, self._let_go, self._let_go_ports)
        else:
            await give_back(self._addresses, self._book, self._owner, self._taken, self._taken_ports)


async def give_back(addresses: AddressBook, book: PortBook, owner: Owner, texts: Iterable[str],
                    ports: Collection[int]) -> None:
    """The service's write is decided: a failure here is told to nobody and mended by the repair."""
    try:
        for text in texts:
            await addresses.free(text, owner)
        if ports:
            await book.change(lambda taken: _free(taken, ports))
    except (APIError, StorageError) as problem:
        log.warning("service %s/%s: what it had stays taken for now: %s", owner.namespace, owner.name, problem)


def _free(taken: PortSet, ports: Iterable[int]) -> None:
    for port in ports:
        taken.free(port)


