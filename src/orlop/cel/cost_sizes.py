"""How large the values of an expression can be: what the static estimate knows of a node, and where sizes come from.

`cost_estimate` describes every operand as a `SizedNode`, `cost_calls` prices calls by them. Sizes that the expression
itself does not fix are asked of a `Sizes` function by path; `declared_sizes` answers from a declared schema. Behaviour:
cel-go checker/cost.go (AstNode); apiextensions-apiserver pkg/apiserver/schema/cel/compilation.go (sizeEstimator).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from orlop.cel.ast import Node
from orlop.cel.cost_range import UNKNOWN, Estimate
from orlop.cel.types import Declared, Type

Sizes: TypeAlias = Callable[[Sequence[str], Type], Estimate | None]
"""Gets the path of a value (a variable, then field names, `@items`, `@keys`, `@values`, `@indices`; empty where the
value is reached by no path) and its type; answers its size, or None where nothing is known."""


class Path:
    """A path as a Go slice: appending to two copies of one path may make them share their last step.

    Upstream's estimate depends on that (a loop over map entries can give its key the path of the value), so it is kept.
    """

    __slots__ = ("_length", "_steps")

    def __init__(self, steps: list[str | None], length: int) -> None:
        self._steps = steps
        self._length = length

    @classmethod
    def of(cls, name: str) -> Path:
        """A path of one step."""
        return cls([name], 1)

    def plus(self, step: str) -> Path:
        """This path and one more step."""
        length, steps = self._length, self._steps
        if length == len(steps):
            steps = steps + [None] * (length or 1)
        steps[length] = step
        return Path(steps, length + 1)

    def steps(self) -> list[str]:
        """The steps as they stand now."""
        return [step for step in self._steps[: self._length] if step is not None]


NOWHERE = Path([], 0)


class SizedNode:
    """A node as pricing sees it: its path, type, syntax and what the expression itself says of its size."""

    __slots__ = ("node", "path", "size", "type")

    def __init__(self, path: Path, type_: Type, node: Node | None = None, size: Estimate | None = None) -> None:
        self.path = path
        self.type = type_
        self.node = node
        self.size = size

    def size_by(self, sizes: Sizes) -> Estimate:
        """The size, asked of `sizes` where the expression does not say."""
        if self.size is not None:
            return self.size
        return sizes(self.path.steps(), self.type) or UNKNOWN

    @property
    def own_size(self) -> Estimate:
        """The size as far as the expression says it."""
        return self.size or UNKNOWN

    def element(self) -> SizedNode | None:
        """The node of this list's elements; None for what has no type parameter."""
        if not self.type.parameters:
            return None
        steps = self.path.steps()
        path = Path([*steps, "@items"], len(steps) + 1) if steps else NOWHERE
        return SizedNode(path, self.type.parameters[0])


def no_sizes(path: Sequence[str], type_: Type) -> Estimate | None:
    """Knows no size."""
    return None


def declared_sizes(root: Declared) -> Sizes:
    """Sizes of what `root` declares; every variable is taken to be of that declaration."""

    def size(path: Sequence[str], type_: Type) -> Estimate | None:
        if not path:
            return None
        current: Declared | None = root
        for step in path[1:]:
            if current is None:
                return None
            if step in ("@items", "@values"):
                current = current.element
            elif step == "@keys":
                current = current.key
            else:
                found = (current.fields or {}).get(step)
                current = found.declared if found is not None else None
        return Estimate(0, current.max_elements) if current is not None else None

    return size
