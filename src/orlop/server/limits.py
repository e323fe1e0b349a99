"""Every limit of the HTTP server in one place, with what happens at it.

Read by the listener, the connections, the parser, the channels and the in-process transport; set by the
configuration. Defaults follow kube-apiserver's `pkg/server/secure_serving.go` and Go's `net/http` where
these have the limit too.
"""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1 << 10
MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds. Times are kept by a sweep over all connections every `tick`
    seconds, so that they end up to one tick late."""

    connections: int = 10_000
    """Connections beyond are answered 429 with Retry-After and closed; beyond a tenth more they are cut at
    once."""
    accept_backlog: int = 1024
    """Connections that the kernel completes before we take them; beyond, clients retry."""

    head: int = MIB
    """Request line and headers, and the trailers of a chunked body: 431 and close."""
    fields: int = 1000
    """Header lines of one request: 431 and close."""
    target: int = 256 * KIB
    """The request target as sent: 414 and close."""
    body: int = 3 * MIB
    """A request's body: 413 as a Status, and close; the rest is not read."""
    bodies: int = 256 * MIB
    """All bodies being received together: 429 with Retry-After, and close."""
    incoming: int = 64 * KIB
    """Bytes of a body passed on as it comes (through a proxy, where bodies may have any length) that wait for the other
    side: then the client is not read."""
    chunk_overhead: int = 16
    """Raw bytes allowed for each byte of a chunked body (beside 64 KiB): 400 and close."""
    discard: int = 256 * KIB
    """What is still read and thrown away after a refusal, so that the client can read it: then cut."""

    pipelined: int = 16
    """Pipelined requests that one connection gets answered before others have their turn of the loop."""
    held: int = 64 * KIB
    """Bytes kept of requests that came before the answer of an earlier one: then reading pauses."""

    write_high: int = 128 * KIB
    """Bytes in the transport's buffer at which answers stop being handed over until it drains."""
    join: int = 128 * KIB
    """Pieces of a body are joined up to this for one write; larger ones are cut."""
    stream_backlog: int = 16 * MIB
    """What a channel or a raw connection holds for a client that does not read, should the writer not have
    acted before: cut."""

    tick: float = 1.0
    head_seconds: float = 32.0
    """From the first byte of a request (or the connection) to the end of its headers: closed without a
    word."""
    idle_seconds: float = 90.0
    """Between requests: closed without a word."""
    body_seconds: float = 60.0
    """From the end of the headers to the end of the body: 504 and close."""
    stall_seconds: float = 60.0
    """An answer of which the client takes nothing, or the rest of an ended stream or connection: cut."""
    linger_seconds: float = 1.0
    """How long a connection is still read after a refusal, or waits for its farewell when idle: then cut."""
    handshake_seconds: float = 32.0
    """A TLS handshake: cut."""
    shutdown_seconds: float = 30.0
    """The last bytes and the farewell of TLS: cut."""
    farewell_seconds: float = 0.1
    """What an idle client gets to answer the farewell when the listener drains: cut. Clients that keep idle
    connections in a pool do not answer at all."""


DEFAULT = Limits()
