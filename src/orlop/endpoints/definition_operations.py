"""The paths of a custom kind in OpenAPI, with their operations.

Called by `definition_openapi`. Behaviour: apiextensions-apiserver `pkg/controller/openapi/builder/builder.go`
(buildRoute), kube-openapi `pkg/builder3` (parameters that all operations of a path have stand with the path) and
apiserver `pkg/endpoints/openapi/openapi.go` (names of operations).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from orlop.api.tree import Tree
from orlop.kinds.custom.definition import Definition, Version

_REF: Final = "#/components/schemas/"
_META: Final = "io.k8s.apimachinery.pkg.apis.meta.v1."
_STATUS: Final = _META + "Status"
_SCALE: Final = "io.k8s.api.autoscaling.v1.Scale"
_FORMS: Final = ("application/json", "application/yaml")
_PATCH_FORMS: Final = ("application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json")
_LISTING: Final = ("allowWatchBookmarks", "continue", "fieldSelector", "labelSelector", "limit", "resourceVersion",
                   "resourceVersionMatch", "sendInitialEvents", "shardSelector", "timeoutSeconds", "watch")
_WRITING: Final = ("dryRun", "fieldManager", "fieldValidation")
_QUERIES: Final[Mapping[str, tuple[str, ...]]] = {
    "get": ("resourceVersion",), "list": _LISTING, "deletecollection": _LISTING, "put": _WRITING, "post": _WRITING,
    "patch": (*_WRITING, "force"),
    "delete": ("dryRun", "gracePeriodSeconds", "ignoreStoreReadErrorWithClusterBreakingPotential", "orphanDependents",
               "propagationPolicy"),
}
_CODES: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "post": (("201", "Created"), ("202", "Accepted")), "put": (("201", "Created"),), "delete": (("202", "Accepted"),)}
_PREFIXES: Final = ("read", "replace", "patch", "create", "delete", "list")


class Names:
    """What things are called in the documents of a definition."""

    def __init__(self, definition: Definition, version: str) -> None:
        self._group, self._version = definition.group, version
        self._reversed = ".".join(reversed(definition.group.split(".")))

    def model(self, kind: str) -> str:
        return f"{self._reversed}.{self._version}.{kind}"

    @property
    def tag(self) -> str:
        return f"{camel(self._trimmed, False)}_{camel(self._version, False)}"

    def operation(self, name: str) -> str:
        """`listNamespacedWidget` with the group version after the verb."""
        verb = next(prefix for prefix in _PREFIXES if name.startswith(prefix))
        return verb + camel(self._trimmed, True) + camel(self._version, True) + camel(name[len(verb):], True)

    @property
    def _trimmed(self) -> str:
        return self._group.removesuffix(".k8s.io")


def camel(text: str, capital: bool) -> str:
    made = ""
    for position, char in enumerate(text):
        if char.isalpha() or char == "_" or (position and char.isdecimal()):
            made += char.upper() if capital else char
            capital = False
        else:
            capital = True
    return made


class _Operation(NamedTuple):
    """`verb` is as operations are named, `action` as extensions name them; `about` a subresource, "" for none."""

    method: str
    action: str
    verb: str
    answer: str
    body: str = ""
    about: str = ""


def operations(definition: Definition, version: Version, names: Names, parameters: Mapping[str, Tree]) -> Tree:
    """The path items of a kind."""
    kind, items = names.model(definition.kind), names.model(definition.list_kind)
    writer = _Writer(definition, version, names, parameters)
    root = f"/apis/{definition.group}/{version.name}/"
    made: Tree = {}
    collection = f"{root}{definition.plural}"
    if definition.namespaced:
        everywhere = _Operation("get", "list", "list", items)
        made[collection] = writer.item((everywhere,), (), operation=f"list{definition.kind}ForAllNamespaces")
        collection = f"{root}namespaces/{{namespace}}/{definition.plural}"
    places = ("namespace",) if definition.namespaced else ()
    made[collection] = writer.item((
        _Operation("get", "list", "list", items), _Operation("post", "post", "create", kind, kind),
        _Operation("delete", "deletecollection", "deletecollection", _STATUS)), places)
    single, places = collection + "/{name}", ("name", *places)
    made[single] = writer.item((*_reading(kind, ""), _Operation("delete", "delete", "delete", _STATUS,
                                                               _META + "DeleteOptions")), places)
    if version.status:
        made[single + "/status"] = writer.item(_reading(kind, "status"), places)
    if version.scale is not None:
        made[single + "/scale"] = writer.item(_reading(_SCALE, "scale"), places)
    return made


def _reading(kind: str, about: str) -> tuple[_Operation, ...]:
    return (_Operation("get", "get", "read", kind, "", about), _Operation("put", "put", "replace", kind, kind, about),
            _Operation("patch", "patch", "patch", kind, _META + "Patch", about))


class _Writer:
    """Writes path items."""

    def __init__(self, definition: Definition, version: Version, names: Names, parameters: Mapping[str, Tree]) -> None:
        self._definition, self._names, self._parameters = definition, names, parameters
        self._gvk = {"group": definition.group, "version": version.name, "kind": definition.kind}

    def item(self, operations: Iterable[_Operation], places: tuple[str, ...], operation: str = "") -> Tree:
        """Parameters that all operations have stand with the path."""
        found = list(operations)
        common = {"pretty", *places, *set.intersection(*(set(_QUERIES[each.action]) for each in found))}
        made: Tree = {each.method: self._operation(each, common, operation) for each in found}
        made["parameters"] = [self._parameter(name, places) for name in sorted(common)]
        return made

    def _operation(self, each: _Operation, common: set[str], name: str) -> Tree:
        scope = "Namespaced" if self._definition.namespaced else ""
        name = name or f"{each.verb}{scope}{self._definition.kind}{each.about.capitalize()}"
        made: Tree = {"tags": [self._names.tag], "description": self._description(each),
                      "operationId": self._names.operation(name)}
        own = [self._parameter(query, ()) for query in _QUERIES[each.action] if query not in common]
        if own:
            made["parameters"] = own
        if each.body:
            forms = _PATCH_FORMS if each.method == "patch" else _FORMS
            made["requestBody"] = {"content": _content(each.body, forms)}
            if each.action != "delete":
                made["requestBody"]["required"] = True
        responses: Tree = {code: {"description": text, "content": _content(each.answer, _FORMS)}
                           for code, text in (("200", "OK"), *_CODES.get(each.action, ()))}
        made["responses"] = responses | {"401": {"description": "Unauthorized"}}
        return made | {"x-kubernetes-action": each.action, "x-kubernetes-group-version-kind": self._gvk}

    def _parameter(self, name: str, places: tuple[str, ...]) -> Tree:
        if name not in places:
            return self._parameters.get(name, {"name": name, "in": "query", "schema": {"type": "string",
                                                                                      "uniqueItems": True}})
        about = "object name and auth scope, such as for teams and projects"
        if name == "name":
            about = f"name of the {self._definition.kind}"
        return {"name": name, "in": "path", "description": about, "required": True,
                "schema": {"type": "string", "uniqueItems": True}}

    def _description(self, each: _Operation) -> str:
        kind = self._definition.kind
        sub = f" {each.about} of" if each.about else ""
        match each.verb:
            case "patch":
                return f"partially update{sub} the specified {kind}"
            case "deletecollection":
                return f"delete collection of {kind}"
            case "list":
                return f"list objects of kind {kind}"
            case "read" | "replace":
                return f"{each.verb}{sub} the specified {kind}"
        return f"{each.verb}{_article(kind)}{kind}"


def _article(kind: str) -> str:
    if kind.endswith("s") and not kind.endswith("ss"):
        return " "
    return " an " if kind[0].lower() in "aeiou" else " a "


def _content(model: str, forms: Iterable[str]) -> Tree:
    return {form: {"schema": {"$ref": _REF + model}} for form in forms}
