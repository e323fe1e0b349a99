"""/livez, /readyz and /healthz with their named checks (apiserver `pkg/server/healthz`).

The life cycle adds checks; `Paths` hands the three prefixes here. A check returns "" when all is well, else the reason,
which goes to the log and not to the client.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from orlop.api.field import quote
from orlop.api.http import Request, Response

log = logging.getLogger(__name__)

Check = Callable[[], str]
_TEXT = "text/plain; charset=utf-8"
_HEADERS = (("X-Content-Type-Options", "nosniff"), ("Cache-Control", "no-cache, private"))


class Health:
    """Checks by endpoint: `live` and `ready` checks both count for /healthz and /readyz, `live` alone for /livez."""

    def __init__(self) -> None:
        self._live: dict[str, Check] = {"ping": lambda: "", "log": lambda: ""}
        self._ready: dict[str, Check] = {}

    def add(self, name: str, check: Check, *, live: bool = False) -> None:
        (self._live if live else self._ready)[name] = check

    def paths(self) -> list[str]:
        """The paths for the index at /."""
        found = ["/healthz", "/livez", "/readyz"]
        found += [f"/livez/{name}" for name in self._live]
        found += [f"{root}/{name}" for root in ("/healthz", "/readyz") for name in (*self._live, *self._ready)]
        return found

    def serve(self, request: Request) -> Response:
        root, _, name = request.path.strip("/").partition("/")
        checks = dict(self._live) if root == "livez" else {**self._live, **self._ready}
        if name:
            return self._one(request, root, name, checks)
        wanted = request.parameters.get("exclude", [])
        return self._all(request, root, checks, set(wanted))

    @staticmethod
    def _one(request: Request, root: str, name: str, checks: dict[str, Check]) -> Response:
        check = checks.get(name)
        if check is None:
            return Response(404, b"404 page not found\n", _TEXT, _HEADERS)
        reason = check()
        if reason:
            log.warning("health check %s failed: %s", name, reason)
            return Response(500, f"internal server error: {reason}\n".encode(), _TEXT, _HEADERS)
        return Response(200, b"ok", _TEXT, _HEADERS)

    @staticmethod
    def _all(request: Request, root: str, checks: dict[str, Check], excluded: set[str]) -> Response:
        lines, failed = [], []
        for name, check in checks.items():
            if name in excluded:
                excluded.discard(name)
                lines.append(f"[+]{name} excluded: ok")
                continue
            reason = check()
            if reason:
                failed.append(name)
                log.warning("health check %s failed: %s", name, reason)
                lines.append(f"[-]{name} failed: reason withheld")
            else:
                lines.append(f"[+]{name} ok")
        if excluded:
            names = ", ".join(quote(n) for n in sorted(excluded))
            lines.append(f"warn: some health checks cannot be excluded: no matches for {names}")
        if failed:
            text = "\n".join([*lines, f"{root} check failed", ""])
            return Response(500, text.encode(), _TEXT, _HEADERS)
        if "verbose" in request.parameters:
            return Response(200, "\n".join([*lines, f"{root} check passed", ""]).encode(), _TEXT, _HEADERS)
        return Response(200, b"ok", _TEXT, _HEADERS)
