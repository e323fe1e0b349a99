"""Named limits of the connections to etcd, and what happens at each. Read by `etcd_http2*`."""

from __future__ import annotations

from typing import Final

KIB: Final = 1 << 10
MIB: Final = 1 << 20

MOST_WINDOW: Final = (1 << 31) - 1
"""What a window of flow control can be at most (RFC 9113, 6.9.1)."""

FRAME_BYTES: Final = MIB
"""The largest frame taken (our MAX_FRAME_SIZE). A larger one breaks the connection."""

STREAM_WINDOW: Final = 8 * MIB
"""What etcd may send on a stream before it hears from us. Answers are taken whole, so theirs is given back as they
come; a watch's as its messages are read."""

CONNECTION_STEP: Final = 512 * MIB
"""Bytes taken after which the connection's window is opened again. It is never what holds etcd back: streams are."""

UNREAD_BYTES: Final = 8 * MIB
"""Whole messages of a watch waiting for their reader. Beyond it the stream's window is not opened again, so that no
more than this, a window and one message are ever held; etcd keeps the rest."""

UNSENT_BYTES: Final = 8 * MIB
"""Of one stream, waiting for etcd's window. Beyond it writing fails (RESOURCE_EXHAUSTED)."""

MESSAGE_BYTES: Final = 1 << 30
"""The largest message taken. A larger one fails its call (RESOURCE_EXHAUSTED)."""

HEADER_BYTES: Final = 64 * KIB
"""The largest block of headers taken, encoded and decoded. A larger one breaks the connection."""

HEADER_MEMO: Final = 256
"""Blocks of headers remembered, of answers and of requests each. Beyond it all are forgotten and learned anew."""

LAST_STREAM: Final = MOST_WINDOW - 2
"""The number of the last stream opened on a connection. Then another connection is made."""

CONNECT_SECONDS: Final = 2.0
"""From the first packet to etcd's first frame. Then the attempt has failed."""

RECONNECT_FIRST: Final = 0.1
"""Seconds after a failed attempt in which calls fail at once; doubled up to `RECONNECT_MOST`."""

RECONNECT_MOST: Final = 1.0

KEEPALIVE_SECONDS: Final = 10.0
"""Silence after which a PING is sent, if there is anybody to wait for something."""

KEEPALIVE_ANSWER: Final = 3.0
"""Seconds for any sign of life after a PING. Then the connection is broken."""

KEEPALIVE_LEAST: Final = 5.5
"""Seconds between two PINGs; etcd hangs up on who asks more often than every 5 s."""
