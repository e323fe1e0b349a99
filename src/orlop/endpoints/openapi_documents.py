"""OpenAPI v3 documents at rest: compressed, each with the hash its clients know it by.

`openapi` serves them. Those of the built-in kinds lie in the package, one file a group version, and are
read when they are first asked for; those of custom resources are given at run time. A document is kept
compressed: most clients take it so, and all of them together are some hundred kilobytes.
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Callable
from importlib.resources import files
from importlib.resources.abc import Traversable

import orjson

from orlop.api.tree import Tree
from orlop.endpoints.openapi_descriptions import Descriptions
from orlop.endpoints.openapi_proto_messages import V3
from orlop.schema.release import PACKAGED, Release

_PREFIX = "openapi-v3-"
_LEVEL = 6


def digest(content: bytes) -> str:
    """A hash as ETags and URLs carry it."""
    return hashlib.sha512(content).hexdigest().upper()


def packed(content: bytes) -> bytes:
    return gzip.compress(content, _LEVEL, mtime=0)


class Document:
    """One document in its two forms, compressed."""

    __slots__ = ("_json", "_load", "_make", "_proto", "hash")

    def __init__(self, hash: str, load: Callable[[], bytes], make: Callable[[], bytes] | None = None) -> None:
        """`load` gives the compressed document; with `make`, the text, it need not be compressed to be read."""
        self.hash, self._load, self._make = hash, load, make
        self._json = b""
        self._proto = b""

    @property
    def json(self) -> bytes:
        if not self._json:
            self._json = self._load()
        return self._json

    @property
    def proto(self) -> bytes:
        """gnostic's openapi.v3.Document, made at the first need."""
        if not self._proto:
            self._proto = packed(bytes(V3.encode(self.tree())))
        return self._proto

    def tree(self) -> Tree:
        make = self._make if not self._json else None
        tree: Tree = orjson.loads(make() if make is not None else gzip.decompress(self.json))
        return tree

    @staticmethod
    def of(tree: Tree) -> Document:
        content = orjson.dumps(tree, option=orjson.OPT_SORT_KEYS)
        compressed = packed(content)
        return Document(digest(content), lambda: compressed)


def releases() -> list[str]:
    """The Kubernetes minor versions whose documents are in the package, oldest first."""
    names = [entry.name.removeprefix(_PREFIX) for entry in files("orlop.data").iterdir()
             if entry.name.startswith(_PREFIX)]  # fmt: skip
    return sorted(names, key=lambda name: [int(part) for part in name.split(".")])


def packaged(release: str, descriptions: Descriptions | None, older: Release | None = None) -> dict[str, Document]:
    """The built-in documents of a Kubernetes minor version by path ("apis/apps/v1"); with `older`, as that
    minor has them. ValueError for one that is not in the package."""
    if older is not None:
        return _narrowed(packaged(PACKAGED, None), older, descriptions)
    if release not in releases():
        raise ValueError(f"no OpenAPI documents of Kubernetes {release}; there are: {', '.join(releases())}")
    folder = files("orlop.data").joinpath(_PREFIX + release)
    index: dict[str, str] = orjson.loads(folder.joinpath("index.json").read_bytes())
    return {path: _document(folder, path, hash, descriptions) for path, hash in index.items()}


def _narrowed(documents: dict[str, Document], older: Release,
              descriptions: Descriptions | None) -> dict[str, Document]:
    """The documents of the packaged minor as an older one has them; those of groups it lacks are left out."""
    versions = {kind.api_version for kind in older.kinds}

    def made(source: Document) -> Callable[[], bytes]:
        def load() -> bytes:
            tree = older.narrow(source.tree())
            if descriptions is not None:
                descriptions.annotate(tree)
            return packed(orjson.dumps(tree))

        return load

    return {path: Document(digest(f"{found.hash} {older.identity}".encode()), made(found))
            for path, found in documents.items()
            if path.count("/") < 2 or path.removeprefix("apis/") in versions or not path.startswith("apis/")}


def _document(folder: Traversable, path: str, hash: str, descriptions: Descriptions | None) -> Document:
    file = folder.joinpath(path.lstrip(".").replace("/", "__") + ".json.gz")
    if descriptions is None:
        return Document(hash, file.read_bytes)
    texts = descriptions

    def annotated() -> bytes:
        tree = orjson.loads(gzip.decompress(file.read_bytes()))
        texts.annotate(tree)
        return packed(orjson.dumps(tree))

    return Document(digest(f"{hash} {texts.identity}".encode()), annotated)
