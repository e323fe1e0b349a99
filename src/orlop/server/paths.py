"""Paths that are no resources: the index, version, health, metrics, discovery, OpenAPI, service-account keys.

The filter chain comes here with everything the router does not serve; each path is handed to its room.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from orlop.api.http import Answer, Request

Serve = Callable[[Request], "Answer | Awaitable[Answer]"]


class Paths:
    """`add` a path, or a prefix that ends in "/"; `fallback` serves all others."""

    def __init__(self, fallback: Serve) -> None:
        self._fallback = fallback
        self._exact: dict[str, Serve] = {}
        self._prefixes: list[tuple[str, Serve]] = []

    def add(self, path: str, serve: Serve) -> None:
        if path.endswith("/") and path != "/":
            self._prefixes.append((path, serve))
        else:
            self._exact[path] = serve

    def serve(self, request: Request) -> Answer | Awaitable[Answer]:
        path = request.path
        found = self._exact.get(path)
        if found is not None:
            return found(request)
        for prefix, serve in self._prefixes:
            if path.startswith(prefix):
                return serve(request)
        return self._fallback(request)
