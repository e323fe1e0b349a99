"""Objects as Table rows: what `kubectl get` asks for.

Called by `response` and `watch`. The cells come from the kind's printer (`kinds.printers`); this module encodes rows
and remembers, with each stored entry, the encoded cells around those that change with time (AGE).
Behaviour: apiserver `endpoints/handlers/response.go` asTable.
"""

from __future__ import annotations

from functools import lru_cache

import orjson

from orlop.endpoints import encoding
from orlop.endpoints.scope import Scope
from orlop.kinds.printers import Printer
from orlop.kinds.printers.cells import Relative
from orlop.registry.interface import Object
from orlop.storage.interface import Entry

_HEAD = b'{"kind":"Table","apiVersion":"meta.k8s.io/%b","metadata":{'
CellParts = tuple[list[bytes], list[Relative]]
"""Encoded text around the time-dependent cells, and those cells: one more text than cells."""


@lru_cache(maxsize=512)
def _definitions(printer: Printer) -> bytes:
    columns = [{"name": c.name, "type": c.type, "format": c.format, "description": c.description,
                "priority": c.priority} for c in printer.columns]
    return orjson.dumps(columns)


def opening(printer: Printer, metadata: bytes, *, columns: bool = True, version: str = "v1") -> bytes:
    """Everything before the rows. `metadata` is the list's metadata without braces, `version` that of meta.k8s.io."""
    definitions = b',"columnDefinitions":%b' % (_definitions(printer) if columns else b"null")
    return b"%b%b}%b" % (_HEAD % version.encode(), metadata, definitions) + b',"rows":['


CLOSING = b"]}"


def _parts(scope: Scope, printer: Printer, obj: Object) -> CellParts:
    """The row's cells, from memory when this revision was printed before."""
    memo = obj.memo if isinstance(obj, Entry) else None
    if memo is not None and (known := memo.get(scope.kind)) is not None:
        return known  # type: ignore[no-any-return]
    tree = encoding.tree_of(scope, obj)
    parts = _encode_cells(printer, tree)
    if isinstance(obj, Entry):
        encoding.remember_metadata(obj, tree if scope.from_hub is None else obj.tree())
        assert obj.memo is not None
        obj.memo[scope.kind] = parts
    return parts


def _encode_cells(printer: Printer, tree: dict[str, object]) -> CellParts:
    texts, relatives = [], []
    current = b'{"cells":['
    for position, cell in enumerate(printer.cells(tree)):
        if position:
            current += b","
        if isinstance(cell, Relative):
            texts.append(current)
            relatives.append(cell)
            current = b""
        else:
            current += orjson.dumps(cell)
    current += b"]"
    conditions = printer.conditions(tree) if printer.conditions is not None else None
    if conditions:
        current += b',"conditions":' + orjson.dumps(conditions)
    texts.append(current)
    return texts, relatives


def row(scope: Scope, printer: Printer, obj: Object, include: str, now: float, version: str = "v1") -> bytes:
    """One encoded row."""
    texts, relatives = _parts(scope, printer, obj)
    if include == "Metadata":
        shown = encoding.partial(obj, version)
    elif include == "Object":
        shown = encoding.whole(scope, obj)
    else:
        shown = b"null"
    if len(relatives) == 1:
        return b'%b"%b"%b,"object":%b}' % (texts[0], relatives[0].fn(now).encode(), texts[1], shown)
    pieces = [texts[0]]
    for relative, text in zip(relatives, texts[1:], strict=True):
        pieces.append(orjson.dumps(relative.fn(now)))
        pieces.append(text)
    return b'%b,"object":%b}' % (b"".join(pieces), shown)
