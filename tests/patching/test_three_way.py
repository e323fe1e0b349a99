"""The strategic merge patches of `kubectl apply`: computed from what was applied last, what shall be applied and what
is there; applied by the server they give the wanted object.

The computation here is our own, of what kubectl's patches mean: what the new manifest says holds; what the last one
said and the new one does not is gone; what neither said stays.
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from orlop.patching import strategic
from orlop.schema.interface import MergeField, MergeSchema

Object = dict[str, Any]


def is_keyed(field: MergeField | None) -> bool:
    """A list that is merged by a key."""
    return field is not None and field.kind == "list" and "merge" in field.strategies and field.merge_key != ""


def is_set(field: MergeField | None) -> bool:
    """A list of scalars that is merged."""
    return field is not None and field.kind == "list" and "merge" in field.strategies and field.merge_key == ""


def is_object(field: MergeField | None, *values: Any) -> bool:
    replaced = field is not None and "replace" in field.strategies
    return not replaced and all(isinstance(value, dict) for value in values)


def inner(schema: MergeSchema | None, name: str) -> MergeField | None:
    return None if schema is None else schema.field(name)


def by_key(items: list[Object], key: str) -> dict[Any, Object]:
    return {item[key]: item for item in items}


def common(first: Any, second: Any) -> list[Any]:
    """What of the first is in the second."""
    return [item for item in first if item in second]


def three_way(last: Object, new: Object, live: Object, schema: MergeSchema | None, *, retain: bool = False) -> Object:
    """The patch; empty when nothing is to do."""
    patch: Object = {name: None for name in last if name not in new}
    for name, value in new.items():
        field = inner(schema, name)
        old = last.get(name)
        if name not in live:
            patch[name] = value
        elif is_object(field, value, live[name]):
            element = field.element if field is not None else None
            keeps = field is not None and "retainKeys" in field.strategies
            if found := three_way(old or {}, value, live[name], element, retain=keeps):
                patch[name] = found
        elif is_keyed(field):
            patch.update(keyed(name, field, old or [], value, live[name]))
        elif is_set(field):
            patch.update(scalars(name, old or [], value, live[name]))
        elif value != live[name]:
            patch[name] = value
    if patch and retain:
        patch["$retainKeys"] = list(new)
    return patch


def keyed(name: str, field: Any, last: list[Object], new: list[Object], live: list[Object]) -> Object:
    """The members of a patch that change a list of objects."""
    key = field.merge_key
    before, wanted, there = by_key(last, key), by_key(new, key), by_key(live, key)
    items: list[Object] = []
    for identity, item in wanted.items():
        if identity not in there:
            items.append(item)
        else:
            keeps = "retainKeys" in field.strategies
            found = three_way(before.get(identity, {}), item, there[identity], field.element, retain=keeps)
            if found:
                items.append({key: identity, **found})
    items += [{key: identity, "$patch": "delete"} for identity in before if identity not in wanted]
    moved = common(wanted, there) != common(there, wanted)
    patch: Object = {f"$setElementOrder/{name}": [{key: identity} for identity in wanted]} if items or moved else {}
    return patch | ({name: items} if items else {})


def scalars(name: str, last: list[Any], new: list[Any], live: list[Any]) -> Object:
    """The members of a patch that change a list of scalars."""
    gone = [item for item in last if item not in new]
    added = [item for item in new if item not in live]
    moved = common(new, live) != common(live, new)
    patch: Object = {f"$setElementOrder/{name}": new} if gone or added or moved else {}
    if gone:
        patch[f"$deleteFromPrimitiveList/{name}"] = gone
    return patch | ({name: added} if added else {})


def check(last: Object, new: Object, live: Object, result: Object, schema: MergeSchema | None, *,
          retain: bool = False) -> None:  # fmt: skip
    """Whether the result is the wanted object: stated as what has to hold, not as a computation."""
    touched = bool(three_way(last, new, live, schema))
    stays = [name for name in live if name not in new and name not in last and not (retain and touched)]
    assert set(result) == {*new, *stays}
    for name in stays:
        assert result[name] == live[name]
    for name, value in new.items():
        field = inner(schema, name)
        if name not in live:
            assert result[name] == value
        elif is_object(field, value, live[name]):
            element = field.element if field is not None else None
            keeps = field is not None and "retainKeys" in field.strategies
            check(last.get(name, {}), value, live[name], result[name], element, retain=keeps)
        elif is_keyed(field):
            check_keyed(field, last.get(name, []), value, live[name], result[name])
        elif is_set(field):
            check_order(last.get(name, []), value, live[name], result[name])
        else:
            assert result[name] == value


def check_keyed(field: Any, last: list[Object], new: list[Object], live: list[Object], result: list[Object]) -> None:
    key = field.merge_key
    check_order(*([item[key] for item in items] for items in (last, new, live, result)))
    before, wanted, there = by_key(last, key), by_key(new, key), by_key(live, key)
    for identity, item in by_key(result, key).items():
        if identity not in wanted:
            assert item == there[identity]
        elif identity not in there:
            assert item == wanted[identity]
        else:
            keeps = "retainKeys" in field.strategies
            check(before.get(identity, {}), wanted[identity], there[identity], item, field.element, retain=keeps)


def check_order(last: list[Any], new: list[Any], live: list[Any], result: list[Any]) -> None:
    """The new manifest's items in its order; between them, in their own order, those that it never said."""
    stays = [item for item in live if item not in new and item not in last]
    assert common(result, new) == new
    assert common(result, stays) == stays
    assert len(result) == len(new) + len(stays)


WORDS = st.sampled_from(["x", "y", "z"])
MAPS = st.dictionaries(st.sampled_from("abcd"), WORDS, max_size=3)


def some(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[Object]:
    return st.fixed_dictionaries({}, optional=members)


def listed(key: str, names: list[Any], **members: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Object]]:
    item = st.fixed_dictionaries({key: st.sampled_from(names)}, optional=members)
    return st.lists(item, max_size=4, unique_by=lambda item: item[key])


CONTAINERS = listed(
    "name", ["c1", "c2", "c3", "c4"], image=WORDS, args=st.lists(WORDS, max_size=2),
    env=listed("name", ["A", "B", "C"], value=WORDS), ports=listed("containerPort", [80, 81, 82], name=WORDS),
    resources=some(limits=MAPS),
)  # fmt: skip
SPEC = st.fixed_dictionaries({"containers": CONTAINERS}, optional={
    "volumes": listed("name", ["v1", "v2", "v3"], emptyDir=st.just({}),
                      configMap=st.fixed_dictionaries({"name": WORDS})),
    "tolerations": st.lists(some(key=WORDS), max_size=2),
})  # fmt: skip
DEPLOYMENTS = st.fixed_dictionaries({
    "spec": st.fixed_dictionaries({"template": st.fixed_dictionaries({"spec": SPEC})}, optional={
        "replicas": st.integers(0, 3),
        "selector": some(matchLabels=MAPS),
        "strategy": some(type=WORDS, rollingUpdate=some(maxSurge=WORDS)),
    }),
}, optional={
    "metadata": some(labels=MAPS, finalizers=st.lists(st.sampled_from("pqrs"), unique=True, max_size=3)),
    "data": MAPS,
})  # fmt: skip


@settings(max_examples=200)
@given(last=DEPLOYMENTS, new=DEPLOYMENTS, live=DEPLOYMENTS)
def test_a_three_way_patch_gives_the_wanted_object(deployment: MergeSchema, last: Object, new: Object,
                                                   live: Object) -> None:  # fmt: skip
    """Whatever was applied last, is to be applied, and others made of it meanwhile."""
    patch = three_way(last, new, live, deployment)
    check(last, new, live, strategic.apply(live, patch, deployment), deployment)


@settings(max_examples=200)
@given(manifest=DEPLOYMENTS, live=DEPLOYMENTS)
def test_applying_again_changes_nothing(deployment: MergeSchema, manifest: Object, live: Object) -> None:
    """Of what an apply gave, the same apply has nothing to patch."""
    result = strategic.apply(live, three_way({}, manifest, live, deployment), deployment)
    assert three_way(manifest, manifest, result, deployment) == {}
