"""What a class lets claims choose from, and how it configures it.

Called by the strategy of classes. Behaviour: kubernetes `pkg/apis/resource/validation/validation.go`
(validateDeviceClassSpec).
"""

from __future__ import annotations

from orlop.api.field import invalid
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, Errors
from orlop.kinds.devices.bounds import listed
from orlop.kinds.devices.configuration import MAX_CONFIGURATIONS, device_configuration
from orlop.kinds.devices.selectors import selectors
from orlop.kinds.resource_names import is_extended


def class_spec(spec: Tree, old: Tree | None) -> Errors:
    found = selectors(SPEC.child("selectors"), spec.get("selectors"))
    stored = old is not None and (old.get("config") or []) == (spec.get("config") or [])
    found += listed(SPEC.child("config"), spec.get("config"), MAX_CONFIGURATIONS,
                    lambda path, item: device_configuration(path, item, stored))
    name = spec.get("extendedResourceName")
    if name is not None and not is_extended(name):
        place = SPEC.child("extendedResourceName")
        found.append(invalid(place, name, "must be a valid extended resource name"))
    return found
