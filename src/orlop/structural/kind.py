"""One custom kind in one version, ready for use: what this room offers to the floors above.

`kinds.custom` makes a `CustomSchema` per served or stored version of a CustomResourceDefinition; endpoints, patching
and apply use it as they use any `schema.interface.Schema`, strategies call its validations. The order in which a
strategy has to put the errors together is upstream's (apiextensions-apiserver `pkg/registry/customresource`): own
metadata, `validate`, scale, `validate_embedded`, `validate_lists`, rules (unless `blocking` says no).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Final

from orlop.api import field
from orlop.api.field import FieldError, Path, invalid
from orlop.api.gvk import GroupVersionKind
from orlop.api.tree import Tree
from orlop.codec import json
from orlop.codec.protobuf import ProtobufError
from orlop.schema.interface import DecodeError, MergeSchema
from orlop.schema.scalars import Surprise
from orlop.structural import decoding, embedded
from orlop.structural.checking import Check, compile_check
from orlop.structural.defaulting import Walk, compile_walk, prune_defaults
from orlop.structural.list_types import ListRules, has_rules
from orlop.structural.numbers import is_settled
from orlop.structural.problems import field_errors
from orlop.structural.pruning import EMPTY
from orlop.structural.ratcheting import Correlation
from orlop.structural.schema import Node, compile, has_validations
from orlop.structural.validation import examine

if TYPE_CHECKING:
    from orlop.structural.rules import SchemaRules

_BLOCKING: Final = frozenset({field.NOT_SUPPORTED, field.REQUIRED, field.TOO_LONG, field.TOO_MANY, field.TYPE_INVALID})
_NOT_CHECKED: Final = ("some validation rules were not checked because the object was invalid; correct the existing "
                       "errors to complete validation")
_NO_PROTOBUF: Final = "custom resources cannot travel as protobuf"
_STATUS: Final = "status"
_ROOT: Final = Path()


class CustomSchema:
    """A custom kind in a version (keeps the promises of `schema.interface.Schema`).

    `props` is the decoded `openAPIV3Schema` of the version, None where it has none; `preserve_unknown` is the
    definition's `spec.preserveUnknownFields`. `node` is the schema compiled, its defaults pruned, for rules. What is
    compiled from it is made at first use.
    """

    merge_schema: MergeSchema | None = None
    has_protobuf = False

    def __init__(self, gvk: GroupVersionKind, props: Tree | None, preserve_unknown: bool = False) -> None:
        self.gvk, self.preserve_unknown, self.props = gvk, preserve_unknown, props
        self.node: Node | None = compile(props)
        if not preserve_unknown:
            prune_defaults(self.node)
        self._type_meta = {"apiVersion": gvk.api_version, "kind": gvk.kind}
        self._embeds = embedded.embeds(self.node)

    def decode(self, tree: Tree, strict: list[str] | None = None, text: bytes | None = None) -> None:
        """See `interface.Schema.decode`. Prunes, drops nulls, coerces metadata; does not set defaults."""
        if strict is not None and text is not None and json.may_repeat_keys(text, tree):
            strict.extend(json.repeated_keys(text))
        self._decode(tree, strict, text)

    def restore_applied(self, tree: Tree) -> None:
        """The same of what an apply made. Where the last member of an object was taken out it has a null, which is for
        validation to judge."""
        self._decode(tree, None, None, applied=True)

    def _decode(self, tree: Tree, strict: list[str] | None, text: bytes | None, applied: bool = False) -> None:
        if tree.get("kind") == self.gvk.kind and tree.get("apiVersion") == self._type_meta["apiVersion"]:
            try:
                decoding.look_at_metadata(tree)
                self._look(tree)
            except (Surprise, RecursionError):
                pass
            else:
                return
        try:
            decoding.decode_slowly(tree, self.gvk, self.node, self.preserve_unknown, strict, text, applied=applied)
        except RecursionError:
            raise DecodeError("exceeded max depth") from None

    def restore(self, tree: Tree, strict: list[str] | None = None) -> None:
        """Custom kinds have no strategic merge patch; as `decode`."""
        self.decode(tree, strict)

    def from_protobuf(self, message: bytes) -> Tree:
        raise ProtobufError(_NO_PROTOBUF)

    def to_protobuf(self, tree: Tree) -> bytes:
        raise ProtobufError(_NO_PROTOBUF)

    def read_stored(self, tree: Tree) -> None:
        """Make a stored object what upstream reads of it under this schema, which may have changed since: pruned,
        defaulted, its metadata repaired. Kind and apiVersion may be missing."""
        metadata = tree.get("metadata")
        try:
            if type(metadata) is not dict or not metadata.get("generation"):
                raise Surprise
            self._look(tree)
        except (Surprise, RecursionError):
            self._read_slowly(tree)
        self.default(tree)

    def _read_slowly(self, tree: Tree) -> None:
        bare = [name for name in self._type_meta if name not in tree]
        tree.update(self._type_meta)
        decoding.decode_slowly(tree, self.gvk, self.node, self.preserve_unknown, drop=True)
        for name in bare:
            del tree[name]
        metadata = tree.get("metadata")
        if metadata is not None and not metadata.get("generation"):
            metadata["generation"] = 1

    def default(self, tree: Tree) -> None:
        """Set the defaults of the schema."""
        if self._walk is not None:
            self._walk(tree)

    def compile_defaults(self, defaulters: Mapping[str, Callable[[Tree], None]]) -> Callable[[Tree], None]:
        """See `interface.Schema.compile_defaults`; the schema's own defaults, whatever `defaulters` are."""
        return self.default

    def validate(self, obj: Tree) -> list[FieldError]:
        """What the schema says of a new object."""
        if self.node is None or self._check(self._whole(obj)):
            return []
        return field_errors(examine(self.node, self._whole(obj), ""), _ROOT)

    def validate_update(self, obj: Tree, old: Tree) -> list[FieldError]:
        """The same of a changed one: errors of what did not change are not told (ratcheting)."""
        if self.node is None or self._check(self._whole(obj)):
            return []
        new = self._whole(obj)
        track = Correlation(new, self._whole(old), self.node)
        return field_errors(examine(self.node, new, "", track), _ROOT)

    def validate_status(self, obj: Tree, old: Tree) -> list[FieldError]:
        """What the schema of `status` says of an update through the status subresource."""
        node = self.node.properties.get(_STATUS) if self.node is not None else None
        if node is None or _STATUS not in obj or self._status_check(obj[_STATUS]):
            return []
        track = Correlation(obj[_STATUS], old.get(_STATUS), node)
        return field_errors(examine(node, obj[_STATUS], "", track), Path(_STATUS))

    def validate_embedded(self, obj: Tree) -> list[FieldError]:
        """Kind, apiVersion and metadata of embedded resources; not for updates of status."""
        return embedded.validate(obj, self.node, _ROOT) if self._embeds else []

    def validate_lists(self, obj: Tree, old: Tree | None = None) -> list[FieldError]:
        """Duplicates in sets and maps (x-kubernetes-list-type); none where `old` had some already."""
        if self._lists is None:
            return []
        found = self._lists.validate(obj, _ROOT)
        return found if not found or old is None or not self._lists.validate(old, _ROOT) else []

    @cached_property
    def stores_null_status(self) -> bool:
        """Whether something comes of a status that is null: where it may not be, and has no default, reading drops
        it."""
        status = self.node.properties.get(_STATUS) if self.node is not None else None
        return status is None or status.nullable or status.default is not None

    @cached_property
    def rules(self) -> SchemaRules | None:
        """The schema's own rules (x-kubernetes-validations); None where it has none."""
        if self.node is None or not has_validations(self.node):
            return None
        from orlop.structural.rules import compile_rules  # the language takes a while to load

        return compile_rules(self.node)

    @staticmethod
    def blocking(errors: Sequence[FieldError]) -> FieldError | None:
        """The error that stands in for rules which are not run because of others; None when they can run."""
        if any(error.kind in _BLOCKING for error in errors):
            return invalid(_ROOT, None, _NOT_CHECKED)
        return None

    def _whole(self, obj: Tree) -> Tree:
        """The object with kind and apiVersion, which stored ones lack."""
        return obj if "kind" in obj and "apiVersion" in obj else {**self._type_meta, **obj}

    @cached_property
    def _look(self) -> decoding.Look:
        if not self.preserve_unknown:
            return decoding.compile_look(self.node)

        def look(tree: Tree) -> None:
            if self._embeds or not is_settled(tree):
                raise Surprise

        return look

    @cached_property
    def _walk(self) -> Walk | None:
        return compile_walk(self.node)

    @cached_property
    def _check(self) -> Check:
        return compile_check(self.node if self.node is not None else EMPTY)

    @cached_property
    def _status_check(self) -> Check:
        return compile_check(self.node.properties[_STATUS] if self.node is not None else EMPTY)

    @cached_property
    def _lists(self) -> ListRules | None:
        return ListRules(self.node) if self.node is not None and has_rules(self.node) else None

    def __repr__(self) -> str:
        return f"<CustomSchema {self.gvk}>"
