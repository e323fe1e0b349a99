"""The libraries of every Kubernetes expression, in the versions 1.36 sets.

The environment adds these to the standard library, optional types and two-variable comprehensions, which are the
language's own. Mutating admission policies add `library_json_patch.JSON_PATCH`. Behaviour: Kubernetes
pkg/cel/environment/base.go.
"""

from __future__ import annotations

from typing import Final

from orlop.cel.functions import Library
from orlop.cel.library_authorizer import AUTHORIZER
from orlop.cel.library_cidr import CIDR
from orlop.cel.library_ip import IP
from orlop.cel.library_list_extensions import LIST_EXTENSIONS
from orlop.cel.library_lists import LISTS
from orlop.cel.library_named_formats import NAMED_FORMATS
from orlop.cel.library_quantity import QUANTITY
from orlop.cel.library_regex import REGEX
from orlop.cel.library_semver import SEMVER
from orlop.cel.library_sets import SETS
from orlop.cel.library_strings import STRINGS
from orlop.cel.library_urls import URLS

LIBRARIES: Final[tuple[Library, ...]] = (
    URLS,
    REGEX,
    LISTS,
    AUTHORIZER,
    QUANTITY,
    STRINGS,
    SETS,
    IP,
    CIDR,
    NAMED_FORMATS,
    SEMVER,
    LIST_EXTENSIONS,
)
