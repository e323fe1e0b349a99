"""Two connections joined: what one receives the other sends, in both directions.

Used for upgraded connections (`kubelet_upgrade`, `kubelet_tunnel`). Who is not read from fast enough slows the other
down; when one goes, so does the other, after what it was sent. Behaviour: apimachinery
`pkg/util/proxy/upgradeaware.go`.
"""

from __future__ import annotations

from collections.abc import Callable

from orlop.api.http import RawConnection
from orlop.server.kubelet_wire import Wire

Translate = Callable[[bytes], bytes]


def same(data: bytes) -> bytes:
    return data


def splice(client: RawConnection, early: bytes, kubelet: Wire, to_client: Translate = same,
           to_kubelet: Translate = same, goodbye: bytes = b"") -> None:
    """`early` came from the client with its request. The translations may return nothing; `goodbye` is the last that a
    client is sent."""

    def from_client(data: bytes) -> None:
        if sent := to_kubelet(data):
            kubelet.write(sent)
            if kubelet.congested:
                client.pause_reading()

    def from_kubelet(data: bytes) -> None:
        if sent := to_client(data):
            client.write(sent)
            if client.congested:
                kubelet.pause_reading()

    def kubelet_lost() -> None:
        if goodbye:
            client.write(goodbye)
        client.close()

    client.on_data, client.on_lost, client.on_drained = from_client, kubelet.close, kubelet.resume_reading
    kubelet.on_data, kubelet.on_lost, kubelet.on_drained = from_kubelet, kubelet_lost, client.resume_reading
    if early:
        from_client(early)
    client.resume_reading()
    kubelet.resume_reading()
