"""`jsonpatch.escapeKey`: keys as steps of a JSON pointer. Only mutating admission policies have it.

Behaviour: Kubernetes pkg/cel/library/jsonpatch.go; RFC 6901, 3.
"""

from __future__ import annotations

from typing import Final

from orlop.cel import types as t
from orlop.cel.functions import Library
from orlop.cel.library_signature import function, plain


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")


JSON_PATCH: Final = Library(
    "kubernetes.jsonpatch",
    (
        function(
            "jsonpatch.escapeKey",
            plain("string_jsonpatch_escapeKey_string", (t.STRING,), t.STRING, _escape),
        ),
    ),
)
