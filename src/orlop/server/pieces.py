"""Bodies in pieces, cut and joined to the size of a write.

Used by the connection for answers and by the channel for what has gathered behind a slow client: many small
pieces become one write, a huge one becomes several, and nothing is made before the transport can take it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

Writable = bytes | memoryview


def joined(pieces: Sequence[bytes], size: int) -> Iterator[Writable]:
    """Writes of at most `size` bytes that make up the pieces, in order."""
    gathered: list[bytes] = []
    length = 0
    for piece in pieces:
        if length + len(piece) > size and gathered:
            yield b"".join(gathered)
            gathered, length = [], 0
        if len(piece) > size:
            view = memoryview(piece)
            for at in range(0, len(piece), size):
                yield view[at:at + size]
        elif piece:
            gathered.append(piece)
            length += len(piece)
    if gathered:
        yield b"".join(gathered)
