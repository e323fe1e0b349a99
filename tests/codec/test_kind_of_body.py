"""Group, version and kind as a body names them, and the bodies that name none."""

from __future__ import annotations

from typing import Any

import pytest

from orlop.api.gvk import GroupVersionKind
from orlop.codec.meta import MetaError, interpret

STRUCT = r'struct { APIVersion string "json:\"apiVersion,omitempty\""; Kind string "json:\"kind,omitempty\"" }'
AROUND = "couldn't get version/kind; json parse error: "


@pytest.mark.parametrize(("value", "gvk"), [
    ({"apiVersion": "apps/v1", "kind": "Deployment"}, ("apps", "v1", "Deployment")),
    ({}, ("", "", "")),
    (None, ("", "", "")),
    ({"kind": None, "apiVersion": "v1"}, ("", "v1", "")),
    ({"APIVERSION": "v1", "Kind": "A", "kind": "B", "KIND": "C"}, ("", "v1", "C")),
])
def test_names_are_found_whatever_their_case(value: Any, gvk: tuple[str, str, str]) -> None:
    """As encoding/json finds them: the last one counts, null is nothing."""
    assert interpret(value) == GroupVersionKind(*gvk)


@pytest.mark.parametrize(("value", "error"), [
    ([], AROUND + f"json: cannot unmarshal array into Go value of type {STRUCT}"),
    ("text", AROUND + f"json: cannot unmarshal string into Go value of type {STRUCT}"),
    (42, AROUND + f"json: cannot unmarshal number into Go value of type {STRUCT}"),
    ({"kind": 5}, AROUND + "json: cannot unmarshal number into Go struct field .kind of type string"),
    ({"apiVersion": {}, "kind": 1},
     AROUND + "json: cannot unmarshal object into Go struct field .apiVersion of type string"),
    ({"apiVersion": "a/b/c"}, "unexpected GroupVersion string: a/b/c"),
])
def test_a_body_without_names_is_refused(value: Any, error: str) -> None:
    """The whole message is upstream's."""
    with pytest.raises(MetaError) as caught:
        interpret(value)
    assert str(caught.value) == error
