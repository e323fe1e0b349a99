"""What discovery and OpenAPI tell of custom kinds.

Used by `custom_kinds` whenever a definition is served anew or no longer. Documents belong to group versions, which
several definitions may share; OpenAPI's are made when somebody asks for them. Behaviour: apiextensions-apiserver
`pkg/apiserver/customresource_discovery_controller.go` and `pkg/controller/openapi*`.
"""

from __future__ import annotations

import hashlib
from functools import partial

from orlop.api.gvk import GroupVersion
from orlop.endpoints.definition_openapi import document
from orlop.endpoints.discovery import Discovery
from orlop.endpoints.openapi import OpenAPI
from orlop.kinds.custom.definition import Definition
from orlop.kinds.custom.kind import CustomKind


class CustomDocuments:
    """`kinds` by group version and plural: those that are established."""

    def __init__(self, discovery: Discovery, openapi: OpenAPI) -> None:
        self._discovery, self._openapi = discovery, openapi
        self._kinds: dict[GroupVersion, dict[str, CustomKind]] = {}

    def show(self, kind: CustomKind) -> None:
        """Tell of a kind as it is now."""
        definition = kind.definition
        served = {definition.in_version(version.name).group_version for version in definition.served}
        if not definition.established:
            served = set()
        for group_version, kinds in list(self._kinds.items()):
            known = kinds.get(definition.plural)
            if group_version not in served and group_version.group == definition.group and known is not None:
                del kinds[definition.plural]
                self._tell(group_version)
        for group_version in served:
            self._kinds.setdefault(group_version, {})[definition.plural] = kind
            self._tell(group_version)

    def hide(self, definition: Definition) -> None:
        for version in definition.versions:
            group_version = definition.in_version(version.name).group_version
            kinds = self._kinds.get(group_version, {})
            known = kinds.get(definition.plural)
            if known is not None and known.definition.name == definition.name:
                del kinds[definition.plural]
                self._tell(group_version)

    def _tell(self, group_version: GroupVersion) -> None:
        path = f"apis/{group_version}"
        kinds = [kind for _, kind in sorted(self._kinds[group_version].items())]
        if not kinds:
            del self._kinds[group_version]
            self._discovery.remove(group_version)
            self._openapi.remove(path)
            return
        versions = [next(v for v in kind.definition.versions if v.name == group_version.version) for kind in kinds]
        self._discovery.add(group_version, [kind.resource(version)
                                            for kind, version in zip(kinds, versions, strict=True)])
        identity = hashlib.blake2b(digest_size=16)
        for kind in kinds:
            identity.update(kind.definition.name.encode() + kind.definition.spec)
        self._openapi.add_later(path, identity.hexdigest(),
                                partial(document, [(kind.definition, version) for kind, version in
                                                   zip(kinds, versions, strict=True)]))
