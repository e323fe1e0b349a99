"""The paths that tell of the server itself: `/` with its index, and `/version`.

The router of paths that are no resources calls `serve` of each. Behaviour: apiserver
`server/routes/index.go` and `server/routes/version.go`, `apimachinery/pkg/version`.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable

import orjson

from orlop.api import errors
from orlop.api.gvk import GroupResource
from orlop.api.http import Request, Response
from orlop.api.tree import Tree
from orlop.endpoints import accept

ALWAYS = (
    "/.well-known/openid-configuration",
    "/openapi/v2",
    "/openapi/v3",
    "/openapi/v3/",
    "/openid/v1/jwks",
    "/version",
)
"""Paths every server has besides its groups, its health checks and its metrics."""

_UNKNOWN_DATE = "1970-01-01T00:00:00Z"
_NO_RESOURCE = GroupResource("", "")


class Index:
    """The list of paths at `/` and `/index.html`, for any method. Each source is asked again at every
    request: groups come and go, and nobody asks often."""

    def __init__(self, *sources: Callable[[], Iterable[str]], paths: Iterable[str] = ALWAYS) -> None:
        self._sources, self._paths = sources, set(paths)

    def add(self, *paths: str) -> None:
        self._paths.update(paths)

    def serve(self, request: Request) -> Response:
        found = set(self._paths)
        for source in self._sources:
            found.update(source())
        return Response(200, orjson.dumps({"paths": sorted(found)}, option=orjson.OPT_INDENT_2))


class Version:
    """What this server says it is. `release` is the Kubernetes release it behaves like."""

    def __init__(self, release: str = "1.36.0", commit: str = "", build_date: str = _UNKNOWN_DATE) -> None:
        self.info = version_info(release, commit, build_date)
        self._body = orjson.dumps(self.info, option=orjson.OPT_INDENT_2)

    def serve(self, request: Request) -> Response:
        """/version, with or without a slash at its end. Raises 404, 405 and 406 as APIErrors."""
        if request.path.rstrip("/") != "/version":
            raise errors.generic(404, "", _NO_RESOURCE)
        if request.method != "GET":
            raise errors.generic(405, "", _NO_RESOURCE)
        accept.require(request, ("application/json",))
        return Response(200, self._body)


def version_info(release: str, commit: str, build_date: str) -> Tree:
    """The version document. Clients parse gitVersion, major and minor; the rest is for people."""
    major, minor = release.split(".")[:2]
    machine = _ARCHITECTURES.get(platform.machine(), platform.machine())
    return {
        "major": major,
        "minor": minor,
        "emulationMajor": major,
        "emulationMinor": minor,
        "minCompatibilityMajor": major,
        "minCompatibilityMinor": str(int(minor) - 1),
        "gitVersion": f"v{release}",
        "gitCommit": commit,
        "gitTreeState": "clean",
        "buildDate": build_date,
        "goVersion": f"python{platform.python_version()}",
        "compiler": platform.python_implementation().lower(),
        "platform": f"{platform.system().lower()}/{machine}",
    }


_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "AMD64": "amd64"}
"""Machines as Go names them."""
