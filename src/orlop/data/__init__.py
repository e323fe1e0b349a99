"""Packaged facts about Kubernetes: the lowest floor, files only.

`load` hands out a file's bytes; what they mean is known to the rooms that read them (`schema.types` and
others). Every file's origin and shape is described in this folder's README.
"""

from __future__ import annotations

import gzip
from importlib.resources import files


def load(name: str) -> bytes:
    """The content of the packaged file `name`; a name that ends in `.gz` is given out unpacked."""
    content = files(__name__).joinpath(name).read_bytes()
    return gzip.decompress(content) if name.endswith(".gz") else content
