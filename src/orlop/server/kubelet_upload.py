"""A request's body on its way to a kubelet or pod while it still comes from the client.

Made by `kubelet_wire` for a request that is passed on before it is whole. Who takes it slowly slows the client down; a
client that leaves in the middle cuts the connection, for nothing may look like the end of a body that is not. Trailers
go along. Behaviour: Go's `net/http/transfer.go` (transferWriter).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from orlop.api.http import Incoming
from orlop.server.kubelet_request import canonical

if TYPE_CHECKING:
    from orlop.server.kubelet_wire import Wire


class Upload:
    """One body. `failure` says why the client did not send all of it; `whole` that it is with the wire."""

    __slots__ = ("_chunked", "_incoming", "_wire", "failure", "whole")

    def __init__(self, wire: Wire, incoming: Incoming) -> None:
        self._wire, self._incoming, self._chunked = wire, incoming, incoming.length is None
        self.failure, self.whole = "", False

    def start(self) -> None:
        self._wire.on_drained = self._incoming.resume
        self._incoming.start(self._part, self._end)

    def _part(self, data: bytes) -> None:
        wire = self._wire
        if wire.lost:
            self._incoming.pause()  # whoever closed it has answered, or an error tells so
            return
        wire.write(b"%x\r\n%b\r\n" % (len(data), data) if self._chunked else data)
        if wire.congested:
            self._incoming.pause()

    def _end(self, failure: str) -> None:
        self._wire.on_drained = None
        if failure:
            self.failure = failure
            self._wire.abort()
            return
        self.whole = True
        if self._chunked and not self._wire.lost:
            lines = "".join(f"{canonical(name)}: {value}\r\n" for name, value in self._incoming.trailers)
            self._wire.write(b"0\r\n%b\r\n" % lines.encode())
