"""Admission to a kind whose definition is being deleted: nothing new.

Put in front of the other plugins by `server.custom_kinds` as long as a definition ends. Behaviour:
apiextensions-apiserver `pkg/apiserver/customresource_handler.go` forbidCreateAdmission.
"""

from __future__ import annotations

from typing import Final

from orlop.admission.interface import CREATE, Attributes
from orlop.api import errors
from orlop.api.gvk import GroupVersionResource

_WHY: Final = "create not allowed while custom resource definition is terminating"


class NoNewObjects:
    name = "CustomResourceDefinitionTerminating"

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        return operation == CREATE and not subresource

    def admit(self, attributes: Attributes) -> None:
        raise errors.forbidden(attributes.resource.group_resource, attributes.name, _WHY)

    def validate(self, attributes: Attributes) -> None:
        """All was said."""
