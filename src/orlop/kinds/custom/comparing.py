"""Objects as other versions have them, to compare there who owns what.

Fields that somebody owns in another version are compared in that version (`apply.ownership`), in the middle of a
computation that waits for nobody. A converter that takes no time is called there and then. Of one that takes time
(a webhook) answers are collected first: what is not known yet ends the computation with `Unasked`; the answer is
fetched, and it begins anew with that, until it has all. Each question is asked once in a request. Behaviour:
apimachinery `util/managedfields/internal/versionconverter.go`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager
from typing import Final

import orjson

from orlop.api.context import Context
from orlop.api.errors import APIError
from orlop.api.options import Preconditions
from orlop.api.tree import Tree
from orlop.apply.typed_errors import Complaint, TypedError
from orlop.kinds.custom.conversion import Converter
from orlop.registry.interface import UpdateSource

_APART: Final = ("apiVersion", "kind")
Answers = dict[tuple[bytes, str], "Tree | APIError"]
"""What became of objects (their text, the wanted version)."""


class Unasked(Exception):
    """An object that has to be converted first."""

    def __init__(self, key: tuple[bytes, str], tree: Tree) -> None:
        self.key, self.tree = key, tree


class Comparing:
    """An `apply.versions.Convert` of one kind."""

    def __init__(self, kind: str, converter: Converter) -> None:
        self._kind, self._converter = kind, converter
        self._answers: Answers | None = None

    @property
    def waits(self) -> bool:
        return self._converter.waits

    def __call__(self, tree: Tree, source: str, target: str) -> Tree:
        """Raises TypedError where it cannot be, Unasked."""
        if not self.waits:
            try:
                return _bare(self._converter.now(self._whole(tree, source), target))
            except APIError as error:
                raise _unconvertible(error) from error
        if self._answers is None:
            return tree  # a new object, of which nobody can own anything yet
        whole = self._whole(tree, source)
        key = orjson.dumps(whole, option=orjson.OPT_SORT_KEYS), target
        found = self._answers.get(key)
        if found is None:
            raise Unasked(key, whole)
        if isinstance(found, APIError):
            raise _unconvertible(found) from found
        return _bare(found)

    def _whole(self, tree: Tree, source: str) -> Tree:
        whole = {**tree, "apiVersion": source, "kind": self._kind}
        metadata = tree.get("metadata")
        if metadata is not None:  # all of it may have been taken out
            whole["metadata"] = {name: value for name, value in metadata.items() if name != "managedFields"}
        return whole

    async def ask(self, unasked: Unasked, answers: Answers) -> None:
        try:
            answers[unasked.key] = (await self._converter.later([unasked.tree], unasked.key[1]))[0]
        except APIError as error:
            answers[unasked.key] = error

    @contextmanager
    def knowing(self, answers: Answers) -> Iterator[None]:
        """What is known during a computation, which must not wait."""
        self._answers = answers
        try:
            yield
        finally:
            self._answers = None


class ComparedSource:
    """An update source whose computation may need answers."""

    def __init__(self, source: UpdateSource, comparing: Comparing) -> None:
        self._source, self._comparing = source, comparing
        self._answers: Answers = {}

    @property
    def preconditions(self) -> Preconditions | None:
        return self._source.preconditions

    @preconditions.setter
    def preconditions(self, value: Preconditions | None) -> None:
        self._source.preconditions = value

    def updated(self, ctx: Context, old: Tree) -> Tree | Awaitable[Tree]:
        try:
            with self._comparing.knowing(self._answers):
                return self._source.updated(ctx, old)
        except Unasked as unasked:
            return self._later(ctx, old, unasked)

    async def _later(self, ctx: Context, old: Tree, unasked: Unasked) -> Tree:
        """Ends, for the computation does the same each time, and goes further with each answer."""
        while True:
            await self._comparing.ask(unasked, self._answers)
            try:
                with self._comparing.knowing(self._answers):
                    made = self._source.updated(ctx, old)
            except Unasked as again:
                unasked = again
            else:
                return made if isinstance(made, dict) else await made


def _unconvertible(error: APIError) -> TypedError:
    return TypedError([Complaint("", error.message)])


def _bare(tree: Tree) -> Tree:
    return {name: value for name, value in tree.items() if name not in _APART}
