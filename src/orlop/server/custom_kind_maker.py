"""Makes what serves a definition: its watch cache over the server's storage, its kind with a converter.

Made by `application`, called by `custom_kinds`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from orlop.apply.node import Node
from orlop.kinds.custom.conversion import Converter, Renaming
from orlop.kinds.custom.definition import Definition
from orlop.kinds.custom.fields import SelectableFields
from orlop.kinds.custom.kind import CustomKind
from orlop.kinds.custom.program import Program
from orlop.kinds.custom.webhook import WebhookConverter
from orlop.registry.store import Outside, Store, attributes_of
from orlop.registry.strategy import Strategy
from orlop.server.webhook_post import WebhookPost
from orlop.storage.interface import Storage
from orlop.storage.watch_cache import WatchCache


class CustomKindMaker:
    """`metadata` gives the type of all objects' metadata, `stores` are those that services are looked up in, `programs`
    go with definitions by their names."""

    def __init__(self, storage: Storage, outside: Outside, metadata: Callable[[], Node],
                 stores: Mapping[tuple[str, str], Store], programs: Mapping[str, Program]) -> None:
        self._storage, self._outside, self._metadata, self._stores = storage, outside, metadata, stores
        self._plain, self._programs = Renaming(), programs

    def cache(self, definition: Definition) -> WatchCache:
        kind = definition.in_version(definition.stored.name).group_kind
        strategy = Strategy(kind, definition.namespaced, SelectableFields(definition).values)
        return WatchCache(self._storage, f"/registry/{definition.prefix}/", attributes_of(strategy),
                          clock=self._outside.clock, namespaced=definition.namespaced)

    def kind(self, definition: Definition, cache: WatchCache, settled: int) -> CustomKind:
        return CustomKind(definition, cache, self._outside, self._converter(definition), settled, self._metadata,
                          self._programs.get(definition.name))

    def _converter(self, definition: Definition) -> Converter:
        if not definition.webhook:
            program = self._programs.get(definition.name)
            return program.converter if program is not None and program.converter is not None else self._plain
        webhook = definition.conversion.get("webhook") or {}
        return WebhookConverter(webhook.get("conversionReviewVersions") or (),
                                WebhookPost(webhook.get("clientConfig") or {}, self._stores), self._outside.entropy.uid)
