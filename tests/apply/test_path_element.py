"""Path elements: one spelling, upstream's order, and how messages show them."""

from __future__ import annotations

import pytest

from orlop.apply import path_element
from orlop.apply.path_element import BadElement

SPELLED = [
    ("f:a<b", "f:a<b"),
    ("f:", "f:"),
    ('k:{"b":1, "a":"x"}', 'k:{"a":"x","b":1}'),
    ('k:{"a":"x<&>"}', 'k:{"a":"x\\u003c\\u0026\\u003e"}'),
    ('k:{"a<":null}', 'k:{"a<":null}'),
    ("v:1.0", "v:1"),
    ("v:1.50", "v:1.5"),
    ("v:1e21", "v:1e+21"),
    ("v:0.0000001", "v:1e-07"),
    ('v:"\\u0008\\n"', 'v:"\\u0008\\n"'),
    ('v:{"b":[1,true],"a":null}', 'v:{"a":null,"b":[1,true]}'),
    ("i:+7", "i:7"),
    ("x:future", ""),
]


@pytest.mark.parametrize(("sent", "kept"), SPELLED)
def test_one_spelling(sent, kept):
    """However a client spells an element, it is kept as upstream writes it; kinds unknown are none."""
    assert path_element.canonical(sent) == kept


@pytest.mark.parametrize("sent", ["", "f", "name", "k:[1]", "k:{", "v:", "v:x", "i:1.5", "i:"])
def test_unreadable(sent):
    """What is no element is refused."""
    with pytest.raises(BadElement):
        path_element.canonical(sent)


def test_order():
    """Members by name, items by key, values (numbers, strings, booleans, lists, maps, null), indexes."""
    ordered = ["f:A", "f:a", "f:a-b", "f:b", 'k:{"a":1}', 'k:{"a":2}', 'k:{"a":10}', 'k:{"a":"x"}', 'k:{"a":"x","b":1}',
               'k:{"a":"x y"}', 'k:{"b":1}', "v:1", "v:1.5", "v:2", "v:10", 'v:"1"', 'v:"a"', "v:false", "v:true",
               "v:[1]", "v:[1,2]", 'v:{"a":1}', "v:null", "i:2", "i:10"]
    turned = ordered[::-1]
    assert sorted(turned, key=path_element.sort_key) == ordered


@pytest.mark.parametrize(("element", "shown"), [
    ("f:spec", ".spec"), ('k:{"name":"a\\"b","port":80}', '[name="a\\"b",port=80]'), ('v:"x"', '[="x"]'),
    ("v:1000000", "[=1e+06]"), ("v:true", "[=true]"), ("v:[1,null]", "[=[1,null]]"), ('v:{"a":"b"}', '[=a="b"]'),
    ("i:3", "[3]"),
])
def test_shown(element, shown):
    """Messages show elements in Go's notation."""
    assert path_element.show(element) == shown
