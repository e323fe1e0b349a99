"""Discovery: what this server serves, under /api and /apis.

The router of paths that are no resources calls `Discovery.serve`; the server fills it from the catalog when
it is assembled, and with custom resources as they come and go. Each document is encoded once per form and
handed out as the same bytes until something changes. Behaviour: apiserver `endpoints/discovery` (legacy
documents) and its `aggregated` (the one large list), kube-aggregator `apiserver/handler_apis.go` (/apis and
/apis/<group>), apiextensions-apiserver `customresource_discovery.go`.

Upstream answers these paths by three different servers, and it shows: built-in versions know GET only and
test Accept twice, the lists of groups and everything about custom resources answer any method.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import orjson

from orlop.api import errors
from orlop.api.gvk import GroupResource, GroupVersion
from orlop.api.http import Request, Response
from orlop.api.tree import Tree
from orlop.endpoints import accept
from orlop.endpoints import discovery_documents as documents
from orlop.endpoints.accept import Choice
from orlop.endpoints.discovery_documents import Served
from orlop.kinds import catalog
from orlop.kinds.declaration import Priority, Resource
from orlop.kinds.version_order import version_order

AGGREGATED_TYPE = ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
_NO_RESOURCE = GroupResource("", "")

Headers = tuple[tuple[str, str], ...]


class Discovery:
    """The group versions served now, and the bytes that tell of them.

    The cache of encoded documents holds at most one entry per served path and form (JSON, indented JSON,
    YAML, protobuf), so it needs no further limit; any change empties it.
    """

    def __init__(self, server_address: str = "", resources: Iterable[Resource] = catalog.RESOURCES) -> None:
        self._server_address = server_address
        self._served: dict[GroupVersion, Served] = {}
        self._cache: dict[tuple[str, Choice], tuple[bytes, str]] = {}
        by_version: dict[GroupVersion, list[Resource]] = {}
        for resource in resources:
            for group_version in resource.group_versions:
                by_version.setdefault(group_version, []).append(resource)
        for group_version, found in by_version.items():
            found.sort(key=lambda resource: resource.plural)
            self.add(group_version, found, priority=catalog.priority(group_version), builtin=True)

    def add(self, group_version: GroupVersion, resources: Sequence[Resource], *,
            priority: Priority = catalog.CUSTOM, builtin: bool = False, freshness: str = "Current") -> None:
        """Serve a group version, or serve it with other resources than before. The legacy list keeps the
        order of `resources`, the aggregated one goes by name."""
        self._served[group_version] = Served(group_version, tuple(resources), priority, builtin, freshness)
        self._cache.clear()

    def remove(self, group_version: GroupVersion) -> None:
        """Serve it no longer; a group goes with its last version. Unknown ones are ignored."""
        if self._served.pop(group_version, None) is not None:
            self._cache.clear()

    def set_server_address(self, address: str) -> None:
        """What /api tells clients to connect to, known once the listener has its port."""
        self._server_address = address
        self._cache.clear()

    def resources(self, group_version: GroupVersion) -> tuple[Resource, ...]:
        served = self._served.get(group_version)
        return served.resources if served is not None else ()

    def serves_group(self, group: str) -> bool:
        return any(group_version.group == group for group_version in self._served)

    def paths(self) -> list[str]:
        """The paths for the index at /."""
        found = {"/api", "/apis", "/apis/"}
        for group, version in self._served:
            found |= {f"/apis/{group}", f"/apis/{group}/{version}"} if group else {f"/api/{version}"}
        return sorted(found)

    def serve(self, request: Request) -> Response:
        """Any path under /api and /apis that names no resource. Raises 404, 405 and 406 as APIErrors."""
        path = request.path
        parts = path.strip("/").split("/")
        if path.endswith("//") or path.startswith("//"):
            return self.unknown_path(path)
        match parts:
            case ["apis"]:
                return self._serve_any(request, "/apis", aggregated=path == "/apis")
            case ["apis", group] if group and self.serves_group(group):
                return self._serve_any(request, f"/apis/{group}")
            case ["apis", group, version] if group and GroupVersion(group, version) in self._served:
                builtin = self._served[GroupVersion(group, version)].builtin
                serve = self._serve_route if builtin else self._serve_any
                return serve(request, f"/apis/{group}/{version}")
            case ["api"]:
                return self._serve_route(request, "/api", aggregated=True)
            case ["api", version] if GroupVersion("", version) in self._served:
                return self._serve_route(request, f"/api/{version}")
        return self.unknown_path(path)

    def unknown_path(self, path: str) -> Response:
        """404 for a path nobody serves: a Status where a built-in route begins the path, plain text
        elsewhere."""
        head, _, rest = path.lstrip("/").partition("/")
        group = rest.partition("/")[0]
        if head == "api" or (head == "apis" and self._is_builtin(group)):
            raise errors.generic(404, "", _NO_RESOURCE)
        return Response(404, b"404 page not found\n", "text/plain; charset=utf-8",
                        (("X-Content-Type-Options", "nosniff"),))

    def _is_builtin(self, group: str) -> bool:
        return any(served.builtin for gv, served in self._served.items() if gv.group == group and group)

    def _serve_route(self, request: Request, path: str, *, aggregated: bool = False) -> Response:
        """A go-restful route: GET alone, Accept first tested by name."""
        if request.method != "GET":
            raise errors.generic(405, "", _NO_RESOURCE)
        accept.require(request, accept.STRUCTURED)
        return self._serve_any(request, path, aggregated=aggregated)

    def _serve_any(self, request: Request, path: str, *, aggregated: bool = False) -> Response:
        choice = accept.choose(request, aggregated=aggregated)
        body, tag = self._cache.get((path, choice)) or self._encode(path, choice)
        if not choice.aggregated:
            return Response(200, body, choice.media_type)
        headers: Headers = (("ETag", tag), ("Vary", "Accept"), ("Cache-Control", "public"))
        if request.headers.get("if-none-match") == tag:
            return Response(304, b"", "", headers)
        return Response(200, body, choice.media_type + AGGREGATED_TYPE, headers)

    def _encode(self, path: str, choice: Choice) -> tuple[bytes, str]:
        tree = self._document(path, choice.aggregated)
        tag = _tag(tree) if choice.aggregated else ""
        encoded = (_encoded(tree, choice), tag)
        self._cache[path, choice] = encoded
        return encoded

    def _document(self, path: str, aggregated: bool) -> Tree:
        groups = self._groups_by_priority()
        match path.strip("/").split("/"):
            case ["api"] if aggregated:
                return documents.aggregated_list([("", groups[""])] if "" in groups else [])
            case ["apis"] if aggregated:
                return documents.aggregated_list((name, found) for name, found in groups.items() if name)
            case ["api"]:
                return documents.api_versions(self._server_address)
            case ["apis"]:
                return documents.group_list(
                    documents.group(name, [s.group_version.version for s in groups[name]])
                    for name in self._groups_by_service() if name)  # fmt: skip
            case ["apis", name]:
                head = {"kind": "APIGroup", "apiVersion": "v1"}
                return head | documents.group(name, [s.group_version.version for s in groups[name]])
            case [_, *names]:
                return documents.resource_list(self._served[GroupVersion.parse("/".join(names))])
        raise AssertionError(path)

    def _groups_by_priority(self) -> dict[str, list[Served]]:
        """Groups by the highest priority of their versions, then by name; versions by priority, then by
        age."""
        groups: dict[str, list[Served]] = {}
        for served in sorted(self._served.values(), key=_version_key):
            groups.setdefault(served.group_version.group, []).append(served)
        order = sorted(groups, key=lambda name: (-max(s.priority.group for s in groups[name]), name))
        return {name: groups[name] for name in order}

    def _groups_by_service(self) -> list[str]:
        """The groups as /apis lists them: equal priorities go by the APIService's name, version before
        group."""
        served = self._served.items()
        order = sorted((-s.priority.group, f"{gv.version}.{gv.group}", gv.group) for gv, s in served)
        return list(dict.fromkeys(group for _, _, group in order))


def _version_key(served: Served) -> tuple[int, tuple[int, int, int, int, str]]:
    return -served.priority.version, version_order(served.group_version.version)


def _encoded(tree: Tree, choice: Choice) -> bytes:
    if choice.media_type == "application/json":
        if choice.pretty:
            return orjson.dumps(tree, option=orjson.OPT_INDENT_2)
        return orjson.dumps(tree, option=orjson.OPT_APPEND_NEWLINE)
    if choice.media_type == "application/yaml":
        from orlop.codec import yaml  # rarely asked for: loaded at the first need

        return yaml.from_tree(tree)
    return _protobuf(tree)


def _protobuf(tree: Tree) -> bytes:
    """Documents without an apiVersion have an empty one in protobuf. The envelope opens with the magic,
    then tag and length of the type: `k8s\\0 0a LL 0a 02 76 31 ...`."""
    from orlop.endpoints import protobuf_body as protobuf  # rarely asked for: loaded at the first need

    if "apiVersion" in tree:
        return protobuf.encode(tree)
    encoded = protobuf.encode({**tree, "apiVersion": "v1"})
    magic, type_length, rest = encoded[:4], encoded[5], encoded[10:]
    assert encoded[6:10] == b"\n\x02v1"
    return magic + bytes((10, type_length - 2)) + b"\n\x00" + rest


def _tag(tree: Tree) -> str:
    """The ETag: equal for equal lists, whatever form they are sent in."""
    text = orjson.dumps({"metadata": tree["metadata"], "items": tree["items"]})
    return f'"{hashlib.sha512(text).hexdigest().upper()}"'
