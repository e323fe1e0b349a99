"""Runs plugins in order. `endpoints.scope` asks for the `Pipeline` of each (resource, subresource, operation), so that
a request meets only plugins that have something to say. Behaviour: apiserver `pkg/admission/chain.go`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from orlop.admission.interface import Attributes, Plugin
from orlop.api.gvk import GroupVersionResource

Step = Callable[[Attributes], "Awaitable[None] | None"]


def _run(steps: Sequence[Step], attributes: Attributes) -> Awaitable[None] | None:
    """Synchronous as long as the steps are; the rest is awaited from the first awaitable on."""
    for position, step in enumerate(steps):
        pending = step(attributes)
        if pending is not None:
            return _run_rest(pending, steps[position + 1 :], attributes)
    return None


async def _run_rest(pending: Awaitable[None], steps: Sequence[Step], attributes: Attributes) -> None:
    await pending
    for step in steps:
        later = step(attributes)
        if later is not None:
            await later


class Pipeline:
    """The plugins that handle one kind of operation on one resource."""

    __slots__ = ("_all", "_mutating", "_validating")

    def __init__(self, mutating: Sequence[Step], validating: Sequence[Step]) -> None:
        self._mutating, self._validating = tuple(mutating), tuple(validating)
        self._all = self._mutating + self._validating

    def admit(self, attributes: Attributes) -> Awaitable[None] | None:
        return _run(self._mutating, attributes) if self._mutating else None

    def validate(self, attributes: Attributes) -> Awaitable[None] | None:
        return _run(self._validating, attributes) if self._validating else None

    def review(self, attributes: Attributes) -> Awaitable[None] | None:
        """Both, for operations between whose halves nothing happens (DELETE, CONNECT)."""
        return _run(self._all, attributes) if self._all else None


class Chain:
    """All enabled plugins, in the order in which they run."""

    def __init__(self, plugins: Sequence[Plugin] = ()) -> None:
        self.plugins = tuple(plugins)

    def pipeline(self, resource: GroupVersionResource, subresource: str, operation: str) -> Pipeline:
        concerned = [p for p in self.plugins if p.handles(resource, subresource, operation)]
        return Pipeline([p.admit for p in concerned if hasattr(p, "admit")],
                        [p.validate for p in concerned if hasattr(p, "validate")])
