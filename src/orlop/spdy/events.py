"""What a connection has to tell after it received bytes.

Made by `connection`, taken by `session` (or a test).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Opened:
    """The peer opens a stream: answer with `reply` or `reset`. `fin`: it will send nothing on it."""

    stream: int
    headers: dict[str, str]
    fin: bool = False
    unidirectional: bool = False


@dataclass(frozen=True, slots=True)
class Replied:
    """The peer took a stream of ours."""

    stream: int
    headers: dict[str, str]
    fin: bool = False


@dataclass(frozen=True, slots=True)
class MoreHeaders:
    stream: int
    headers: dict[str, str]
    fin: bool = False


@dataclass(frozen=True, slots=True)
class Data:
    """Part of a stream, as it arrived: large frames come in pieces. `fin`: the peer's last word, `data` may be
    empty."""

    stream: int
    data: bytes
    fin: bool = False


@dataclass(frozen=True, slots=True)
class Reset:
    """The peer ends a stream in both directions."""

    stream: int
    status: int


@dataclass(frozen=True, slots=True)
class Ponged:
    """A ping of ours came back."""

    id: int


@dataclass(frozen=True, slots=True)
class GoneAway:
    """The peer closes the connection: nothing more is received."""

    last: int
    status: int


Event = Opened | Replied | MoreHeaders | Data | Reset | Ponged | GoneAway
