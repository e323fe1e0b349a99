"""Options out of a query string or a DELETE body.

Called by the endpoints, once per request; hands on values of `orlop.api.options`. What cannot be converted is
a 400, what breaks a rule a 422; parameters that a verb does not know are ignored, of repeated ones the first
counts (dryRun excepted). Conversion as in apimachinery `pkg/runtime/conversion.go` and
`pkg/apis/meta/v1/conversion.go`, order of checks as in apiserver `endpoints/handlers`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Generic, TypeVar

from orlop.api import errors, fields, labels, option_rules
from orlop.api.errors import APIError
from orlop.api.field import FieldError
from orlop.api.gotext import NumberError, parse_int64
from orlop.api.gvk import GroupKind
from orlop.api.http import Request
from orlop.api.label_requirement import SelectorError
from orlop.api.options import (
    CreateOptions,
    DeleteOptions,
    GetOptions,
    ListOptions,
    PatchOptions,
    Preconditions,
    TableOptions,
    UpdateOptions,
)
from orlop.api.tree import Tree

KEPT_QUERIES = 256
"""How many query strings' options are kept, each verb for itself; a full memory is emptied."""
LONGEST_KEPT = 512
"""Longer query strings are parsed anew each time."""

Parameters = Mapping[str, Sequence[str]]
_T = TypeVar("_T")


class _Memory(Generic[_T]):
    """Options by query string: clients send the same few again and again."""

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: dict[str, _T] = {}

    def keep(self, query: str, options: _T) -> _T:
        if len(query) <= LONGEST_KEPT:
            if len(self.known) >= KEPT_QUERIES:
                self.known.clear()
            self.known[query] = options
        return options


_gets: _Memory[GetOptions] = _Memory()
_decoded: _Memory[ListOptions] = _Memory()
_lists: _Memory[ListOptions] = _Memory()
_creates: _Memory[CreateOptions] = _Memory()
_updates: _Memory[UpdateOptions] = _Memory()
_patches: _Memory[PatchOptions] = _Memory()
_applies: _Memory[PatchOptions] = _Memory()
_deletes: _Memory[DeleteOptions] = _Memory()

_GET, _LIST, _CREATE, _UPDATE, _PATCH, _DELETE = (
    GetOptions(), ListOptions(), CreateOptions(), UpdateOptions(), PatchOptions(), DeleteOptions())


def _text(parameters: Parameters, name: str) -> str:
    values = parameters.get(name)
    return values[0] if values else ""


def _flag(parameters: Parameters, name: str) -> bool | None:
    """Anything but "0" and "false" is true, also ""."""
    values = parameters.get(name)
    if not values:
        return None
    return values[0] != "0" and values[0].lower() != "false"


def _number(parameters: Parameters, name: str) -> int | None:
    values = parameters.get(name)
    if not values:
        return None
    try:
        return parse_int64(values[0])
    except NumberError as error:
        raise errors.bad_request(str(error)) from None


def _invalid(kind: str, found: Sequence[FieldError]) -> APIError:
    return errors.invalid(GroupKind("meta.k8s.io", kind), "", found)


def parse_get(request: Request) -> GetOptions:
    query = request.query
    if not query:
        return _GET
    known = _gets.known.get(query)
    if known is not None:
        return known
    export = _flag(request.parameters, "export")
    if export:
        raise errors.bad_request("the export parameter, deprecated since v1.14, is no longer supported")
    return _gets.keep(query, GetOptions(_text(request.parameters, "resourceVersion")))


def decode_list(request: Request) -> ListOptions:
    """The options as sent, without defaults and rules: enough to tell a watch from a list and one name from
    many. Raises APIError 400."""
    query = request.query
    if not query:
        return _LIST
    known = _decoded.known.get(query)
    if known is not None:
        return known
    sent = request.parameters
    # Numbers are converted before selectors are parsed: with both wrong, the number is reported.
    timeout, limit = _number(sent, "timeoutSeconds"), _number(sent, "limit")
    try:
        label_selector = labels.parse(_text(sent, "labelSelector"))
        field_selector = fields.parse(_text(sent, "fieldSelector"))
    except SelectorError as error:
        raise errors.bad_request(str(error)) from None
    options = ListOptions(
        labels=label_selector, fields=field_selector, watch=bool(_flag(sent, "watch")),
        allow_watch_bookmarks=bool(_flag(sent, "allowWatchBookmarks")),
        resource_version=_text(sent, "resourceVersion"),
        resource_version_match=_text(sent, "resourceVersionMatch"),
        timeout_seconds=timeout, limit=limit or 0, continue_=_text(sent, "continue"),
        send_initial_events=_flag(sent, "sendInitialEvents"))
    return _decoded.keep(query, options)


def parse_list(request: Request) -> ListOptions:
    """Options of a list, watch or deletecollection. Raises APIError 400 and 422."""
    query = request.query
    if not query:
        return _LIST
    known = _lists.known.get(query)
    if known is not None:
        return known
    options = decode_list(request)
    if options.watch and options.send_initial_events is None and not options.resource_version_match \
            and options.resource_version in ("", "0"):
        # Such watches have always begun with the current state.
        options = replace(options, send_initial_events=True,
                          resource_version_match=option_rules.NOT_OLDER_THAN)
    if found := option_rules.check_list(options):
        raise _invalid("ListOptions", found)
    return _lists.keep(query, options)


def _write(sent: Parameters, kind: str, found: list[FieldError]) -> tuple[bool, str, str]:
    """(dry run, field manager, field validation), after all rules of a write; `found` already speaks against
    it."""
    dry_run, manager = sent.get("dryRun", ()), _text(sent, "fieldManager")
    validation = _text(sent, "fieldValidation")
    found = found + option_rules.check_write(manager, dry_run, validation)
    if found:
        raise _invalid(kind, found)
    return bool(dry_run), manager, validation


def parse_create(request: Request) -> CreateOptions:
    query = request.query
    if not query:
        return _CREATE
    known = _creates.known.get(query)
    if known is not None:
        return known
    return _creates.keep(query, CreateOptions(*_write(request.parameters, "CreateOptions", [])))


def parse_update(request: Request) -> UpdateOptions:
    query = request.query
    if not query:
        return _UPDATE
    known = _updates.known.get(query)
    if known is not None:
        return known
    return _updates.keep(query, UpdateOptions(*_write(request.parameters, "UpdateOptions", [])))


def parse_patch(request: Request, apply: bool) -> PatchOptions:
    """`apply`: the patch is a server-side apply, which must name its manager and may force."""
    query = request.query
    if not query and not apply:
        return _PATCH
    memory = _applies if apply else _patches
    known = memory.known.get(query)
    if known is not None:
        return known
    sent = request.parameters
    force = _flag(sent, "force")
    found = option_rules.check_patch(apply, _text(sent, "fieldManager"), force)
    return memory.keep(query, PatchOptions(*_write(sent, "PatchOptions", found), force))


def parse_delete(request: Request) -> DeleteOptions:
    """Options of a DELETE without body."""
    query = request.query
    if not query:
        return _DELETE
    known = _deletes.known.get(query)
    if known is not None:
        return known
    sent = request.parameters
    grace, orphan = _number(sent, "gracePeriodSeconds"), _flag(sent, "orphanDependents")
    policy = sent["propagationPolicy"][0] if sent.get("propagationPolicy") else None
    uid, version = _text(sent, "uid") or None, _text(sent, "resourceVersion") or None
    wanted = Preconditions(uid, version) if uid or version else None
    return _deletes.keep(query, _delete(grace, wanted, orphan, policy, sent.get("dryRun", ())))


def delete_from_body(tree: Tree) -> DeleteOptions:
    """Options of a DELETE with body: a decoded DeleteOptions whose members have the right types. The query
    then counts for nothing."""
    wanted: Any = tree.get("preconditions")
    conditions = None if wanted is None else Preconditions(wanted.get("uid"), wanted.get("resourceVersion"))
    return _delete(tree.get("gracePeriodSeconds"), conditions, tree.get("orphanDependents"),
                   tree.get("propagationPolicy"), tree.get("dryRun") or ())


def _delete(grace: int | None, wanted: Preconditions | None, orphan: bool | None, policy: str | None,
            dry_run: Sequence[str]) -> DeleteOptions:
    if found := option_rules.check_delete(policy, orphan, dry_run):
        raise _invalid("DeleteOptions", found)
    return DeleteOptions(grace, wanted, orphan, policy, bool(dry_run))


def parse_table(request: Request) -> TableOptions:
    """Options of an answer as a Table."""
    include = request.parameter("includeObject")
    if found := option_rules.check_table(include):
        raise errors.bad_request(f"Unable to convert to Table as requested: {found[0]}")
    return TableOptions(include)
