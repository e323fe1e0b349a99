"""What holds of every built-in kind, whatever is sent: defaults are set once, and nothing but refusals comes out."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from kind_bench import Kind, Tree, copied
from shaped_trees import shaped

from orlop.api.errors import APIError
from orlop.kinds import catalog
from orlop.kinds.declaration import Resource
from orlop.kinds.defaults import DEFAULTERS
from orlop.registry.create import before_create, fill_system_fields
from orlop.registry.store import Store
from orlop.registry.update import before_update
from orlop.schema.kind import KindSchema, builtin

EXAMPLES = 6
STORED = [resource for resource in catalog.RESOURCES if resource.stored]
MEMBERS = ("labels", "annotations", "finalizers", "ownerReferences", "generateName")
"""Of metadata, where kinds have little to say: enough to meet their rules."""
UID = "12345678-1234-1234-1234-123456789abc"
"""Some kinds put it into labels, and so into messages."""
_benches: dict[Resource, Kind] = {}


def bench(resource: Resource) -> Kind:
    if resource not in _benches:
        _benches[resource] = Kind(resource.plural, resource.group)
        _benches[resource].options.stores.setdefault(("", "namespaces"), Kind("namespaces").rooms[""])
    return _benches[resource]


def body(schema: KindSchema, seed: int) -> Tree:
    """An object as a client could send it."""
    chance = Random(seed)
    tree = {name: shaped(field.type, chance, 1) for name, field in schema.type.fields.items()
            if name not in ("kind", "apiVersion", "metadata") and chance.random() < 0.95}
    metadata = shaped(schema.type.fields["metadata"].type, chance, 1)
    kept = {name: metadata[name] for name in MEMBERS if metadata.get(name) and chance.random() < 0.3}
    return {**tree, "metadata": {**kept, "name": chance.choice(("x", "x", "a.b", "A_b"))}}


def completed(kind: Kind, tree: Tree) -> Tree:
    return kind.decoded(copied(tree))


def outcome(write: Any, *args: Any) -> list[str]:
    """What a write is refused for. Anything raised but a refusal is the test's failure."""
    try:
        write(*args)
    except APIError as refusal:
        return [f"{refusal.code} {cause.get('field')} {cause['message']}" for cause in (refusal.details or {}).get(
            "causes", ())] or [f"{refusal.code} {refusal.message}"]
    return []


def create(kind: Kind, tree: Tree) -> tuple[Tree, list[str]]:
    obj, ctx = copied(tree), kind.context()
    fill_system_fields(obj["metadata"], kind.clock, kind.entropy)
    obj["metadata"]["uid"] = UID
    return obj, outcome(before_create, kind.strategy(), ctx, obj)


def update(kind: Kind, room: str, tree: Tree, old: Tree) -> list[str]:
    obj = copied(tree)
    obj["metadata"]["resourceVersion"] = "1"
    return outcome(before_update, kind.strategy(room), kind.context(), obj, copied(old))


@pytest.mark.parametrize("resource", STORED, ids=lambda resource: f"{resource.plural}.{resource.group}")
@settings(max_examples=EXAMPLES, deadline=None, derandomize=True, database=None,
          suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**32))
def test_any_tree(resource: Resource, seed: int) -> None:
    """Defaults twice are defaults once; what is read back is judged as before; nothing is raised but refusals."""
    kind = bench(resource)
    assert isinstance(kind.schema, KindSchema)
    first, second = (completed(kind, body(kind.schema, seed + offset)) for offset in (0, 1))
    assert completed(kind, first) == first
    made, refused = create(kind, first)
    assert create(kind, completed(kind, first))[1] == refused
    old = completed(kind, made)
    for room, store in kind.rooms.items():
        if isinstance(store, Store):
            for new in (second, first, old):
                refused = update(kind, room, new, old)
                assert update(kind, room, completed(kind, new), old) == refused


@pytest.mark.parametrize("resource", STORED, ids=lambda resource: f"{resource.plural}.{resource.group}")
def test_defaults_of_every_version(resource: Resource) -> None:
    """In every served version defaults twice are defaults once."""
    for version in resource.versions:
        schema = builtin().kind(resource.in_version(version))
        default = schema.compile_defaults(DEFAULTERS)
        for seed in range(3):
            tree = body(schema, seed)
            schema.decode(tree, None)
            default(tree)
            again = copied(tree)
            schema.decode(again, None)
            default(again)
            assert again == tree
