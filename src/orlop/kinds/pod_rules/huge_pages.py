"""Huge pages: resources whose amount must be a whole number of pages.

Called by the rules of resources. Behaviour: kubernetes `pkg/apis/core/helper` IsHugePageResourceValueDivisible.
"""

from __future__ import annotations

from orlop.api import quantity
from orlop.kinds.resource_names import HUGE_PAGES


def is_odd(name: str, text: str) -> bool:
    """Whether an amount of huge pages is no whole number of them."""
    if not name.startswith(HUGE_PAGES):
        return False
    try:
        page = quantity.parse(name.removeprefix(HUGE_PAGES)).value()
    except quantity.QuantityError:
        return True
    return page <= 0 or quantity.parse(text).value() % page != 0
