"""Points in time as metadata shows them: RFC 3339 in UTC, whole seconds. Rendering is remembered per second."""

from __future__ import annotations

from datetime import UTC, datetime

_last: tuple[int, str] = (-1, "")


def text(now: float) -> str:
    global _last
    second = int(now)
    if _last[0] != second:
        _last = (second, datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    return _last[1]


def seconds(time: str) -> float:
    """The reverse of `text`."""
    return datetime.fromisoformat(time).timestamp()


def duration(seconds: int) -> float:
    """Seconds as what is left of them in Go's durations: 64 bits of nanoseconds, which overflow after 292 years."""
    half = 1 << 63
    return ((seconds * 1_000_000_000 + half) % (2 * half) - half) / 1e9
