"""Options from query strings and DELETE bodies: what they become when nothing is wrong with them."""

from __future__ import annotations

import pytest

from orlop.api import fields, labels, query_options
from orlop.api.errors import APIError
from orlop.api.http import Request
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


def ask(query: str) -> Request:
    return Request("GET", "/", query)


def test_no_query() -> None:
    """Without a query every verb has its defaults, and nothing is parsed."""
    request = ask("")
    assert query_options.parse_get(request) == GetOptions()
    assert query_options.parse_list(request) == ListOptions()
    assert query_options.parse_create(request) == CreateOptions()
    assert query_options.parse_update(request) == UpdateOptions()
    assert query_options.parse_patch(request, apply=False) == PatchOptions()
    assert query_options.parse_delete(request) == DeleteOptions()
    assert query_options.parse_table(request) == TableOptions()


def test_list() -> None:
    """A list's parameters, the first of repeated ones, unknown ones ignored."""
    options = query_options.parse_list(ask(
        "labelSelector=a%3Db&fieldSelector=metadata.name%3Dx&limit=5&limit=x&continue=t&timeoutSeconds=9&"
        "allowWatchBookmarks=true&dryRun=Nope&resourceVersion="))
    assert options == ListOptions(
        labels=labels.parse("a=b"), fields=fields.parse("metadata.name=x"), limit=5, continue_="t",
        timeout_seconds=9, allow_watch_bookmarks=True)


@pytest.mark.parametrize(("query", "initial", "match"), [
    ("watch=1", True, "NotOlderThan"), ("watch=1&resourceVersion=0", True, "NotOlderThan"),
    ("watch=1&resourceVersion=5", None, ""), ("resourceVersion=0", None, ""),
    ("watch=1&sendInitialEvents=false&resourceVersionMatch=NotOlderThan", False, "NotOlderThan"),
])
def test_watch_default(query: str, initial: bool | None, match: str) -> None:
    """A watch from nowhere or from 0 begins with the current state, unless it says otherwise."""
    options = query_options.parse_list(ask(query))
    assert (options.send_initial_events, options.resource_version_match) == (initial, match)


def test_watch_list() -> None:
    """Only with bookmarks does a watch end its initial events by one."""
    assert query_options.parse_list(ask("watch=1&allowWatchBookmarks=1")).is_watch_list
    assert not query_options.parse_list(ask("watch=1")).is_watch_list


def test_decode_list_has_no_rules() -> None:
    """Those who only want to know the verb get options that a handler would refuse."""
    assert query_options.decode_list(ask("watch=1&resourceVersionMatch=Exact")).watch
    with pytest.raises(APIError, match="invalid syntax"):
        query_options.decode_list(ask("watch=1&limit=x"))


@pytest.mark.parametrize(("text", "wanted"), [
    ("", True), ("0", False), ("false", False), ("FALSE", False), ("no", True), ("1", True)])
def test_flags(text: str, wanted: bool) -> None:
    """Anything but 0 and false is true."""
    assert query_options.parse_list(ask(f"watch={text}&resourceVersion=5")).watch is wanted


def test_writes() -> None:
    """dryRun, fieldManager and fieldValidation of creates, updates and patches."""
    query = "dryRun=All&fieldManager=m&fieldValidation=Strict"
    assert query_options.parse_create(ask(query)) == CreateOptions(True, "m", "Strict")
    assert query_options.parse_update(ask(query)) == UpdateOptions(True, "m", "Strict")
    patch = query_options.parse_patch(ask(query + "&force=false"), apply=True)
    assert patch == PatchOptions(True, "m", "Strict", False)
    assert patch.for_create() == CreateOptions(True, "m", "Strict")
    assert patch.for_update() == UpdateOptions(True, "m", "Strict")


def test_write_defaults() -> None:
    """Unset, validation warns and the manager is the user agent's first word."""
    options = CreateOptions()
    assert options.directive == "Warn"
    assert options.manager("kubectl/v1.36 (linux)") == "kubectl"
    assert CreateOptions(field_manager="m").manager("kubectl/v1.36") == "m"


def test_trees() -> None:
    """Admission webhooks see options as objects, without what is unset."""
    assert UpdateOptions(True, "m", "").tree("UpdateOptions") == {
        "kind": "UpdateOptions", "apiVersion": "meta.k8s.io/v1", "dryRun": ["All"], "fieldManager": "m"}
    assert DeleteOptions(0, Preconditions("u"), None, "Orphan").tree() == {
        "kind": "DeleteOptions", "apiVersion": "meta.k8s.io/v1", "gracePeriodSeconds": 0,
        "preconditions": {"uid": "u"}, "propagationPolicy": "Orphan"}


def test_delete() -> None:
    """A DELETE's options from its query, or from its body."""
    wanted = DeleteOptions(3, Preconditions("u", "5"), None, "Foreground", True)
    query = "gracePeriodSeconds=3&uid=u&resourceVersion=5&propagationPolicy=Foreground&dryRun=All"
    assert query_options.parse_delete(ask(query)) == wanted
    body = {"kind": "DeleteOptions", "gracePeriodSeconds": 3, "dryRun": ["All"],
            "propagationPolicy": "Foreground", "preconditions": {"uid": "u", "resourceVersion": "5"}}
    assert query_options.delete_from_body(body) == wanted
    assert query_options.delete_from_body({}) == DeleteOptions()
    assert query_options.parse_delete(ask("orphanDependents=false")).orphan_dependents is False


def test_delete_body_refused() -> None:
    """A body obeys the rules that a query obeys; the answer is a 422 on DeleteOptions.meta.k8s.io."""
    with pytest.raises(APIError) as caught:
        query_options.delete_from_body({"propagationPolicy": "Nope", "dryRun": ["All", "None"]})
    assert caught.value.code == 422
    assert caught.value.message == (
        'DeleteOptions.meta.k8s.io "" is invalid: [propagationPolicy: Unsupported value: "Nope": '
        'supported values: "Foreground", "Background", "Orphan", "nil", '
        'dryRun: Unsupported value: ["All","None"]: supported values: "All"]')
    assert caught.value.details is not None
    assert (caught.value.details["group"], caught.value.details["kind"]) == ("meta.k8s.io", "DeleteOptions")


def test_export_is_gone() -> None:
    """The old export parameter is refused when true, ignored when false."""
    assert query_options.parse_get(ask("export=0&resourceVersion=7")) == GetOptions("7")
    with pytest.raises(APIError) as caught:
        query_options.parse_get(ask("export="))
    assert (caught.value.code, caught.value.message) == (
        400, "the export parameter, deprecated since v1.14, is no longer supported")


def test_table() -> None:
    """includeObject of Tables; anything unknown is a 400."""
    assert query_options.parse_table(ask("includeObject=Object")).include_object == "Object"
    with pytest.raises(APIError) as caught:
        query_options.parse_table(ask("includeObject=All"))
    assert (caught.value.code, caught.value.message) == (400, (
        'Unable to convert to Table as requested: includeObject: Invalid value: "All": '
        "must be 'Metadata', 'Object', 'None', or empty"))


def test_resolved() -> None:
    """Field names are translated; a request for one object narrows to its name or refuses another."""
    def convert(field: str, value: str) -> tuple[str, str]:
        if not field.startswith("metadata."):
            raise fields.SelectorError(f"field label not supported: {field}")
        return field, value

    everything = ListOptions()
    assert everything.resolved(convert) is everything
    assert str(everything.resolved(convert, "a").fields) == "metadata.name=a"
    same = ListOptions(fields=fields.parse("metadata.name=a"))
    assert same.resolved(convert, "a") is same
    with pytest.raises(APIError, match=r"fieldSelector metadata\.name doesn't match requested name"):
        same.resolved(convert, "b")
    with pytest.raises(APIError, match=r"field label not supported: data\.x"):
        ListOptions(fields=fields.parse("data.x=y")).resolved(convert)


def test_memory_is_bounded() -> None:
    """However many queries come, no more than the limit are kept."""
    for number in range(3 * query_options.KEPT_QUERIES):
        query_options.parse_get(ask(f"resourceVersion={number}"))
    assert len(query_options._gets.known) <= query_options.KEPT_QUERIES
    assert query_options.parse_get(ask("resourceVersion=1")) == GetOptions("1")
