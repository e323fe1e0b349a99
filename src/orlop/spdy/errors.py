"""What can go wrong.

Raised by `headers`, `connection` and `session`; caught by whoever runs a session.
"""

from __future__ import annotations


class ProtocolError(Exception):
    """The peer sent what SPDY does not allow; the connection is of no more use."""


class StreamClosed(Exception):
    """The stream was reset, ended by ourselves, or its connection is gone: nothing can be written."""


class StreamRefused(Exception):
    """The peer refused the stream, or did not answer in time."""
