"""What a request asks for beside its object: the options of every verb, as values.

Made by `query_options` from a query string or a DELETE body, validated there; endpoints, admission and stores
read them. Members are those of apimachinery `pkg/apis/meta/v1` and `internalversion`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from orlop.api import errors, field_manager
from orlop.api import fields as field_selectors
from orlop.api import labels as label_selectors
from orlop.api.tree import Tree

META_VERSION = "meta.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class GetOptions:
    resource_version: str = ""


@dataclass(frozen=True, slots=True)
class ListOptions:
    """Of lists, watches and deletecollection. `fields` are in the names of the request's version until
    `resolved`."""

    labels: label_selectors.Selector = label_selectors.EVERYTHING
    fields: field_selectors.Selector = field_selectors.EVERYTHING
    watch: bool = False
    allow_watch_bookmarks: bool = False
    resource_version: str = ""
    resource_version_match: str = ""
    timeout_seconds: int | None = None
    limit: int = 0
    continue_: str = ""
    send_initial_events: bool | None = None

    @property
    def is_watch_list(self) -> bool:
        """A watch that begins with the current state and marks its end with a bookmark."""
        return bool(self.send_initial_events) and self.allow_watch_bookmarks

    def resolved(self, convert: field_selectors.Convert, name: str = "") -> ListOptions:
        """These options with the field selector in the kind's own names, restricted to `name` when the
        request is for a single object. `convert` raises SelectorError for fields it does not know. Raises
        APIError 400."""
        selector = self.fields
        if not selector.empty:
            try:
                selector = selector.map(convert)
            except field_selectors.SelectorError as error:
                raise errors.bad_request(str(error)) from None
        if name:
            if selector.empty:
                selector = field_selectors.one_equal("metadata.name", name)
            elif selector.exact("metadata.name") != name:
                raise errors.bad_request("fieldSelector metadata.name doesn't match requested name")
        return self if selector == self.fields else replace(self, fields=selector)


@dataclass(frozen=True, slots=True)
class WriteOptions:
    """What create, update and patch have in common."""

    dry_run: bool = False
    field_manager: str = ""
    field_validation: str = ""

    @property
    def directive(self) -> str:
        """What to do about unknown and repeated fields: Ignore, Warn or Strict."""
        return self.field_validation or "Warn"

    def manager(self, user_agent: str) -> str:
        """Who becomes the owner of the fields written."""
        return self.field_manager or field_manager.from_user_agent(user_agent)

    def tree(self, kind: str) -> Tree:
        """As admission webhooks see it; `kind` is CreateOptions or UpdateOptions."""
        tree: Tree = {"kind": kind, "apiVersion": META_VERSION}
        if self.dry_run:
            tree["dryRun"] = ["All"]
        if self.field_manager:
            tree["fieldManager"] = self.field_manager
        if self.field_validation:
            tree["fieldValidation"] = self.field_validation
        return tree


@dataclass(frozen=True, slots=True)
class CreateOptions(WriteOptions):
    pass


@dataclass(frozen=True, slots=True)
class UpdateOptions(WriteOptions):
    def for_create(self) -> CreateOptions:
        """When the update turns out to create the object."""
        return CreateOptions(self.dry_run, self.field_manager, self.field_validation)


@dataclass(frozen=True, slots=True)
class PatchOptions(WriteOptions):
    force: bool | None = None

    def for_create(self) -> CreateOptions:
        return CreateOptions(self.dry_run, self.field_manager, self.field_validation)

    def for_update(self) -> UpdateOptions:
        return UpdateOptions(self.dry_run, self.field_manager, self.field_validation)


@dataclass(frozen=True, slots=True)
class Preconditions:
    uid: str | None = None
    resource_version: str | None = None


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    grace_period_seconds: int | None = None
    preconditions: Preconditions | None = None
    orphan_dependents: bool | None = None
    propagation_policy: str | None = None
    dry_run: bool = False

    def tree(self) -> Tree:
        """As admission webhooks see it."""
        tree: Tree = {"kind": "DeleteOptions", "apiVersion": META_VERSION}
        if self.grace_period_seconds is not None:
            tree["gracePeriodSeconds"] = self.grace_period_seconds
        if self.preconditions is not None:
            uid, version = self.preconditions.uid, self.preconditions.resource_version
            given = (("uid", uid), ("resourceVersion", version))
            tree["preconditions"] = {name: value for name, value in given if value is not None}
        if self.orphan_dependents is not None:
            tree["orphanDependents"] = self.orphan_dependents
        if self.propagation_policy is not None:
            tree["propagationPolicy"] = self.propagation_policy
        if self.dry_run:
            tree["dryRun"] = ["All"]
        return tree


@dataclass(frozen=True, slots=True)
class TableOptions:
    """How much of each object a Table's row carries: "Metadata" (also when ""), "Object" or "None"."""

    include_object: str = ""
