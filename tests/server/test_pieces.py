"""Bodies in pieces become writes of a bounded size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orlop.server.pieces import joined


@given(st.lists(st.binary(max_size=30)), st.integers(1, 20))
def test_nothing_is_lost_and_no_write_is_too_large(pieces: list[bytes], size: int) -> None:
    """The writes make up the pieces in order, none is empty, none exceeds the size."""
    writes = [bytes(write) for write in joined(pieces, size)]
    assert b"".join(writes) == b"".join(pieces)
    assert all(0 < len(write) <= size for write in writes)


def test_a_single_piece_is_not_copied() -> None:
    """Pieces that already have the size of a write are passed on as views or themselves."""
    piece = bytes(100)
    views = list(joined([piece], 40))
    assert [len(view) for view in views] == [40, 40, 20] and all(isinstance(v, memoryview) for v in views)
