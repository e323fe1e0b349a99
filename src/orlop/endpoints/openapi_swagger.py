"""The v2 document of everything, made beside the event loop.

`openapi` asks for it in one of its two forms. It is megabytes where many custom kinds are served, so it is put together
in a thread, one at a time; whoever asks meanwhile waits for the same one. What each v3 document brings is kept as a
`Part` for as long as that document is served: a change costs its own conversion and the compression of the whole.
`openapi_v2` does the converting.
"""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Mapping
from typing import Final, NamedTuple

from orlop.endpoints import openapi_v2
from orlop.endpoints.openapi_documents import Document, digest, packed
from orlop.endpoints.openapi_v2 import Part

JSON: Final = "json"
PROTO: Final = "proto"
_LARGE: Final = 256 * 1024
"""Compressed bytes from which on decompressing is the thread's work, too."""


class Form(NamedTuple):
    """The document compressed; `hash` is that of its JSON form."""

    hash: str
    packed: bytes


class Swagger:
    """`packaged` are the built-in documents by path. At most two forms and one part a document are kept."""

    def __init__(self, version: str, packaged: Mapping[str, Document]) -> None:
        self._version, self._packaged = version, packaged
        self._forms: dict[str, Form] = {}
        self._builtin: Part | None = None
        self._parts: dict[str, tuple[Document, Part]] = {}
        self._changes = 0
        self._lock = asyncio.Lock()

    def changed(self) -> None:
        """Some documents are others now."""
        self._forms.clear()
        self._changes += 1

    def ready(self, form: str) -> Form | None:
        return self._forms.get(form)

    async def form(self, form: str, added: Mapping[str, Document]) -> Form:
        """The document with what `added` brings, by path."""
        async with self._lock:
            found = self._forms.get(form)
            if found is not None:
                return found
            changes, documents = self._changes, dict(added)
            made = await asyncio.to_thread(self._make, form, documents)
            if changes == self._changes:
                self._forms.update(made)
            return made[form]

    def _make(self, form: str, added: dict[str, Document]) -> dict[str, Form]:
        """One form; of protobuf also JSON, whose hash it bears. Not in the event loop's thread."""
        if self._builtin is None:
            self._builtin = Part(document.tree() for document in self._packaged.values())
        kept = {path: found for path, found in self._parts.items() if added.get(path) is found[0]}
        for path, document in added.items():
            if path not in kept:
                kept[path] = (document, Part([document.tree()], self._builtin.names))
        self._parts = kept
        head, tail = openapi_v2.envelope(self._version)
        parts = (self._builtin, *(kept[path][1] for path in sorted(kept)))
        made = self._forms.get(JSON)
        if made is None:
            content = openapi_v2.json_document(head, tail, parts)
            made = Form(digest(content), packed(content))
        if form == JSON:
            return {JSON: made}
        return {JSON: made, PROTO: Form(made.hash, packed(openapi_v2.proto_document(head, tail, parts)))}


async def unpacked(compressed: bytes) -> bytes:
    if len(compressed) < _LARGE:
        return gzip.decompress(compressed)
    return await asyncio.to_thread(gzip.decompress, compressed)
