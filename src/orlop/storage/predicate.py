"""Which objects a read or a watch wants: namespace, name, labels, fields.

Built by `registry` from a request's options, judged by `watch_cache`. What is said about metadata.name and
metadata.namespace is answered from the key, so that it never needs the object; where it names one value it
narrows the keys that are looked at. Pure. Plays the part of apiserver `storage/selection_predicate.go`.
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

from orlop.api import fields as field_selectors
from orlop.api import labels as label_selectors
from orlop.storage.interface import Attributes, Entry
from orlop.storage.keyspace import after


class Scope(NamedTuple):
    """How a resource's keys are built: `<prefix><namespace>/<name>`, or `<prefix><name>`."""

    prefix: str
    namespaced: bool

    def split(self, key: str) -> tuple[str, str]:
        """Namespace and name."""
        rest = key[len(self.prefix) :]
        if not self.namespaced:
            return "", rest
        namespace, _, name = rest.partition("/")
        return namespace, name


class Range(NamedTuple):
    """The keys that can match: from `low` to below `high`; `key` when there is but one."""

    low: str
    high: str
    key: str = ""


NOTHING = Range("", "")

PredicateKey: TypeAlias = tuple[str, str, label_selectors.Selector | None, field_selectors.Selector | None]
"""Namespace, name and the selectors that say something."""


class _AboutKey(NamedTuple):
    of_name: bool
    equal: bool
    value: str

    def matches(self, namespace: str, name: str) -> bool:
        return ((name if self.of_name else namespace) == self.value) is self.equal


class Predicate:
    """Immutable. Equal keys: equal predicates."""

    __slots__ = (
        "_about_key", "_impossible", "everything", "fields", "has_selectors", "key", "labels", "name",
        "namespace", "needs_attributes",
    )  # fmt: skip

    def __init__(
        self,
        namespace: str = "",
        name: str = "",
        labels: label_selectors.Selector | None = None,
        fields: field_selectors.Selector | None = None,
    ) -> None:
        self.labels = labels if labels is not None and not labels.empty else None
        requirements = fields.requirements if fields is not None else ()
        self.key: PredicateKey = (namespace, name, self.labels, fields if requirements else None)
        self.has_selectors = self.labels is not None or bool(requirements)
        self.namespace, self.name = namespace, name
        self.fields = tuple(one for one in requirements if not _is_about_key(one))
        """The field requirements that need the object."""
        self._impossible = False
        self._about_key = [_about_key(one) for one in requirements if _is_about_key(one)]
        self._narrow()
        self.needs_attributes = self.labels is not None or bool(self.fields)
        self.everything = not (self.has_selectors or namespace or name)

    def _narrow(self) -> None:
        """Take up equalities of name and namespace as if they had been given apart."""
        for about in [one for one in self._about_key if one.equal and one.value]:
            given = self.name if about.of_name else self.namespace
            self._impossible |= given not in ("", about.value)
            if about.of_name:
                self.name = about.value
            else:
                self.namespace = about.value
            self._about_key.remove(about)

    def range(self, scope: Scope) -> Range:
        prefix = scope.prefix
        if self._impossible or (self.namespace and not scope.namespaced):
            return NOTHING
        if not scope.namespaced:
            if self.name:
                return Range(prefix + self.name, prefix + self.name + "\0", prefix + self.name)
        elif self.namespace:
            prefix = f"{prefix}{self.namespace}/"
            if self.name:
                return Range(prefix + self.name, prefix + self.name + "\0", prefix + self.name)
        return Range(prefix, after(prefix))

    def matches_key(self, key: str, scope: Scope) -> bool:
        if self._impossible:
            return False
        if not (self.namespace or self.name or self._about_key):
            return True
        namespace, name = scope.split(key)
        return (
            self.namespace in ("", namespace)
            and self.name in ("", name)
            and all(one.matches(namespace, name) for one in self._about_key)
        )

    def matches_attributes(self, attributes: Attributes) -> bool:
        for one in self.fields:
            if (attributes.fields.get(one.field, "") == one.value) is not (one.op == "="):
                return False
        return self.labels is None or self.labels.matches(attributes.labels)

    def matches(self, entry: Entry, scope: Scope) -> bool:
        """Whether `entry` is wanted; its attributes must be filled when `needs_attributes`."""
        if not self.matches_key(entry.key, scope):
            return False
        if not self.needs_attributes:
            return True
        assert entry.attributes is not None
        return self.matches_attributes(entry.attributes)

    def __repr__(self) -> str:
        return f"<Predicate {self.key}>"


def _is_about_key(requirement: field_selectors.Requirement) -> bool:
    return requirement.field in ("metadata.name", "metadata.namespace")


def _about_key(requirement: field_selectors.Requirement) -> _AboutKey:
    return _AboutKey(requirement.field == "metadata.name", requirement.op == "=", requirement.value)


EVERYTHING = Predicate()
