"""One built-in kind in one version, ready for use: what `schema` offers to the floors above.

`Types` is made once at start-up and hands out a `KindSchema` per kind, compiled at first use. `registry`
strategies, `endpoints` and `patching` hold them; the facts are in `types`, the work is done in `structural`
(fast decoding), `exact` and `unstructured` (errors), `defaults` and `merging`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from typing import Final, NamedTuple

from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree, Value
from orlop.codec import document, json
from orlop.schema.defaults import compile_defaults
from orlop.schema.exact import Reader
from orlop.schema.interface import DecodeError
from orlop.schema.merging import StructMerge
from orlop.schema.protobuf import Decoder, Encoder
from orlop.schema.release import Release
from orlop.schema.scalars import Decoder as TreeDecoder
from orlop.schema.scalars import Surprise
from orlop.schema.structural import Structural
from orlop.schema.types import Field, Type, TypeTable
from orlop.schema.unstructured import Restorer

_AS_JSON: Final = frozenset({
    "apiextensions.k8s.io", "apiregistration.k8s.io", "authentication.k8s.io", "authorization.k8s.io",
    "admission.k8s.io", "meta.k8s.io", "apidiscovery.k8s.io",
})
"""Groups whose kinds upstream stores as JSON or does not store at all: an empty list stays one. Lists of
objects are not stored either."""


class Codec(NamedTuple):
    """Protobuf both ways, shared by all kinds."""

    encoder: Encoder
    decoder: Decoder


class KindSchema:
    """A kind in a version (keeps the promises of `interface.Schema`)."""

    def __init__(self, gvk: GroupVersionKind, type: Type, structural: Structural, codec: Codec) -> None:
        self.gvk, self.type = gvk, type
        self._codec = codec
        self._decoder: TreeDecoder = structural.struct(type)
        self.merge_schema = StructMerge(type)

    @property
    def fields(self) -> dict[str, Field]:
        """The members of the kind's own struct, in Go's order; each leads on by its `type`."""
        return self.type.fields

    def decode(self, tree: Tree, strict: list[str] | None = None, text: bytes | None = None) -> None:
        """See `interface.Schema.decode`."""
        if text is None or not json.may_repeat_keys(text, tree):
            try:
                self._decoder(tree)
            except (Surprise, RecursionError):
                pass
            else:
                return
        self._decode_exactly(tree, strict, tree if text is None else document.parse(text))

    def restore(self, tree: Tree, strict: list[str] | None = None) -> None:
        """See `interface.Schema.restore`."""
        try:
            self._decoder(tree)
        except (Surprise, RecursionError):
            pass
        else:
            return
        restorer = Restorer()
        result = restorer.value(self.type, tree, "")
        if strict is not None:
            strict.extend(sorted(restorer.unknown))
        self._finish(tree, result)

    def _decode_exactly(self, tree: Tree, strict: list[str] | None, source: object) -> None:
        self._finish(tree, Reader(strict).read(self.type, source))

    def _finish(self, tree: Tree, result: Value) -> None:
        """Put what a slow reader made in the place of `tree`."""
        try:
            self._decoder(result)
        except (Surprise, RecursionError):
            raise DecodeError("exceeded max depth") from None
        tree.clear()
        tree.update(result)

    @property
    def has_protobuf(self) -> bool:
        """Whether the kind can travel as protobuf (tables cannot)."""
        return any(field.number and not field.embedded for field in self.fields.values())

    def to_protobuf(self, tree: Tree) -> bytes:
        """The message of a decoded tree; `codec.protobuf.wrap` makes a body of it."""
        return self._codec.encoder.struct(self.type)(tree)

    def from_protobuf(self, message: bytes) -> Tree:
        """The decoded tree of a message, without kind and apiVersion. ProtobufError for broken ones."""
        tree = self._codec.decoder.struct(self.type, message)
        self._finish(tree, tree.copy())
        return tree

    def compile_defaults(self, defaulters: Mapping[str, Callable[[Tree], None]]) -> Callable[[Tree], None]:
        """See `interface.Schema.compile_defaults`."""
        return compile_defaults(self.type, defaulters)

    def __repr__(self) -> str:
        return f"<KindSchema {self.gvk}>"


class Types:
    """All built-in kinds. Remembers every schema it made; their number is that of the kinds (about 320)."""

    def __init__(self, table: TypeTable) -> None:
        self.table = table
        self._stored, self._plain = Structural(nil_empty=True), Structural(nil_empty=False)
        self.codec = Codec(Encoder(), Decoder())
        self._made: dict[GroupVersionKind, KindSchema] = {}

    @classmethod
    def load(cls, release: Release | None = None) -> Types:
        return cls(TypeTable.load(release.members if release is not None else None))

    def kind(self, gvk: GroupVersionKind) -> KindSchema:
        """The schema of a kind, also of those that are never stored (DeleteOptions, Scale, Eviction, Status,
        reviews). KeyError for kinds that are not built in."""
        found = self._made.get(gvk)
        if found is None:
            plain = gvk.group in _AS_JSON or gvk.kind.endswith("List")
            structural = self._plain if plain else self._stored
            found = self._made[gvk] = KindSchema(gvk, self.table.root(gvk), structural, self.codec)
        return found

    def knows(self, gvk: GroupVersionKind) -> bool:
        """Whether upstream has the kind registered; some it knows by name are not served and have no
        schema."""
        return self.table.knows(gvk)


@cache
def builtin() -> Types:
    """The built-in kinds, loaded once a process."""
    return Types.load()
