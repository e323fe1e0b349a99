"""Sizes of a terminal, as clients send them and as kubelets read them.

Used by `kubelet_remote_command`. Behaviour: handleResizeEvents in apiserver `pkg/util/proxy/websocket.go`.
"""

from __future__ import annotations

import json
from typing import Final

_LONGEST: Final = 64 * 1024
"""A size that is longer ends resizing."""
_MOST: Final = 0xFFFF


class Sizes:
    """Reads one JSON document after the other; after anything else there are no sizes any more."""

    __slots__ = ("_broken", "_decoder", "_text")

    def __init__(self) -> None:
        self._decoder = json.JSONDecoder()
        self._text = ""
        self._broken = False

    def receive(self, data: bytes) -> list[bytes]:
        """What to tell the kubelet."""
        if self._broken:
            return []
        self._text = (self._text + data.decode("latin-1")).lstrip()
        found: list[bytes] = []
        while self._text:
            try:
                size, end = self._decoder.raw_decode(self._text)
            except ValueError:
                self._broken = not self._text.startswith("{") or len(self._text) > _LONGEST
                break
            width, height = _number(size, "width"), _number(size, "height")
            if width is None or height is None:
                self._broken = True
                break
            found.append(b'{"Width":%d,"Height":%d}\n' % (width, height))
            self._text = self._text[end:].lstrip()
        return found


def _number(size: object, name: str) -> int | None:
    """Go matches names whatever their case; absent is 0."""
    if not isinstance(size, dict):
        return None
    value = next((given for key, given in size.items() if key.lower() == name), 0)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
        return 0 if value is None else None
    return value
