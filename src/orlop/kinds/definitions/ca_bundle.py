"""Bundles of authorities in webhook configurations: whether Go's TLS client would take one.

Asked by the rules of conversions and by the controller that establishes definitions. Behaviour: apiserver
`pkg/util/webhook/validation.go` ValidateCABundle, client-go `transport/transport.go` rootCertPool.
"""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterator
from typing import Final, NamedTuple

from cryptography import x509

from orlop.api import base64

_LOAD: Final = "unable to load root certificates: "
_BLOCK: Final = re.compile(rb"-----BEGIN ([^\n]*?)-----[ \t]*\r?\n(.*?)-----END \1-----[ \t]*(?:\r?\n|$)", re.DOTALL)
_CERTIFICATE: Final = b"CERTIFICATE"


def complaint(bundle: str) -> str:
    """What is wrong with a bundle as JSON has it; "" for one that is fine or not there."""
    data = base64.decode(bundle)
    blocks = list(_blocks(data))
    if not data or any(block is not None and _is_certificate(block) for block in blocks):
        return ""
    for block in blocks:
        if block is None:
            return _LOAD + "unable to parse bytes as PEM block"
        if block.type == _CERTIFICATE and b":" not in block.text:
            return _LOAD + "failed to parse certificate: x509: malformed certificate"
    return _LOAD + "no valid certificate authority data seen"


class _Block(NamedTuple):
    type: bytes
    text: bytes


def _blocks(data: bytes) -> Iterator[_Block | None]:
    """The PEM blocks of a text; None at its end for a rest that holds none."""
    position = 0
    while position < len(data):
        found = _BLOCK.search(data, position)
        if found is None:
            yield None
            return
        yield _Block(found.group(1), found.group(2))
        position = found.end()


def _is_certificate(block: _Block) -> bool:
    """Blocks with headers do not count."""
    if block.type != _CERTIFICATE or b":" in block.text:
        return False
    try:
        x509.load_der_x509_certificate(b64decode(block.text))
    except ValueError:
        return False
    return True
