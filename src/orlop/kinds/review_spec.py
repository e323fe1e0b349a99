"""The specs of access reviews: rules for them, and the question that each one asks.

`kinds.reviews` calls this. Rules and texts: kubernetes `pkg/apis/authorization/validation`; from spec to
question: `pkg/registry/authorization/util`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from orlop.api import fields, labels
from orlop.api.context import User
from orlop.api.field import FieldError, Path, invalid, required
from orlop.api.gotext import json_value
from orlop.api.label_selector_validation import validate_field_requirement, validate_label_requirement
from orlop.api.tree import Tree
from orlop.auth.interface import Attributes

_SPEC: Final = Path("spec")
_RESOURCE: Final = _SPEC.child("resourceAttributes")
_METADATA_ORDER: Final = (
    "name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation",
    "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations",
    "ownerReferences", "finalizers", "managedFields")


def check_self(review: Tree) -> list[FieldError]:
    """A SelfSubjectAccessReview."""
    return _check_attributes(review) + _check_selectors(review) + _check_metadata(review)


def check_subject(review: Tree) -> list[FieldError]:
    """A SubjectAccessReview."""
    found = _check_attributes(review) + _check_subject(review)
    return found + _check_selectors(review) + _check_metadata(review)


def check_local(review: Tree) -> list[FieldError]:
    """A LocalSubjectAccessReview, its metadata.namespace being that of the request."""
    found = _check_attributes(review) + _check_subject(review) + _check_selectors(review)
    found += _check_metadata(review, "namespace")
    resource, other = _attributes(review)
    if resource is not None:
        namespace = resource.get("namespace") or ""
        if namespace != review["metadata"].get("namespace", ""):
            found.append(invalid(_RESOURCE.child("namespace"), namespace, "must match metadata.namespace"))
    if other is not None:
        found.append(invalid(_SPEC.child("nonResourceAttributes"), _go_attributes(other),
                             "disallowed on this kind of request"))
    return found


def _spec(review: Tree) -> Tree:
    return review.get("spec") or {}


def _attributes(review: Tree) -> tuple[Tree | None, Tree | None]:
    spec = _spec(review)
    return spec.get("resourceAttributes"), spec.get("nonResourceAttributes")


def _go_attributes(other: Tree) -> Any:
    """Non-resource attributes as upstream's internal structure shows itself."""
    return json_value({"Path": other.get("path") or "", "Verb": other.get("verb") or ""})


def _check_attributes(review: Tree) -> list[FieldError]:
    resource, other = _attributes(review)
    if resource is not None and other is not None:
        return [invalid(_SPEC.child("nonResourceAttributes"), _go_attributes(other),
                        "cannot be specified in combination with resourceAttributes")]
    if resource is None and other is None:
        return [invalid(_RESOURCE, json_value(None),
                        "exactly one of nonResourceAttributes or resourceAttributes must be specified")]
    return []


def _check_subject(review: Tree) -> list[FieldError]:
    spec = _spec(review)
    if spec.get("user") or spec.get("groups"):
        return []
    return [invalid(_SPEC.child("user"), "", "at least one of user or group must be specified")]


def _check_selectors(review: Tree) -> list[FieldError]:
    resource = _spec(review).get("resourceAttributes") or {}
    return (_check_selector(resource.get("fieldSelector"), _RESOURCE.child("fieldSelector"),
                            validate_field_requirement)
            + _check_selector(resource.get("labelSelector"), _RESOURCE.child("labelSelector"),
                              validate_label_requirement))


def _check_selector(selector: Tree | None, path: Path,
                    check_requirement: Callable[..., list[FieldError]]) -> list[FieldError]:
    if selector is None:
        return []
    raw, requirements = selector.get("rawSelector"), selector.get("requirements")
    found = []
    if raw and requirements:
        found.append(invalid(path.child("rawSelector"), raw,
                             "may not specified at the same time as requirements"))
    if not raw and not requirements:
        found.append(required(path.child("requirements"),
                              f"when {path} is specified, requirements or rawSelector is required"))
    for position, requirement in enumerate(requirements or ()):
        # clients may be newer and know operators that this server does not
        place = path.child("requirements").index(position)
        found += check_requirement(requirement, place, unknown_operator=True)
    return found


def _check_metadata(review: Tree, *allowed: str) -> list[FieldError]:
    metadata = review.get("metadata") or {}
    if not any(value for name, value in metadata.items() if name not in (*allowed, "managedFields")):
        return []
    shown = {name: metadata[name] for name in _METADATA_ORDER if metadata.get(name)}
    text = "must be empty except for namespace" if allowed else "must be empty"
    return [invalid(Path("metadata"), json_value(shown), text)]


def subject(review: Tree) -> User:
    """The user a review asks about."""
    spec = _spec(review)
    extra = tuple((key, tuple(values or ())) for key, values in sorted((spec.get("extra") or {}).items()))
    return User(spec.get("user") or "", tuple(spec.get("groups") or ()), spec.get("uid") or "", extra)


def question(user: User, review: Tree) -> tuple[Attributes, list[str]]:
    """What a valid review asks about the user, and which parts of it had to be ignored."""
    resource, other = _attributes(review)
    if resource is None:
        other = other or {}
        return Attributes(user, other.get("verb") or "", path=other.get("path") or "", is_resource=False), []
    field_selector, field_problem = _selector(resource.get("fieldSelector"), fields.parse, _field_term)
    label_selector, label_problem = _selector(resource.get("labelSelector"), labels.parse, _label_term)
    problems = [f"spec.resourceAttributes.{name} {problem} due to parse error" for name, problem in
                (("fieldSelector", field_problem), ("labelSelector", label_problem)) if problem]
    asked = Attributes(
        user, resource.get("verb") or "", resource.get("group") or "", resource.get("version") or "*",
        resource.get("resource") or "", resource.get("subresource") or "", resource.get("namespace") or "",
        resource.get("name") or "", field_selector=field_selector, label_selector=label_selector)
    return asked, problems


def _selector(selector: Tree | None, parse: Callable[[str], object],
              term: Callable[[Tree], str]) -> tuple[str, str]:
    """The selector as text, and whether it, or a part of it, is ignored for being unintelligible."""
    if selector is None:
        return "", ""
    raw, requirements = selector.get("rawSelector") or "", selector.get("requirements") or ()
    if raw and not requirements:
        try:
            parse(raw)
        except labels.SelectorError:
            return "", "ignored"
        return raw, ""
    terms = [term(requirement) for requirement in requirements]
    known = [text for text in terms if text]
    if len(known) == len(terms):
        return ",".join(known), ""
    return ",".join(known), "partially ignored" if known else "ignored"


def _field_term(requirement: Tree) -> str:
    values: list[str] = requirement.get("values") or []
    operator = {"In": "=", "NotIn": "!="}.get(requirement.get("operator") or "")
    if operator is None or len(values) != 1:
        return ""
    return f"{requirement.get('key') or ''}{operator}{fields.escape(values[0])}"


def _label_term(requirement: Tree) -> str:
    try:
        return str(labels.from_label_selector({"matchExpressions": [requirement]}))
    except labels.SelectorError:
        return ""
