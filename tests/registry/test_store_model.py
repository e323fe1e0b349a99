"""The Store against a model: any sequence of writes, dry runs in between, leaves what a dictionary would hold."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from toy_world import Toys, names, play

from orlop.api.errors import APIError

NAMES = st.sampled_from("ab")
COLORS = st.sampled_from(["red", "green", "invisible"])
STEPS = st.lists(st.one_of(
    st.tuples(st.just("create"), NAMES, COLORS, st.booleans()),
    st.tuples(st.just("paint"), NAMES, COLORS, st.booleans()),
    st.tuples(st.just("paint stale"), NAMES, COLORS, st.booleans()),
    st.tuples(st.just("finalize"), NAMES, st.booleans(), st.booleans()),
    st.tuples(st.just("delete"), NAMES, st.none(), st.booleans()),
), max_size=25)


class Model:
    """What should be there: color, generation, finalizer and doom by name; `revision` counts real changes."""

    def __init__(self) -> None:
        self.toys: dict[str, dict[str, Any]] = {}
        self.revision = 1

    def apply(self, action: str, name: str, value: Any, dry_run: bool) -> int:
        """The status code of the step."""
        toys = dict(self.toys)
        code, changed = self._step(toys, action, name, value)
        if code == 200 and changed and not dry_run:
            self.toys, self.revision = toys, self.revision + 1
        return code

    def _step(self, toys: dict[str, dict[str, Any]], action: str, name: str, value: Any) -> tuple[int, bool]:
        if action == "create":
            if value == "invisible":
                return 422, False
            if name in toys:
                return 409, False
            toys[name] = {"color": value, "generation": 1, "held": False, "doomed": False}
            return 200, True
        toy = toys.get(name)
        if toy is None:
            return 404, False
        if action == "paint stale":
            return 409, False
        if action == "paint" and value == "invisible":
            return 422, False
        if action == "finalize" and value and toy["doomed"] and not toy["held"]:
            return 422, False
        new = dict(toy)
        if action == "paint" and value != toy["color"]:
            new |= {"color": value, "generation": toy["generation"] + 1}
        elif action == "finalize":
            new["held"] = value
        elif action == "delete":
            new |= {"doomed": True, "generation": toy["generation"] + (not toy["doomed"] and toy["held"])}
        if new["doomed"] and not new["held"]:
            del toys[name]
            return 200, True
        toys[name] = new
        return 200, new != toy


async def perform(toys: Toys, action: str, name: str, value: Any, dry_run: bool) -> int:
    def finalize(old: Any) -> Any:
        metadata = {k: v for k, v in old["metadata"].items() if k != "finalizers"}
        return {**old, "metadata": metadata | ({"finalizers": ["play.example.com/wait"]} if value else {})}

    def stale(old: Any) -> Any:
        return {**old, "metadata": {**old["metadata"], "resourceVersion": "1"}}

    try:
        if action == "create":
            await toys.create(name, value, dry_run=dry_run)
        elif action == "paint":
            await toys.paint(name, value, dry_run=dry_run)
        elif action == "paint stale":
            await toys.update(name, stale, dry_run=dry_run)
        elif action == "finalize":
            await toys.update(name, finalize, dry_run=dry_run)
        else:
            await toys.delete(name, dry_run=dry_run)
    except APIError as error:
        return error.code
    return 200


@settings(deadline=None, max_examples=150)
@given(STEPS)
def test_store_is_a_dictionary(steps: list[tuple[str, str, Any, bool]]) -> None:
    """Codes, contents and the count of revisions follow the model; dry runs answer alike and change nothing."""

    async def scenario(toys: Toys) -> None:
        model = Model()
        for step in steps:
            assert await perform(toys, *step) == model.apply(*step), step
            assert toys.storage.revision == model.revision
        assert names(await toys.list()) == sorted(model.toys)
        for name, toy in model.toys.items():
            stored = toys.peek(name)
            assert stored is not None
            metadata = stored["metadata"]
            assert stored["spec"]["color"] == toy["color"] and metadata["generation"] == toy["generation"]
            assert bool(metadata.get("finalizers")) is toy["held"]
            assert ("deletionTimestamp" in metadata) is toy["doomed"]

    play(scenario)
