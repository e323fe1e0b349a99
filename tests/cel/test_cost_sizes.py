"""Where the static estimate takes sizes from."""

from orlop.cel import types as t
from orlop.cel.ast import Constant
from orlop.cel.cost_range import UNKNOWN, Estimate, fixed
from orlop.cel.cost_sizes import NOWHERE, Path, SizedNode, declared_sizes, no_sizes
from orlop.cel.types import Declared, DeclaredField

TEXT = Declared(t.STRING, 7)
TEXTS = Declared(t.list_of(t.STRING), 5, element=TEXT)
LABELS = Declared(t.map_of(t.STRING, t.STRING), 4, element=TEXT, key=Declared(t.STRING, 0))
ROOT = Declared(
    t.object_type("root"),
    fields={"texts": DeclaredField(TEXTS, "texts"), "labels": DeclaredField(LABELS, "labels")},
)


def test_sizes_are_found_by_path():
    """Fields, items, keys and values lead to what is declared there, and nothing to nothing."""
    sizes = declared_sizes(ROOT)
    assert sizes(["self", "texts"], t.DYN) == Estimate(0, 5)
    assert sizes(["self", "texts", "@items"], t.DYN) == Estimate(0, 7)
    assert sizes(["self", "labels", "@values"], t.DYN) == Estimate(0, 7)
    assert sizes(["self", "labels", "@keys"], t.DYN) == Estimate(0, 0)
    for path in ([], ["self", "other"], ["self", "texts", "name"], ["self", "texts", "@keys", "@items"]):
        assert sizes(path, t.DYN) is None


def test_paths_share_their_last_step_as_slices_do():
    """Two steps appended to one path with room left are one step: the later."""
    path = Path.of("self").plus("spec").plus("labels")
    key, value = path.plus("@keys"), path.plus("@values")
    assert key.steps() == value.steps() == ["self", "spec", "labels", "@values"]
    assert Path.of("self").plus("a").plus("@items").plus("b").steps() == ["self", "a", "@items", "b"]
    assert NOWHERE.plus("@items").steps() == ["@items"] and NOWHERE.steps() == []


def test_what_the_expression_says_goes_first():
    """A node's own size hides what could be asked."""
    sizes = declared_sizes(ROOT)
    node = SizedNode(Path.of("self").plus("texts"), TEXTS.type, Constant(1, "abc"), fixed(3))
    assert node.size_by(sizes) == (3, 3)
    assert SizedNode(Path.of("self").plus("texts"), TEXTS.type).size_by(sizes) == (0, 5)
    assert SizedNode(NOWHERE, t.STRING).size_by(no_sizes) == UNKNOWN
    element = SizedNode(Path.of("self").plus("texts"), TEXTS.type).element()
    assert element is not None and element.type is t.STRING and element.size_by(sizes) == (0, 7)
    assert SizedNode(NOWHERE, t.STRING).element() is None
