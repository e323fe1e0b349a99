"""Every pod bears a sick node for five minutes, unless it says otherwise."""

from __future__ import annotations

import pytest

from admission_requests import PODS, pod, request
from orlop.admission.default_toleration_seconds import DefaultTolerationSeconds
from orlop.admission.interface import CREATE, UPDATE
from orlop.api.tree import Tree

NOT_READY, UNREACHABLE = (
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
    for key in ("not-ready", "unreachable"))
OTHER = {"key": "a", "operator": "Exists"}


@pytest.mark.parametrize(("given", "want"), [
    (None, [NOT_READY, UNREACHABLE]),
    ([], [NOT_READY, UNREACHABLE]),
    ([OTHER], [OTHER, NOT_READY, UNREACHABLE]),
    ([{**NOT_READY, "tolerationSeconds": 1}], [{**NOT_READY, "tolerationSeconds": 1}, UNREACHABLE]),
    ([{"key": UNREACHABLE["key"], "operator": "Exists"}],
     [{"key": UNREACHABLE["key"], "operator": "Exists"}, NOT_READY]),
    ([{**UNREACHABLE, "effect": "NoSchedule"}], [{**UNREACHABLE, "effect": "NoSchedule"}, NOT_READY, UNREACHABLE]),
    ([{"operator": "Exists"}], [{"operator": "Exists"}]),
    ([{"operator": "Exists", "effect": "NoExecute"}], [{"operator": "Exists", "effect": "NoExecute"}]),
])
def test_what_is_missing_is_added(given: list[Tree] | None, want: list[Tree]) -> None:
    """Behind those given; what is borne already, by name or altogether, is left alone."""
    obj = pod({} if given is None else {"tolerations": given})
    before = list(given or ())
    DefaultTolerationSeconds().admit(request(obj))
    assert obj["spec"]["tolerations"] == want
    assert list(given or ()) == before, "the given list may be the stored object's"


def test_whom_it_concerns() -> None:
    """Pods themselves, new and changed."""
    plugin = DefaultTolerationSeconds()
    assert plugin.handles(PODS, "", CREATE) and plugin.handles(PODS, "", UPDATE)
    assert not plugin.handles(PODS, "status", UPDATE)
