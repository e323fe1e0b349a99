"""The 403 of a refused request, word for word (apiserver `endpoints/handlers/responsewriters/errors.go`).

Called by the authorization filter, by impersonation and by storages that authorize more than the request
itself.
"""

from __future__ import annotations

from orlop.api import errors
from orlop.api.errors import APIError
from orlop.api.field import quote
from orlop.api.gvk import GroupResource
from orlop.auth.interface import Attributes


def _harmless(text: str) -> str:
    """No text that a browser could take for HTML."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def refusal_text(attributes: Attributes) -> str:
    """The sentence saying what the user cannot do, without the reason."""
    who = f"User {quote(attributes.user.name)} cannot {attributes.verb}"
    if not attributes.is_resource:
        return _harmless(f"{who} path {quote(attributes.path)}")
    resource = attributes.resource
    if attributes.subresource:
        resource = f"{resource}/{attributes.subresource}"
    what = f"{who} resource {quote(resource)} in API group {quote(attributes.group)}"
    if attributes.namespace:
        return _harmless(f"{what} in the namespace {quote(attributes.namespace)}")
    return _harmless(f"{what} at the cluster scope")


def refusal(attributes: Attributes, reason: str = "") -> APIError:
    """The 403 for these attributes; `reason` is what the authorizer added."""
    text = refusal_text(attributes)
    resource = GroupResource(attributes.group, attributes.resource)
    return errors.forbidden(resource, attributes.name, f"{text}: {reason}" if reason else text)
