"""Cluster IPs as objects: whoever creates the IPAddress of an address first has the address, in whichever replica.

Used by `service_claim` while a service is written and by the repair of services. Which ranges there are, the
ServiceCIDRs say; until the default one exists, the configured ranges stand for it. What is taken is read from the
cache, which may be behind: creation decides. Behaviour and texts: kubernetes
`pkg/registry/core/service/ipallocator/{ipallocator,cidrallocator}.go`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Final, NamedTuple, Protocol

from orlop.api.context import SYSTEM_USER, Context, RequestInfo
from orlop.api.errors import APIError
from orlop.api.options import CreateOptions, DeleteOptions
from orlop.api.tree import Tree
from orlop.kinds.allocators import FULL, AddressRange, AllocationError
from orlop.registry.store import Store
from orlop.storage.interface import Entry
from orlop.storage.predicate import EVERYTHING
from orlop.storage.watch_cache import WatchCache
from orlop.world.entropy import Entropy

GROUP: Final = "networking.k8s.io"
ADDRESSES: Final = "ipaddresses"
RANGES: Final = "servicecidrs"
DEFAULT_RANGE: Final = "kubernetes"
"""The ServiceCIDR that is made from --service-cluster-ip-range."""
FAMILY_LABEL: Final = "ipaddress.kubernetes.io/ip-family"
MANAGER_LABEL: Final = "ipaddress.kubernetes.io/managed-by"
MANAGER: Final = "ipallocator.k8s.io"
SERVICES: Final = "services"
_MEMO: Final = "service-ranges"


class Owner(NamedTuple):
    """The service that an address is for."""

    namespace: str
    name: str

    @property
    def reference(self) -> Tree:
        return {"resource": SERVICES, "namespace": self.namespace, "name": self.name}


def address_object(text: str, owner: Owner) -> Tree:
    """The IPAddress of a service's address."""
    labels = {FAMILY_LABEL: f"IPv{ip_address(text).version}", MANAGER_LABEL: MANAGER}
    return {"metadata": {"name": text, "labels": labels}, "spec": {"parentRef": owner.reference}}


def owner_of(address: Tree) -> Owner | None:
    """Whose an IPAddress is; None when it is not a service's."""
    reference: Tree = (address.get("spec") or {}).get("parentRef") or {}
    if reference.get("group") or reference.get("resource") != SERVICES:
        return None
    return Owner(reference.get("namespace") or "", reference.get("name") or "")


class Register(Protocol):
    """Where addresses are noted."""

    def knows(self, text: str) -> bool:
        """Whether somebody has it, as far as is known here."""

    async def enter(self, text: str, owner: Owner) -> bool:
        """False when somebody has it."""

    async def strike(self, text: str, owner: Owner) -> None:
        """Give it back, unless it is another's by now."""


class _Another(Exception):
    """The address belongs to somebody else."""


class StoredRegister:
    """IPAddress objects."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def _context(self, verb: str, name: str) -> Context:
        info = RequestInfo(verb, "", "apis", GROUP, "v1", "", ADDRESSES, "", name)
        return Context(SYSTEM_USER, info, "", "orlop")

    def knows(self, text: str) -> bool:
        return self._store.cache.peek(self._store.prefix + text) is not None

    async def enter(self, text: str, owner: Owner) -> bool:
        try:
            await self._store.create(self._context("create", text), "", address_object(text, owner), _admit,
                                     CreateOptions())
        except APIError as problem:
            if problem.reason == "AlreadyExists":
                return False
            raise
        return True

    async def strike(self, text: str, owner: Owner) -> None:
        def check(new: Tree, old: Tree | None) -> None:
            if owner_of(new) != owner:
                raise _Another

        try:
            await self._store.delete(self._context("delete", text), text, check, DeleteOptions())
        except _Another:
            return
        except APIError as problem:
            if problem.code != 404:
                raise


def _admit(new: Tree, old: Tree | None) -> None:
    """Addresses of services are not subject to admission."""


class AddressBook:
    """`configured`: the ranges of the command line, the default family's first. `ranges`: the cache of ServiceCIDRs,
    None for a server without them."""

    def __init__(self, configured: Sequence[str], register: Register, ranges: WatchCache | None,
                 entropy: Entropy) -> None:
        self._configured = [AddressRange(text.strip()) for text in configured]
        self.families = tuple(each.family for each in self._configured)
        self._register, self._cache, self._entropy = register, ranges, entropy

    def _ranges(self, family: str) -> Iterator[AddressRange]:
        """Those in use: the default first, then by name."""
        entries = [] if self._cache is None else list(self._cache.select(EVERYTHING).entries)
        entries.sort(key=lambda entry: not _is_default(entry))
        if not entries or not _is_default(entries[0]):
            yield from (each for each in self._configured if each.family == family)
        for entry in entries:
            yield from (each for each in _usable(entry) if each.family == family)

    def check(self, family: str, text: str) -> str:
        """The address in its usual spelling. Raises AllocationError when it is in no range."""
        text = str(ip_address(text))
        if not any(text in each for each in self._ranges(family)):
            raise AllocationError("the provided network does not match the current range")
        return text

    async def take(self, family: str, text: str, owner: Owner) -> None:
        """Raises AllocationError."""
        if not await self._register.enter(self.check(family, text), owner):
            raise AllocationError("provided IP is already allocated")

    async def take_any(self, family: str, owner: Owner) -> str:
        """Raises AllocationError."""
        lost: set[str] = set()  # to others, faster than the cache learns of it
        for each in self._ranges(family):
            while (text := each.free_address(lambda text: text in lost or self._register.knows(text),
                                             self._entropy)) is not None:
                if await self._register.enter(text, owner):
                    return text
                lost.add(text)
        raise AllocationError(FULL)

    def imagined(self, family: str) -> str:
        """What a dry run shows: an address that nobody gets. Raises AllocationError when there is no range."""
        for each in self._ranges(family):
            return str(each.network.network_address)
        raise AllocationError(FULL)

    async def free(self, text: str, owner: Owner) -> None:
        await self._register.strike(str(ip_address(text)), owner)


def _is_default(entry: Entry) -> bool:
    return entry.key.endswith("/" + DEFAULT_RANGE)


def _usable(entry: Entry) -> list[AddressRange]:
    """The ranges of a ServiceCIDR that is ready and not about to go; kept with the entry, parsed once."""
    if entry.memo is None:
        entry.memo = {}
    found: list[AddressRange] | None = entry.memo.get(_MEMO)
    if found is None:
        tree = entry.tree()
        found = entry.memo[_MEMO] = [AddressRange(text) for text in ranges_of(tree)] if is_ready(tree) else []
    return found


def ranges_of(service_cidr: Tree) -> list[str]:
    listed: list[str] = (service_cidr.get("spec") or {}).get("cidrs") or []
    return listed


def is_ready(service_cidr: Tree) -> bool:
    """Also when nobody has said anything about it, for clusters without a controller that would."""
    if service_cidr["metadata"].get("deletionTimestamp"):
        return False
    conditions: list[Tree] = (service_cidr.get("status") or {}).get("conditions") or []
    return next((each.get("status") == "True" for each in conditions if each.get("type") == "Ready"), True)
