"""Conversion between the versions of a definition: by nobody, or by a webhook.

Called by `spec_rules` with the internal form. Behaviour: apiextensions-apiserver
`pkg/apis/apiextensions/validation/validation.go` validateCustomResourceConversion.
"""

from __future__ import annotations

from typing import Final

from orlop.api import names
from orlop.api.field import Path, forbidden, invalid, required
from orlop.api.gotext import json_value
from orlop.api.tree import Tree
from orlop.kinds.checks import Errors, chosen
from orlop.kinds.definitions import ca_bundle
from orlop.kinds.definitions.options import REVIEW_VERSIONS, Options
from orlop.kinds.webhook_client import client_config

_WEBHOOK: Final = "Webhook"
_NO_WEBHOOK: Final = "should not be set when strategy is not set to Webhook"


def check(path: Path, conversion: Tree | None, options: Options) -> Errors:
    if conversion is None:
        return []
    found = chosen(path.child("strategy"), conversion["strategy"], ("None", _WEBHOOK))
    client_path, reviews_path = path.child("webhookClientConfig"), path.child("conversionReviewVersions")
    client, reviews = conversion["webhookClientConfig"], conversion["conversionReviewVersions"]
    if conversion["strategy"] == _WEBHOOK:
        return found + _client(client_path, client, options) + _reviews(reviews_path, reviews, options.known_review)
    if client is not None:
        found.append(forbidden(client_path, _NO_WEBHOOK))
    if reviews:
        found.append(forbidden(reviews_path, _NO_WEBHOOK))
    return found


def _client(path: Path, client: Tree | None, options: Options) -> Errors:
    if client is None:
        return [required(path, "required when strategy is set to Webhook")]
    found = client_config(path, client)
    bundle = client.get("caBundle") or ""
    problem = "" if options.any_bundle else ca_bundle.complaint(bundle)
    if problem:
        found.append(invalid(path.child("caBundle"), json_value(bundle), problem))
    return found


def _reviews(path: Path, versions: list[str], known: bool) -> Errors:
    if not versions:
        return [required(path)]
    found: Errors = []
    for index, version in enumerate(versions):
        if version in versions[:index]:
            found.append(invalid(path.index(index), version, "duplicate version"))
        else:
            found += [invalid(path.index(index), version, text) for text in names.dns1035_label(version)]
    if known and not any(version in REVIEW_VERSIONS for version in versions):
        found.append(invalid(path, json_value(versions), f"must include at least one of {', '.join(REVIEW_VERSIONS)}"))
    return found
