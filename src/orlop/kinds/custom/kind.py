"""One custom kind, ready to be served: schemas, strategies, stores and rooms of each version of a definition.

Made by `server.custom_kinds` when a definition is established and again whenever its rules change, over a watch cache
that stays. Nothing is compiled before it is needed: a definition that nobody uses costs its text and a few objects.
Behaviour: apiextensions-apiserver `pkg/apiserver/customresource_handler.go` getOrCreateServingInfoFor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, partial
from typing import Any

import orjson

from orlop.api.tree import Tree
from orlop.apply.node import Node
from orlop.apply.tracking import FieldManager
from orlop.kinds.custom import columns
from orlop.kinds.custom.bodies import Bodies
from orlop.kinds.custom.comparing import Comparing
from orlop.kinds.custom.conversion import Converter, Renaming
from orlop.kinds.custom.definition import Definition, Version
from orlop.kinds.custom.fields import SelectableFields
from orlop.kinds.custom.guard import Guard, GuardedStore
from orlop.kinds.custom.ownership import CustomTypes, field_manager, replica_places, same
from orlop.kinds.custom.program import Program, Rules, verbs
from orlop.kinds.custom.scale import CustomScale
from orlop.kinds.custom.store import CustomStore
from orlop.kinds.custom.strategy import CustomStatusStrategy, CustomStrategy
from orlop.kinds.custom.window import Window
from orlop.kinds.declaration import Resource
from orlop.kinds.printers import Printer
from orlop.registry.store import Outside
from orlop.storage.watch_cache import WatchCache
from orlop.structural.kind import CustomSchema


class CustomKind:
    """`settled`: objects written after that revision were written under these rules. `metadata` gives the type of all
    objects' metadata, `program` is what a Python program has to say."""

    def __init__(self, definition: Definition, cache: WatchCache, outside: Outside, converter: Converter, settled: int,
                 metadata: Callable[[], Node], program: Program | None = None) -> None:
        self.program = program
        self.definition, self.cache, self.settled = definition, cache, settled
        self._outside, self._converter, self._metadata = outside, converter, metadata
        self.fields = SelectableFields(definition)
        self._compiled: dict[str, CustomSchema] = {}
        self._bodies: dict[str, Bodies] = {}
        self._printers: dict[tuple[str, str], Printer] = {}
        self._stores: dict[str, CustomStore] = {}
        self._comparing = Comparing(definition.in_version(definition.stored.name).kind, converter)

    # --- schemas -------------------------------------------------------------------------------------------------

    @cached_property
    def _schemas(self) -> dict[str, Tree | None]:
        return self.definition.schemas()

    def schema(self, version: str) -> CustomSchema:
        """The compiled schema of a version; of one that there is not, a schema without fields."""
        found = self._compiled.get(version)
        if found is None:
            gvk = self.definition.in_version(version)
            found = CustomSchema(gvk, self._schemas.get(version), self.definition.preserve_unknown)
            if version in self._schemas:
                self._compiled[version] = found
        return found

    def bodies(self, version: str) -> Bodies:
        found = self._bodies.get(version)
        if found is None:
            found = self._bodies[version] = Bodies(self.definition.in_version(version), self.schema)
        return found

    @cached_property
    def alike(self) -> bool:
        """Whether it makes no difference through which version an object is written."""
        if len(self.definition.versions) == 1:
            return True
        if not isinstance(self._converter, Renaming):
            return False
        schemas = self.definition.schemas().values()
        return len({orjson.dumps(schema, option=orjson.OPT_SORT_KEYS) for schema in schemas}) == 1

    # --- rooms ---------------------------------------------------------------------------------------------------

    def store(self, version: Version) -> CustomStore:
        found = self._stores.get(version.name)
        if found is None:
            definition = self.definition
            gvk, stored = definition.in_version(version.name), definition.in_version(definition.stored.name)
            window = Window(gvk, stored, self.schema, self._converter, self.settled, lambda: self.alike)
            strategy = CustomStrategy(definition, version, partial(self.schema, version.name), self.fields.values,
                                      self._judge(version))
            found = self._stores[version.name] = CustomStore(
                self.definition.whole_resource().group_resource, self.cache, f"/registry/{definition.prefix}/",
                strategy, self._outside, window, self._comparing)
        return found

    @property
    def storage_store(self) -> CustomStore:
        """The store of the version in which objects are stored."""
        return self.store(self.definition.stored)

    @cached_property
    def controlled(self) -> CustomStore:
        """The same for controllers: a program's functions are asked about what they write."""
        guard = self._guard(self.definition.stored)
        return self.storage_store if guard is None else GuardedStore(self.storage_store, guard)

    def _guard(self, version: Version) -> Guard | None:
        if self.program is None:
            return None
        return Guard(self.program.plugin, self.definition.in_version(version.name),
                     self.definition.served_as(version.name))

    def rooms(self, version: Version) -> dict[str, Any]:
        """Rest storage by subresource."""
        if self.program is not None and self.program.storage is not None:
            return {"": self.program.storage, **self.program.rooms}
        made: dict[str, Any] = {"": self.store(version)}
        if version.status:
            made["status"] = made[""].with_strategy(CustomStatusStrategy(
                self.definition, version, partial(self.schema, version.name), self.fields.values,
                self._judge(version)))
        if version.scale is not None:
            made["scale"] = CustomScale(made[""], version.scale, self.definition.in_version(version.name).api_version,
                                        replica_places(self.definition), self._guard(version))
        return made

    def _judge(self, version: Version) -> Rules | None:
        return None if self.program is None else self.program.rules(version.name)

    def resource(self, version: Version) -> Resource:
        """One served version as discovery tells of it."""
        declared = self.definition.resource(version)
        if self.program is None or self.program.storage is None:
            return declared
        rooms = self.rooms(version)
        return replace(declared, verbs=verbs(rooms[""]),
                       subresources=tuple(each for each in declared.subresources if each.name in rooms))

    # --- what is asked of a version ------------------------------------------------------------------------------

    def printer(self, version: Version, subresource: str) -> Printer:
        found = self._printers.get((version.name, subresource))
        if found is None:
            if subresource == "scale" and version.scale is not None:
                found = columns.scale_printer(version.scale)
            else:
                found = columns.printer(version.columns)
            self._printers[version.name, subresource] = found
        return found

    @cached_property
    def _types(self) -> CustomTypes:
        return CustomTypes(self.definition, lambda: self._schemas, self._metadata())

    def field_manager(self, version: Version, subresource: str) -> FieldManager:
        convert = same if isinstance(self._converter, Renaming) else self._comparing
        return field_manager(self.definition, version, self._types, convert, self.program is not None, subresource)
