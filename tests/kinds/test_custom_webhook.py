"""What a conversion webhook is asked, and what it may answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from orlop.api.errors import APIError
from orlop.kinds.custom.webhook import WebhookConverter

Tree = dict[str, Any]
OLD, NEW = "example.com/v1", "example.com/v2"


def obj(name: str = "a", api_version: str = OLD, **metadata: Any) -> Tree:
    return {"apiVersion": api_version, "kind": "Widget", "spec": {"size": 1},
            "metadata": {"resourceVersion": "7", "name": name, "uid": f"uid-{name}", **metadata}}


def answering(change: Callable[[Tree], None] = lambda review: None, version: str = "v1") -> WebhookConverter:
    """A webhook that renames, its review changed before it goes out."""

    async def post(body: bytes) -> bytes:
        review = orjson.loads(body)
        request = review.pop("request")
        assert all("resourceVersion" not in each["metadata"] for each in request["objects"])
        made = [{**each, "apiVersion": request["desiredAPIVersion"]} for each in request["objects"]]
        review["response"] = {"uid": request["uid"], "result": {"status": "Success"}, "convertedObjects": made}
        change(review)
        return orjson.dumps(review)

    return WebhookConverter([version], post, lambda: "request-1")


def convert(converter: WebhookConverter, *trees: Tree) -> list[Tree]:
    return asyncio.run(converter.later(trees, NEW))


def refused(change: Callable[[Tree], None]) -> str:
    with pytest.raises(APIError) as caught:
        convert(answering(change), obj())
    assert caught.value.code == 500
    return caught.value.message


def test_objects_are_converted_in_their_order() -> None:
    """Those that are in the version already are not sent."""
    made = convert(answering(), obj("a"), obj("b", NEW), obj("c"))
    assert [each["metadata"]["name"] for each in made] == ["a", "b", "c"]
    assert {each["apiVersion"] for each in made} == {NEW}
    assert made[0]["metadata"]["resourceVersion"] == "7"


def test_only_labels_and_annotations_may_change() -> None:
    """Everything else of the metadata stays as it was."""

    def change(review: Tree) -> None:
        metadata = review["response"]["convertedObjects"][0]["metadata"]
        metadata |= {"labels": {"a": "b"}, "finalizers": ["x/y"], "generation": 9}

    made = convert(answering(change), obj(annotations={"gone": "x"}))[0]["metadata"]
    assert made == {"resourceVersion": "7", "name": "a", "uid": "uid-a", "labels": {"a": "b"},
                    "annotations": {"gone": "x"}}


def _first(review: Tree) -> Tree:
    found: Tree = review["response"]["convertedObjects"][0]
    return found


@pytest.mark.parametrize(("change", "told"), [
    (lambda review: review["response"].update(uid="other"),
     'failed: expected response.uid="request-1", got "other"'),
    (lambda review: review.pop("response"), "failed: no response provided"),
    (lambda review: review.update(kind="Other"), "failed: expected webhook response of apiextensions.k8s.io/v1, "
                                                 "Kind=ConversionReview, got apiextensions.k8s.io/v1, Kind=Other"),
    (lambda review: review["response"].update(result={"status": "Failure", "message": "no way"}), "failed: no way"),
    (lambda review: review["response"].update(result={"status": "Failure"}),
     "failed: response.result.status was 'Failure', not 'Success'"),
    (lambda review: review["response"].update(convertedObjects=[]), "returned 0 objects, expected 1"),
    (lambda review: _first(review).update(apiVersion=OLD), "returned invalid object at index 0: invalid groupVersion "
                                                           "(expected example.com/v2, received example.com/v1)"),
    (lambda review: _first(review).update(kind="Gadget"),
     "returned invalid object at index 0: invalid kind (expected Widget, received Gadget)"),
    (lambda review: _first(review)["metadata"].update(name="z"),
     "returned invalid object: must have the same name: a != z"),
    (lambda review: _first(review)["metadata"].update(uid="z"),
     "returned invalid object: must have the same UID: uid-a != z"),
    (lambda review: _first(review)["metadata"].update(labels=[1]),
     "returned invalid metadata: invalid metadata.labels of type []interface {} in converted object"),
    (lambda review: _first(review)["metadata"].update(labels={"a": 1}),
     "returned invalid metadata: metadata.labels[a] must be a string, but is int64 in converted object"),
])
def test_answers_that_are_refused(change: Callable[[Tree], None], told: str) -> None:
    """Each with the words of upstream."""
    assert refused(change) == f"conversion webhook for example.com/v1, Kind=Widget {told}"


def test_an_unknown_review_version_is_refused() -> None:
    """Without a common version nobody is asked."""
    with pytest.raises(APIError, match="no supported conversion review versions"):
        convert(answering(version="v9"), obj())


def test_the_older_review_is_not_checked_for_its_uid() -> None:
    """As upstream, for compatibility."""
    assert convert(answering(lambda review: review["response"].pop("uid"), "v1beta1"), obj())[0]["apiVersion"] == NEW
