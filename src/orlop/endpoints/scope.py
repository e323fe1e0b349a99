"""Scope: all that the verbs need to know of one served resource (one group, version, resource and subresource).

Made by the installer, once per route; read by every endpoint. Behaviour: apiserver `endpoints/handlers/rest.go`
RequestScope.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from orlop.admission.chain import Chain, Pipeline
from orlop.admission.interface import CONNECT, CREATE, DELETE, UPDATE
from orlop.api.context import RequestInfo, User
from orlop.api.gvk import GroupVersion, GroupVersionKind, GroupVersionResource
from orlop.api.tree import Tree
from orlop.apply.tracking import FieldManager
from orlop.kinds.printers import Printer
from orlop.schema.interface import Schema
from orlop.world.clock import Clock

if TYPE_CHECKING:
    from orlop.endpoints.watch import Watches

JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
STRATEGIC: Final = "application/strategic-merge-patch+json"
APPLY: Final = "application/apply-patch+yaml"
PATCH_TYPES: Final = (JSON_PATCH, MERGE_PATCH, STRATEGIC, APPLY)

Convert = Callable[[Tree], Tree]
"""Between a served version and the stored one; owns its argument."""

FieldLabel = Callable[[str, str], tuple[str, str]]
"""Checks and converts one (label, value) of a field selector; ValueError with upstream's text for unknown labels."""


@dataclass
class Scope:
    """`kind` is what bodies of this route are; `hub` the stored version (equal for most), `knows`
    tells kinds this server has heard of. `storage` is the rest
    storage behind the route; `schema` gives the compiled schema of `kind`, lazily.

    Of custom kinds: stored bodies are `self_describing`, that is, have kind and apiVersion; `check_kind` says what
    kinds of bodies are let through to the strategy; `restore_applied` decodes what an apply made, where that is
    not as any patch is; `patches` are the patches that they take."""

    kind: GroupVersionKind
    resource: GroupVersionResource
    subresource: str
    namespaced: bool
    storage: Any
    load_schema: Callable[[], Schema]
    chain: Chain
    field_label: FieldLabel
    printer: Callable[[], Printer]
    delete_options_schema: Callable[[], Schema]
    hub: GroupVersion
    clock: Clock
    watches: Watches
    list_kind: str = ""
    to_hub: Convert | None = None
    from_hub: Convert | None = None
    defaults: Callable[[Schema], Callable[[Tree], None]] | None = None
    accepts: tuple[GroupVersion, ...] = ()
    knows: Callable[[GroupVersionKind], bool] = lambda kind: False
    authorize: Callable[[User, RequestInfo], None] | None = None
    warning: str = ""
    preserves_metadata: bool = False
    load_field_manager: Callable[[], FieldManager] | None = None
    self_describing: bool = False
    check_kind: Callable[[GroupVersionKind], None] | None = None
    restore_applied: Callable[[Tree], None] | None = None
    patches: tuple[str, ...] = PATCH_TYPES

    @cached_property
    def field_manager(self) -> FieldManager | None:
        """Tracks who owns fields of what is written here; None where nothing is stored."""
        return self.load_field_manager() if self.load_field_manager is not None else None

    @cached_property
    def schema(self) -> Schema:
        return self.load_schema()

    @cached_property
    def default(self) -> Callable[[Tree], None]:
        return self.defaults(self.schema) if self.defaults is not None else _nothing

    @cached_property
    def head(self) -> bytes:
        """The members that a stored body lacks, as they open an encoded object."""
        if self.self_describing:
            return b"{"
        return b'{"kind":"%b","apiVersion":"%b",' % (self.kind.kind.encode(), self.kind.api_version.encode())

    @cached_property
    def list_head(self) -> bytes:
        kind = self.list_kind or self.kind.kind + "List"
        return b'{"kind":"%b","apiVersion":"%b","metadata":{' % (kind.encode(), self.kind.api_version.encode())

    @cached_property
    def on_create(self) -> Pipeline:
        return self.chain.pipeline(self.resource, self.subresource, CREATE)

    @cached_property
    def on_update(self) -> Pipeline:
        return self.chain.pipeline(self.resource, self.subresource, UPDATE)

    @cached_property
    def on_delete(self) -> Pipeline:
        return self.chain.pipeline(self.resource, self.subresource, DELETE)

    @cached_property
    def on_connect(self) -> Pipeline:
        return self.chain.pipeline(self.resource, self.subresource, CONNECT)


def _nothing(tree: Tree) -> None:
    """A kind without defaults."""
