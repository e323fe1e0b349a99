"""What the floors above may ask of any kind's schema, built in or from a CustomResourceDefinition.

`kind.KindSchema` keeps these promises for built-in kinds from the packaged type table; the compiler of CRD
schemas makes other objects that keep them too. `patching.strategic` asks only for `MergeField`, `registry`
and `endpoints` only for `Schema`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree


class DecodeError(ValueError):
    """A body that does not fit its kind. The message is what Go's decoder says, with nothing around it
    (`json: cannot unmarshal number into Go struct field ConfigMap.data of type string`); endpoints put
    `ConfigMap in version "v1" cannot be handled as a ConfigMap: ` in front."""


class MergeSchema(Protocol):
    """How strategic merge patch sees an object type."""

    def field(self, name: str) -> MergeField | None:
        """The member of that name; None when the type has none."""


class MergeField(Protocol):
    """How strategic merge patch sees one member. `element` is the schema of an object, of a list's items or
    of a map's values where those are objects, else None."""

    @property
    def kind(self) -> Literal["object", "list", "map", "scalar"]: ...
    @property
    def strategies(self) -> frozenset[str]: ...
    @property
    def merge_key(self) -> str: ...
    @property
    def element(self) -> MergeSchema | None: ...


class Schema(Protocol):
    """One kind in one version."""

    @property
    def gvk(self) -> GroupVersionKind: ...

    @property
    def merge_schema(self) -> MergeSchema | None:
        """None for kinds that know no strategic merge patch."""

    def decode(self, tree: Tree, strict: list[str] | None = None, text: bytes | None = None) -> None:
        """Make `tree` (owned by the caller) what upstream would print after decoding it: types checked,
        unknown members and nulls dropped, values spelled canonically.

        `strict`, when given, receives the complaints about unknown and repeated fields, in the order of the
        text (`unknown field "spec.foo"`, `duplicate field "data.k"`); they come after nothing else went
        wrong. `text` is the body that `tree` was read from; without it repeated keys are not seen and the
        spelling of a number in an error is guessed. Raises DecodeError; the tree is then of no more use.
        """

    def restore(self, tree: Tree, strict: list[str] | None = None) -> None:
        """As `decode`, for a tree that upstream's converter reads and not its decoder: the result of a
        strategic merge patch (`cannot restore slice from map`). Complaints are sorted, and see no repeated
        keys."""

    def from_protobuf(self, message: bytes) -> Tree:
        """The tree that a protobuf message of the kind stands for, decoded. Raises ProtobufError."""

    def to_protobuf(self, tree: Tree) -> bytes:
        """The message of a decoded tree."""

    def compile_defaults(self, defaulters: Mapping[str, Callable[[Tree], None]]) -> Callable[[Tree], None]:
        """A walk that calls, for every object of a named type in a tree (key: its OpenAPI name), its
        defaulter; parents before their members, lists in order."""
