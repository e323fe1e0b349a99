"""Conversion by a webhook: somebody outside is asked to turn objects of one version into another.

A `conversion.Converter` that takes time. Made by `server.custom_kind_maker` with the call that reaches the webhook;
here are the ConversionReview and the checks on what comes back: a webhook may change everything but who an object is,
and of its metadata only labels and annotations. Behaviour: apiextensions-apiserver
`pkg/apiserver/conversion/webhook_converter.go`.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NoReturn

import orjson

from orlop.api import errors
from orlop.api.field import Path, aggregate, quote
from orlop.api.gvk import GroupVersion, GroupVersionKind
from orlop.api.tree import Tree, Value
from orlop.api.validation import validate_annotations, validate_labels

Post = Callable[[bytes], Awaitable[bytes]]
"""Sends a review, brings what was answered. Raises WebhookFailure."""

_VERSIONS: Final = ("v1", "v1beta1")
_NOTHING: Final = {"apiVersion", "kind"}
_REVIEW: Final = "ConversionReview"
_GROUP: Final = "apiextensions.k8s.io"
_GO_TYPES: Final = {str: "string", int: "int64", float: "float64", bool: "bool", dict: "map[string]interface {}",
                    list: "[]interface {}", type(None): "<nil>"}


class WebhookFailure(Exception):
    """A webhook that could not be asked, or did not answer properly. The text is Go's."""


class WebhookConverter:
    """`reviews` are the versions of ConversionReview that the webhook knows, best first; `uid` names each request."""

    waits = True

    def __init__(self, reviews: Sequence[str], post: Post, uid: Callable[[], str]) -> None:
        self._version = next((version for version in reviews if version in _VERSIONS), "")
        self._post, self._uid = post, uid

    def now(self, tree: Tree, api_version: str) -> NoReturn:
        raise AssertionError("a webhook takes time")

    async def later(self, trees: Sequence[Tree], api_version: str) -> list[Tree]:
        """All in one request, but for those that are in that version already, or have nothing to convert."""
        trees = [{**tree, "apiVersion": api_version} if tree.keys() <= _NOTHING else tree for tree in trees]
        wanted = [tree for tree in trees if tree["apiVersion"] != api_version]
        if not wanted:
            return list(trees)
        kind = GroupVersion.parse(wanted[0]["apiVersion"]).kind(wanted[0]["kind"])
        try:
            answered = await self._ask(wanted, api_version)
        except WebhookFailure as failure:
            raise errors.unknown(f"conversion webhook for {kind} failed: {failure}") from None
        if len(answered) != len(wanted):
            raise errors.unknown(f"conversion webhook for {kind} returned {len(answered)} objects, expected "
                                 f"{len(wanted)}")
        converted = iter([_checked(before, after, api_version, kind)
                          for before, after in zip(wanted, answered, strict=True)])
        return [next(converted) if tree["apiVersion"] != api_version else tree for tree in trees]

    async def _ask(self, trees: Sequence[Tree], api_version: str) -> list[Value]:
        if not self._version:
            raise WebhookFailure("no supported conversion review versions")
        uid = self._uid()
        review: Tree = {
            "kind": _REVIEW, "apiVersion": f"{_GROUP}/{self._version}",
            "request": {"uid": uid, "desiredAPIVersion": api_version,
                        "objects": [_without_version(tree) for tree in trees]}}
        if self._version == "v1beta1":
            review["response"] = {"uid": "", "convertedObjects": None, "result": {"metadata": {}}}
        body = await self._post(orjson.dumps(review))
        try:
            answer = orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise WebhookFailure(f"couldn't get version/kind; json parse error: {error}") from None
        return _objects(answer if isinstance(answer, dict) else {}, self._version, uid)


def _without_version(tree: Tree) -> Tree:
    if "metadata" not in tree:
        return tree
    metadata = {name: value for name, value in tree["metadata"].items() if name != "resourceVersion"}
    return {**tree, "metadata": metadata}


def _objects(review: Tree, version: str, uid: str) -> list[Value]:
    """What a review brings. Raises WebhookFailure."""
    response = review.get("response")
    if version == "v1":
        wanted = GroupVersionKind(_GROUP, "v1", _REVIEW)
        text = str(review.get("apiVersion") or "")
        group, _, bare = text.rpartition("/")
        got = GroupVersionKind(group, bare, str(review.get("kind") or ""))
        if got != wanted:
            raise WebhookFailure(f"expected webhook response of {wanted}, got {got}")
    if not isinstance(response, dict):
        raise WebhookFailure("no response provided")
    if version == "v1" and response.get("uid", "") != uid:
        raise WebhookFailure(f"expected response.uid={quote(uid)}, got {quote(str(response.get('uid', '')))}")
    result: Tree = response.get("result") or {}
    if result.get("status") != "Success":
        raise WebhookFailure(result.get("message")
                             or f"response.result.status was '{result.get('status') or ''}', not 'Success'")
    return response.get("convertedObjects") or []


def _checked(before: Tree, after: Value, api_version: str, kind: GroupVersionKind) -> Tree:
    """An object that came back, with the metadata that it must keep. Raises APIError."""
    converted: Tree = after if isinstance(after, dict) else {}
    if not converted.get("kind"):
        raise errors.unknown(f"Object 'Kind' is missing in '{orjson.dumps(after).decode()}'")
    place = f"conversion webhook for {kind} returned invalid object"
    if converted.get("apiVersion") != api_version:
        raise errors.unknown(f"{place} at index 0: invalid groupVersion (expected {api_version}, received "
                             f"{converted.get('apiVersion') or ''})")
    if converted["kind"] != kind.kind:
        raise errors.unknown(f"{place} at index 0: invalid kind (expected {kind.kind}, received {converted['kind']})")
    own, theirs = before.get("metadata") or {}, converted.get("metadata")
    shown: Tree = theirs if isinstance(theirs, dict) else {}
    for name, label in (("name", "name"), ("namespace", "namespace"), ("uid", "UID")):
        if (own.get(name) or "") != (shown.get(name) or ""):
            raise errors.unknown(f"{place}: must have the same {label}: {own.get(name) or ''} != "
                                 f"{shown.get(name) or ''}")
    try:
        return {**converted, "metadata": _metadata(own, converted)}
    except ValueError as error:
        raise errors.unknown(f"conversion webhook for {kind} returned invalid metadata: {error}") from None


def _metadata(own: Tree, converted: Tree) -> Tree:
    """The original metadata with labels and annotations of the converted object. ValueError with upstream's text."""
    if "metadata" not in converted:
        raise ValueError("missing metadata in converted object")
    theirs = converted["metadata"]
    if not isinstance(theirs, dict):
        raise ValueError(f"invalid metadata of type {_GO_TYPES[type(theirs)]} in converted object")
    kept: Tree = copy.copy(own)
    for name, check in (("labels", validate_labels), ("annotations", validate_annotations)):
        value: Any = theirs.get(name)
        if value is None:
            kept.pop(name, None)
            continue
        if not isinstance(value, dict):
            raise ValueError(f"invalid metadata.{name} of type {_GO_TYPES[type(value)]} in converted object")
        for key, text in value.items():
            if not isinstance(text, str):
                raise ValueError(f"metadata.{name}[{key}] must be a string, but is {_GO_TYPES[type(text)]} in "
                                 "converted object")
        if value != (own.get(name) or {}):
            found = check(value, Path("metadata").child("labels" if name == "labels" else "annotation"))
            if found:
                raise ValueError(aggregate(found))
        kept[name] = value
    return kept
