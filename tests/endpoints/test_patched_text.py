"""How an error quotes the result of a patch."""

from __future__ import annotations

from orlop.endpoints.patched_text import text
from orlop.patching import merge_patch
from orlop.schema.types import TypeTable

TYPES = TypeTable.load()
ROLE = TYPES[TYPES.kinds["rbac.authorization.k8s.io/v1"]["Role"]]


def test_what_a_patch_left_alone_is_written_as_go_writes_it() -> None:
    """By the type; what was on the patch's way has its members sorted."""
    document = {"kind": "Role", "apiVersion": "rbac.authorization.k8s.io/v1",
                "metadata": {"resourceVersion": "5", "labels": {"b": "c", "a": "b"}, "name": "r"}, "rules": None}
    assert text(ROLE, document, merge_patch.apply(document, {"rules": {}})) == (
        '{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"r","resourceVersion":"5",'
        '"labels":{"a":"b","b":"c"}},"rules":{}}')
    assert text(ROLE, document, merge_patch.apply(document, {"metadata": {"uid": 5}})) == (
        '{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"labels":{"a":"b","b":"c"},"name":"r",'
        '"resourceVersion":"5","uid":5},"rules":null}')


def test_items_that_stay_keep_their_order() -> None:
    """In a list that the patch changes, too."""
    kept = {"verbs": ["get"], "apiGroups": [""]}
    document = {"rules": [kept]}
    assert text(ROLE, document, {"rules": [kept, {"verbs": 1, "a": 2}]}) == (
        '{"rules":[{"verbs":["get"],"apiGroups":[""]},{"verbs":1,"a":2}]}')
