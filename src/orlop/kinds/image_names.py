"""Names of container images: which tag does a name mean?

Asked by the defaults of pods: images without a tag, or with the tag latest, are pulled always. Behaviour: kubernetes
`pkg/util/parsers` ParseImageName over `github.com/distribution/reference`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

ALWAYS: Final = "Always"
IF_NOT_PRESENT: Final = "IfNotPresent"
_LONGEST_NAME: Final = 255
_KNOWN_IMAGES: Final = 2048
"""How many images' policies are remembered; the least recently used goes first."""

_DOMAIN_PART: Final = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST: Final = rf"(?:{_DOMAIN_PART}(?:\.{_DOMAIN_PART})*|\[(?:[a-fA-F0-9:]+)\])(?::[0-9]+)?"
_STEP: Final = r"[a-z0-9]+(?:(?:[._]|__|[-]+)[a-z0-9]+)*"
_REFERENCE: Final = re.compile(
    rf"(?P<name>(?:{_HOST}/)?{_STEP}(?:/{_STEP})*)"
    r"(?::(?P<tag>\w[\w.-]{0,127}))?"
    r"(?P<digest>@[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,})?",
    re.ASCII)
_IDENTIFIER: Final = re.compile("[a-f0-9]{64}")


def _with_host(image: str) -> str:
    """The name with its registry, as `docker pull` completes it."""
    first, slash, _ = image.partition("/")
    if not slash or (not any(c in first for c in ".:") and first != "localhost" and first.lower() == first):
        return "docker.io/" + (image if slash else "library/" + image)
    return image


def tag(image: str) -> str:
    """The tag an image name means, latest when it names neither tag nor digest, "" when it is no image name."""
    if _IDENTIFIER.fullmatch(image):
        return ""
    found = _REFERENCE.fullmatch(_with_host(image))
    if found is None or len(found["name"]) > _LONGEST_NAME:
        return ""
    if found["tag"]:
        return found["tag"]
    return "" if found["digest"] else "latest"


@lru_cache(_KNOWN_IMAGES)
def pull_policy(image: str) -> str:
    """When to pull an image that does not say."""
    return ALWAYS if tag(image) == "latest" else IF_NOT_PRESENT
