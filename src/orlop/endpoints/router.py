"""From a resolved request to the verb that answers it; nothing else.

The filter chain calls `find` with the RequestInfo it made; the installer fills the table. A lookup is two dictionary
accesses however many kinds there are. 404 for paths that name nothing, 405 for methods a path does not have, worded
as upstream's.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from orlop.api import errors
from orlop.api.context import RequestInfo
from orlop.api.gvk import GroupResource, GroupVersion, GroupVersionResource
from orlop.endpoints.custom_route import CustomRoute, Verb, page_not_found
from orlop.endpoints.scope import Scope

_NOWHERE = GroupResource("", "")


@dataclass(slots=True)
class Route:
    """One resource or subresource. Methods of its collection and of its items, each with the verb behind it.
    `anywhere`: what a namespaced collection offers across all namespaces. `deep`: the paths of items go on below the
    route, as those of proxies do."""

    scope: Scope
    collection: dict[str, Verb] = field(default_factory=dict)
    items: dict[str, Verb] = field(default_factory=dict)
    anywhere: dict[str, Verb] = field(default_factory=dict)
    watch: Verb | None = None
    deep: bool = False


def _deprecated_watch(info: RequestInfo) -> bool:
    """/api/v1/watch/... rather than ?watch=1."""
    return info.path.split("/", 5)[3 if info.prefix == "api" else 4] == "watch"


def not_found() -> errors.APIError:
    return errors.generic(404, "", _NOWHERE)


def method_not_allowed() -> errors.APIError:
    return errors.generic(405, "", _NOWHERE)


class Router:
    def __init__(self) -> None:
        self._routes: dict[tuple[str, str, str, str], Route] = {}
        self._custom: dict[GroupVersionResource, CustomRoute] = {}
        self._versions: dict[GroupVersion, int] = {}

    def add(self, route: Route) -> None:
        resource = route.scope.resource
        self._routes[(*resource, route.scope.subresource)] = route
        version = GroupVersion(resource.group, resource.version)
        self._versions[version] = self._versions.get(version, 0) + 1

    def remove(self, route: Route) -> None:
        resource = route.scope.resource
        if self._routes.pop((*resource, route.scope.subresource), None) is not None:
            self._count_down(GroupVersion(resource.group, resource.version))

    def _count_down(self, version: GroupVersion) -> None:
        self._versions[version] -= 1
        if not self._versions[version]:
            del self._versions[version]

    def add_custom(self, resource: GroupVersionResource, route: CustomRoute) -> None:
        """Serve a custom resource, in place of what it was served by before."""
        if resource not in self._custom:
            version = GroupVersion(resource.group, resource.version)
            self._versions[version] = self._versions.get(version, 0) + 1
        self._custom[resource] = route

    def remove_custom(self, resource: GroupVersionResource) -> None:
        if self._custom.pop(resource, None) is not None:
            self._count_down(GroupVersion(resource.group, resource.version))

    def serves(self, version: GroupVersion) -> bool:
        return version in self._versions

    def knows(self, info: RequestInfo) -> bool:
        """Whether the resource of `info` is served, whatever is asked of it."""
        if (info.group, info.version, info.resource, info.subresource) in self._routes:
            return True
        custom = self._custom.get(GroupVersionResource(info.group, info.version, info.resource))
        return custom is not None and info.subresource in custom.rooms

    def _find_custom(self, info: RequestInfo) -> tuple[Verb, Scope]:
        """What is no built-in route. In a group version with custom resources alone nobody knows other paths."""
        found = self._custom.get(GroupVersionResource(info.group, info.version, info.resource))
        if found is not None:
            return found.find(info)
        version = (info.group, info.version)
        raise page_not_found() if any(key[:2] == version for key in self._custom) else not_found()

    def find(self, info: RequestInfo, method: str) -> tuple[Verb, Scope]:
        """The verb and its scope. Raises 404 and 405."""
        route = self._routes.get((info.group, info.version, info.resource, info.subresource))
        if route is None:
            return self._find_custom(info)
        scope = route.scope
        length = len(info.parts)
        if info.verb == "watch" and _deprecated_watch(info):
            return self._watch(route, info, method)
        if (length > (3 if info.subresource else 2) and not route.deep) or info.verb == "proxy":
            raise not_found()
        has_name = length > 1
        if bool(info.namespace) != scope.namespaced and not self._is_namespace(info):
            if info.namespace or has_name:
                raise not_found()
            verbs = route.anywhere
        else:
            verbs = route.items if has_name else route.collection
        verb = verbs.get(method)
        if verb is None:
            raise method_not_allowed()
        return verb, scope

    @staticmethod
    def _is_namespace(info: RequestInfo) -> bool:
        """A namespace's own path resolves with the namespace set to its name."""
        return info.resource == "namespaces" and not info.group

    def _watch(self, route: Route, info: RequestInfo, method: str) -> tuple[Verb, Scope]:
        length = len(info.parts)
        elsewhere = bool(info.namespace) != route.scope.namespaced and not self._is_namespace(info)
        if route.watch is None or length > 2 or (elsewhere and (info.namespace or length > 1)):
            raise not_found()
        if method != "GET":
            raise method_not_allowed()
        return route.watch, route.scope
