"""The stored form of built-in kinds in etcd: bodies as kube-apiserver writes them with its JSON media type.

Given by `server` to the etcd backend as a `storage.transformer.Transformer`. A body of ours names neither kind nor
apiVersion; what is stored begins with both and ends with a line feed. Nearly every value is turned by comparing its
beginning and splicing bytes; whatever looks different goes through `stored_form_reading`. Keys of no built-in kind
(custom resources, masterleases) keep their own kind within the body: see `stored_form_unknown`. Behaviour: apiserver
`pkg/storage/etcd3`, `runtime/serializer/json`; which version is stored: kube-apiserver
`pkg/kubeapiserver/default_storage_factory_builder.go` and the catalog.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import orjson

from orlop.api.gvk import GroupVersion, GroupVersionKind
from orlop.kinds import definition_conversion, stored_form_unknown
from orlop.kinds.declaration import Resource
from orlop.kinds.rooms import hub_kind
from orlop.kinds.stored_form_reading import Reading
from orlop.schema.kind import Types
from orlop.storage.transformer import Read

ROOT: Final = "/registry"
BODY_HEAD: Final = b'{"metadata":{'
BARE: Final = b'{"metadata":{"creationTimestamp":null}'
"""How a body begins whose stored metadata is empty: `storage.interface.stamp` needs a member to stand before."""
_BARE_STORED: Final = b'"metadata":{}'
_RESOURCE_VERSION: Final = b'"resourceVersion":"'
_SELF_LINK: Final = b'"selfLink":"'
_SELF_LINK_REACH: Final = 700
"""How far into an object a link to itself can stand: behind its names."""
_NULL_TIME: Final = b'"creationTimestamp":null'
_EVENT_NEXT: Final = b'},"involvedObject":{'
"""What follows an event's metadata; it may hold a resourceVersion of its own."""

_EMPTY_STATUS: Final = b'"status":{}}\n'
_LABELS: Final = b'"labels":{'
_SPEC: Final = b'},"spec":{'

RANGES: Final = Resource("", "RangeAllocation", "rangeallocations", namespaced=False, prefix="ranges")
"""Not an object of the API, but stored like one: which node ports are taken."""
_DEFINITIONS: Final = ("apiextensions.k8s.io", "customresourcedefinitions")


def _no_phase(value: bytes) -> bool:
    return value.endswith(_EMPTY_STATUS)


def _no_labels(value: bytes) -> bool:
    return value.find(_LABELS, 0, value.find(_SPEC)) < 0


_INCOMPLETE: Final[Mapping[tuple[str, str], Callable[[bytes], bool]]] = {
    ("", "persistentvolumeclaims"): _no_phase,
    ("", "persistentvolumes"): _no_phase,
    ("batch", "jobs"): _no_labels,
}
"""Kinds that upstream stores without some of their defaults, because it takes them out again after it has filled them
in: such a value goes the slow way, which fills them in as every read of upstream's does."""


class _Form:
    """One prefix."""

    __slots__ = ("beta", "follows", "incomplete", "named", "prefix", "reading", "skip")

    def __init__(self, resource: Resource, types: Types) -> None:
        stored = resource.storage_kind
        self.prefix = b'{"kind":"%b","apiVersion":"%b",' % (stored.kind.encode(), stored.api_version.encode())
        self.skip = len(self.prefix) + len(BODY_HEAD) - 1
        self.named = self.prefix + b'"metadata":{"name":"'
        self.follows = _EVENT_NEXT if stored == GroupVersionKind("", "v1", "Event") else b""
        self.beta = (resource.group, resource.plural) == _DEFINITIONS
        self.incomplete = _INCOMPLETE.get((resource.group, resource.plural))
        self.reading = Reading(_hub(resource), stored, types)


class StoredForm:
    """`resources`: the built-in ones. `root`: what all keys begin with."""

    def __init__(self, resources: Iterable[Resource], types: Types, root: str = ROOT) -> None:
        self._start = len(root) + 1
        self._types = types
        forms: dict[str, _Form] = {}
        for resource in (*resources, RANGES):
            if resource.stored:
                forms.setdefault(f"{root}/{resource.prefix}/", _Form(resource, types))
        self._forms: Mapping[str, _Form] = forms

    def _form(self, key: str) -> _Form | None:
        end = key.find("/", self._start) + 1
        form = self._forms.get(key[:end])
        if form is None and end:
            form = self._forms.get(key[: key.find("/", end) + 1])
        return form

    def to_storage(self, key: str, value: bytes) -> bytes:
        form = self._form(key)
        if form is None:
            return stored_form_unknown.to_storage(value)
        if form.beta:
            value = orjson.dumps(definition_conversion.to_beta(orjson.loads(value)))
        if value.startswith(BARE):
            return b"%b%b%b\n" % (form.prefix, _BARE_STORED, value[len(BARE) :])
        return b"%b%b\n" % (form.prefix, value[1:])

    def from_storage(self, key: str, value: bytes) -> Read:
        form = self._form(key)
        if form is None:
            return stored_form_unknown.from_storage(key, value, self._types)
        if value.startswith(form.named) and not form.beta and value.endswith(b"}\n") and _is_plain(value, form):
            return Read(b"%b%b" % (BODY_HEAD, value[form.skip : -1]))
        body = form.reading.body(key, value)
        return Read(body, self.to_storage(key, body) != value)


def _is_plain(value: bytes, form: _Form) -> bool:
    """Whether nothing needs to be taken out."""
    if value.find(_SELF_LINK, 0, _SELF_LINK_REACH) >= 0 or _NULL_TIME in value:
        return False
    if form.incomplete is not None and form.incomplete(value):
        return False
    found = value.find(_RESOURCE_VERSION)
    return found < 0 or (bool(form.follows) and 0 < value.find(form.follows) < found)


def _hub(resource: Resource) -> GroupVersionKind:
    """In what version bodies are."""
    if resource is RANGES:
        return GroupVersion("", "v1").kind(resource.kind)
    return hub_kind(resource)
