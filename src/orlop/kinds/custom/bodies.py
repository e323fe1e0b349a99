"""Bodies of requests for a custom kind in one version, as its schema has them; also those that say they are of another.

The endpoints' schema of a custom kind's routes. What a body says of its kind is judged later, by the strategy; a body
of another version is read by the schema of that one (one that does not exist has no fields), a body of another kind is
left as it is. Behaviour: apiextensions-apiserver `pkg/apiserver/customresource_handler.go` (unstructuredSchemaCoercer)
and apimachinery `runtime/serializer/json` for unstructured objects.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import orjson

from orlop.api import errors
from orlop.api.gvk import GroupVersion, GroupVersionKind
from orlop.api.tree import Tree
from orlop.kinds.custom.window import Schemas
from orlop.schema.interface import DecodeError, MergeSchema
from orlop.structural.kind import CustomSchema

_SUMMARY_BYTES: Final = 30
"""How much of a body without a kind is quoted after it, as of all unreadable bodies."""
_ANYTHING: Final[Tree] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


class Bodies:
    """Keeps the promises of `schema.interface.Schema`."""

    merge_schema: MergeSchema | None = None

    def __init__(self, gvk: GroupVersionKind, schemas: Schemas) -> None:
        self.gvk, self._schemas = gvk, schemas
        self._own = schemas(gvk.version)

    def decode(self, tree: Tree, strict: list[str] | None = None, text: bytes | None = None) -> None:
        if tree.get("kind") == self.gvk.kind and tree.get("apiVersion") == self.gvk.api_version:
            self._own.decode(tree, strict, text)
        elif tree or text is not None:
            self._named(tree, text).decode(tree, strict, text)

    def _named(self, tree: Tree, text: bytes | None) -> CustomSchema:
        """The schema of what a body says it is. Raises the 400 of one that does not say it."""
        kind, version = tree.get("kind") or "", tree.get("apiVersion") or ""
        if not kind:
            raise self._unrecognized(tree, text)
        if not version and text is not None:
            raise self.other_version(GroupVersion("", ""))
        group, _, bare = version.rpartition("/")
        if kind != self.gvk.kind or group != self.gvk.group:
            return CustomSchema(self.gvk, _ANYTHING)
        return self._schemas(bare)

    def _unrecognized(self, tree: Tree, text: bytes | None) -> errors.APIError:
        """Of the body of a request; of the result of a patch DecodeError is raised, which says so in other words."""
        if text is None:
            told = orjson.dumps(tree, option=orjson.OPT_SORT_KEYS).decode()
            raise DecodeError(f"Object 'Kind' is missing in '{told}'")
        part = text[:_SUMMARY_BYTES]
        summary = part.decode("utf-8", "replace") if part[:1] == b"{" else part.hex()
        if len(text) > _SUMMARY_BYTES:
            summary += " ..."
        return errors.bad_request(f"the object provided is unrecognized (must be of type {self.gvk.kind}): Object "
                                  f"'Kind' is missing in '{text.decode('utf-8', 'replace')}' ({summary})")

    def check(self, actual: GroupVersionKind) -> None:
        """Refuse a body that is not of the version of the path."""
        if actual.group_version != self.gvk.group_version:
            raise self.other_version(actual.group_version)

    def other_version(self, version: GroupVersion) -> errors.APIError:
        shown = str(version) if version.version else ""
        return errors.bad_request(f"the API version in the data ({shown}) does not match the expected API version "
                                  f"({self.gvk.group_version})")

    def restore(self, tree: Tree, strict: list[str] | None = None) -> None:
        self.decode(tree, strict)

    def restore_applied(self, tree: Tree) -> None:
        self._own.restore_applied(tree)

    def from_protobuf(self, message: bytes) -> Tree:
        """Custom kinds have no messages."""
        raise errors.not_acceptable(())

    def to_protobuf(self, tree: Tree) -> bytes:
        raise errors.not_acceptable(())

    def compile_defaults(self, defaulters: Mapping[str, Callable[[Tree], None]]) -> Callable[[Tree], None]:
        return self._own.default
