"""A list as a document: what stands before, between and after its items, in the representation asked for.

Called by `response`. A short list is made whole, in pieces that are never joined; a long one becomes something that a
`Feed` writes turn by turn. JSON is built of stored bodies as they are; indented JSON, YAML and protobuf are made item
by item. Of a long protobuf list everything is encoded before the first byte is written, because its length comes
first. Behaviour: apiserver `endpoints/handlers/responsewriters`, `runtime/serializer/protobuf/collections.go`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, TypeAlias

import orjson

from orlop.api.gvk import GroupVersion
from orlop.api.tree import Tree
from orlop.codec import protobuf, yaml
from orlop.endpoints import encoding, table
from orlop.endpoints.feed import CHUNK_BYTES, DEAR_SLICE, LIST_SLICE, SLOW_SLICE, Source, Turns
from orlop.endpoints.scope import Scope
from orlop.registry.interface import ListResult, Object
from orlop.schema.kind import builtin
from orlop.storage.interface import Entry

_INDENT = orjson.OPT_INDENT_2
YAML_SLICE: Final = 4
"""Items written as YAML in one turn, the slowest of all representations."""
_ENVELOPE_END: Final = b"\x1a\x00\x22\x00"
"""What follows the message in `protobuf.wrap`: neither an encoding nor a content type is named."""
_DEEPER: Final = b"\n    "
"""A line of an item, as deep as it stands in an indented list."""


Encode: TypeAlias = Callable[[Sequence[Object]], list[bytes]]
"""Of many items at once: a call for each would cost more than what it does."""


class Document(NamedTuple):
    """A list in JSON: its text before the items, its items by `encode`, its end. `dear`: items are decoded for it."""

    opening: bytes
    encode: Encode
    closing: bytes
    dear: bool

    def pieces(self, items: Sequence[Object]) -> list[bytes]:
        """The whole text, not joined."""
        encoded = self.encode(items)
        pieces = [self.opening]
        if encoded:
            separated = [b","] * (2 * len(encoded) - 1)
            separated[0::2] = encoded
            pieces += separated
        pieces.append(self.closing)
        return pieces

    @property
    def most(self) -> int:
        return DEAR_SLICE if self.dear else LIST_SLICE


def metadata_of(result: ListResult) -> bytes:
    """A list's metadata without braces."""
    text = b'"resourceVersion":"%d"' % result.revision
    if result.next:
        text += b',"continue":"%b"' % result.next.encode()
    if result.remaining:
        text += b',"remainingItemCount":%d' % result.remaining
    return text


def plain(scope: Scope, metadata: bytes) -> Document:
    if scope.self_describing and b'"continue":' not in metadata:
        metadata = b'"continue":"",' + metadata  # upstream keeps lists of custom resources untyped
    opening, item = scope.list_head + metadata + b'},"items":[', encoding.item
    if scope.from_hub is None:
        return Document(opening, lambda items: [o.body if type(o) is Entry else item(scope, o) for o in items], b"]}",
                        False)
    return Document(opening, lambda items: [item(scope, obj) for obj in items], b"]}", True)


def rows(scope: Scope, metadata: bytes, include: str, version: str) -> Document:
    """A Table."""
    printer = scope.printer()
    opening, now = table.opening(printer, metadata, version=version), scope.clock.now()

    def encode(items: Sequence[Object]) -> list[bytes]:
        return [table.row(scope, printer, obj, include, now, version) for obj in items]

    return Document(opening, encode, table.CLOSING, True)


def partial(metadata: bytes, version: str) -> Document:
    """A PartialObjectMetadataList."""
    head = b'{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/%b","metadata":{'
    opening = head % version.encode() + metadata + b'},"items":['
    return Document(opening, lambda items: [encoding.partial(obj, version) for obj in items], b"]}", True)


# --- long lists ------------------------------------------------------------------------------------------------------


def one_by_one(document: Document) -> Callable[[Object], bytes]:
    """Encodes one item. Entries do not remember what was derived from them: of very many that would double them."""
    encode = document.encode

    def encode_and_forget(obj: Object) -> bytes:
        if not isinstance(obj, Entry) or obj.memo is not None:
            return encode((obj,))[0]
        obj.memo = {}
        text = encode((obj,))[0]
        obj.memo = None
        return text

    if document.dear:
        return encode_and_forget
    return lambda obj: obj.body if type(obj) is Entry else encode((obj,))[0]


def _weight(obj: Object) -> int:
    """The bytes that are decoded for an item."""
    return len(obj.body) if isinstance(obj, Entry) else 0


def compact(document: Document, items: Sequence[Object]) -> Turns:
    encode = one_by_one(document)
    return Source(encode, items, most=document.most, weigh=_weight if document.dear else None,
                  opening=document.opening, separator=b",", closing=lambda: document.closing)


def indented(document: Document, items: Sequence[Object]) -> Turns:
    encode = one_by_one(document)
    shell = orjson.dumps(orjson.loads(document.opening + document.closing), option=_INDENT)
    opening = shell.removesuffix(b"]\n}") + _DEEPER

    def indent(obj: Object) -> bytes:
        return orjson.dumps(orjson.loads(encode(obj)), option=_INDENT).replace(b"\n", _DEEPER)

    return Source(indent, items, most=SLOW_SLICE, weigh=_weight, opening=opening, separator=b"," + _DEEPER,
                  closing=lambda: b"\n  ]\n}\n")


def in_yaml(document: Document, items: Sequence[Object]) -> Turns:
    encode = one_by_one(document)
    shell = yaml.from_tree(orjson.loads(document.opening + document.closing))
    name = b"\nrows:" if b"\nrows: []\n" in shell else b"\nitems:"
    before, _, after = shell.partition(name + b" []\n")

    def lines(obj: Object) -> bytes:
        return yaml.from_tree([orjson.loads(encode(obj))])

    return Source(lines, items, most=YAML_SLICE, weigh=_weight, opening=before + name + b"\n", closing=lambda: after)


class InProtobuf:
    """A list of a kind that has a message, encoded first and then written."""

    def __init__(self, document: Document, items: Sequence[Object]) -> None:
        self._shell: Tree = orjson.loads(document.opening + document.closing)
        version, kind = GroupVersion.parse(self._shell["apiVersion"]), self._shell["kind"]
        self._message = builtin().kind(version.kind(kind)).to_protobuf
        self._lead = len(self._message({"metadata": {}, "items": []}))
        self._encode, self._items = one_by_one(document), items
        self._at = 0
        self._encoded: list[bytes] = []
        self._writing: Turns | None = None
        self.finished = False

    def close(self) -> None:
        self._items, self._encoded, self._writing = (), [], None
        self.finished = True

    def turn(self) -> bytes:
        if self._writing is not None:
            chunk = self._writing.turn()
            self.finished = self._writing.finished
            return chunk
        run = self._run()
        if run:
            trees = [orjson.loads(self._encode(obj)) for obj in run]
            self._encoded.append(self._message({"metadata": {}, "items": trees})[self._lead:])
            return b""
        self._writing = self._written()
        return b""

    def _run(self) -> list[Object]:
        """The items of one turn."""
        run: list[Object] = []
        size = 0
        while self._at < len(self._items) and len(run) < SLOW_SLICE and size < CHUNK_BYTES:
            run.append(self._items[self._at])
            size += _weight(run[-1])
            self._at += 1
        return run

    def _written(self) -> Turns:
        """The envelope around what was encoded."""
        shell = self._message(self._shell)
        size = len(shell) + sum(map(len, self._encoded))
        empty = protobuf.wrap(self._shell["apiVersion"], self._shell["kind"], b"")
        place = empty.rindex(protobuf.delimited(2, b"") + _ENVELOPE_END)
        before = empty[:place] + protobuf.tag(2, protobuf.BYTES) + protobuf.varint(size)
        encoded, self._encoded, self._items = self._encoded, [], ()
        return Source(bytes, more=_Given(encoded), opening=before + shell, closing=lambda: _ENVELOPE_END)


class _Given:
    """Pieces given away one by one, each forgotten then: to free all at once would take long, too."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._left = pieces[::-1]
        self.finished = not pieces

    def turn(self) -> list[bytes]:
        piece = self._left.pop()
        self.finished = not self._left
        return [piece]

    def close(self) -> None:
        self._left, self.finished = [], True
