"""Field selectors: which fields of each built-in kind can select objects, and what an object's values are.

The endpoints check and translate the labels of a `fieldSelector` here (`FieldSelectors.convert`); the store
asks `values` once per written object and keeps the answer beside it, so that lists and watches never decode
to match. Names and namespaces are the store's own: `values` leaves them out. Custom resources select by what
their definitions say. Upstream: ToSelectableFields in `pkg/registry/<group>/<kind>/strategy.go`,
AddFieldLabelConversionFunc in `pkg/apis/<group>/<version>/conversion.go`, and for all other kinds
apimachinery's DefaultMetaV1FieldSelectorConversion.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from orlop.api.field import quote
from orlop.api.fields import SelectorError
from orlop.api.tree import Tree

NAME = "metadata.name"
NAMESPACE = "metadata.namespace"


class UnsupportedField(SelectorError):
    """A field that cannot select this kind. The text is what clients read, inside a 400."""


def _unknown(label: str) -> str:
    return f'{quote(label)} is not a known field selector: only "{NAME}", "{NAMESPACE}"'


def _not_supported(label: str) -> str:
    return f"field label not supported: {label}"


def _not_supported_for_job(label: str) -> str:
    return f"field label {quote(label)} not supported for Job"


def _not_supported_for_slice(label: str) -> str:
    return f"field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: {label}"


def _no_values(_: Tree) -> dict[str, str]:
    return {}


@dataclass(frozen=True, slots=True)
class FieldSelectors:
    """The selectable fields of one served resource.

    `supported` are the labels a client may write. `values` gives the fields of an object beyond its name and
    namespace, under their canonical names, "" for absent ones. `message` is the text that refuses another
    label. `aliases` are labels whose canonical name differs: older names, and those of a second version of
    the kind.
    """

    supported: tuple[str, ...]
    values: Callable[[Tree], dict[str, str]]
    message: Callable[[str], str]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def canonical(self, label: str) -> str:
        """The name under which `values` has what `label` asks for. UnsupportedField for any other label."""
        if label in self.aliases:
            return self.aliases[label]
        if label in self.supported:
            return label
        raise UnsupportedField(self.message(label))

    def convert(self, label: str, value: str) -> tuple[str, str]:
        """`canonical` for a requirement, as `ListOptions.resolved` wants it; values do not change."""
        return self.canonical(label), value


def _bool(value: object) -> str:
    return "true" if value else "false"


def _pod(pod: Tree) -> dict[str, str]:
    spec, status = pod.get("spec") or {}, pod.get("status") or {}
    ips = status.get("podIPs")
    return {
        "spec.nodeName": spec.get("nodeName") or "",
        "spec.restartPolicy": spec.get("restartPolicy") or "",
        "spec.schedulerName": spec.get("schedulerName") or "",
        "spec.serviceAccountName": spec.get("serviceAccountName") or "",
        "spec.hostNetwork": _bool(spec.get("hostNetwork")),
        "status.phase": status.get("phase") or "",
        "status.podIP": (ips[0].get("ip") or "") if ips else "",
        "status.podIPs": "",  # accepted as a label, but upstream gives no object a value for it
        "status.nominatedNodeName": status.get("nominatedNodeName") or "",
    }


def _node(node: Tree) -> dict[str, str]:
    return {"spec.unschedulable": _bool((node.get("spec") or {}).get("unschedulable"))}


def _namespace(namespace: Tree) -> dict[str, str]:
    return {"status.phase": (namespace.get("status") or {}).get("phase") or ""}


def _replication_controller(controller: Tree) -> dict[str, str]:
    return {"status.replicas": str((controller.get("status") or {}).get("replicas") or 0)}


def _secret(secret: Tree) -> dict[str, str]:
    return {"type": secret.get("type") or ""}


def _service(service: Tree) -> dict[str, str]:
    spec = service.get("spec") or {}
    return {"spec.clusterIP": spec.get("clusterIP") or "", "spec.type": spec.get("type") or ""}


def _job(job: Tree) -> dict[str, str]:
    return {"status.successful": str((job.get("status") or {}).get("succeeded") or 0)}


def _signing_request(request: Tree) -> dict[str, str]:
    return {"spec.signerName": (request.get("spec") or {}).get("signerName") or ""}


def _resource_slice(resource_slice: Tree) -> dict[str, str]:
    spec = resource_slice.get("spec") or {}
    return {"spec.nodeName": spec.get("nodeName") or "", "spec.driver": spec.get("driver") or ""}


_SUBJECT = ("kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath")


def _event(event: Tree) -> dict[str, str]:
    """The fields of an event under their core names, whichever of its two versions the tree has."""
    subject = event.get("involvedObject") or event.get("regarding") or {}
    source = event.get("source") or event.get("deprecatedSource") or {}
    reporter = event.get("reportingComponent") or event.get("reportingController") or ""
    values = {f"involvedObject.{key}": subject.get(key) or "" for key in _SUBJECT}
    values["reason"] = event.get("reason") or ""
    values["reportingComponent"] = reporter
    values["source"] = source.get("component") or reporter
    values["type"] = event.get("type") or ""
    return values


_EVENT_ALIASES = {f"regarding.{key}": f"involvedObject.{key}" for key in _SUBJECT}
_EVENT_ALIASES["reportingController"] = "reportingComponent"

_DEFAULT = FieldSelectors((NAME, NAMESPACE), _no_values, _unknown)

_SELECTORS: dict[tuple[str, str, str], FieldSelectors] = {
    ("", "v1", "pods"): FieldSelectors(
        (NAME, NAMESPACE, "spec.nodeName", "spec.restartPolicy", "spec.schedulerName",
         "spec.serviceAccountName", "spec.hostNetwork", "status.phase", "status.podIP", "status.podIPs",
         "status.nominatedNodeName"),
        _pod, _not_supported, {"spec.host": "spec.nodeName"}),
    ("", "v1", "nodes"): FieldSelectors((NAME, "spec.unschedulable"), _node, _not_supported),
    ("", "v1", "namespaces"): FieldSelectors((NAME, "status.phase"), _namespace, _not_supported),
    ("", "v1", "replicationcontrollers"): FieldSelectors(
        (NAME, NAMESPACE, "status.replicas"), _replication_controller, _not_supported),
    ("", "v1", "secrets"): FieldSelectors((NAME, NAMESPACE, "type"), _secret, _not_supported),
    ("", "v1", "services"): FieldSelectors(
        (NAME, NAMESPACE, "spec.clusterIP", "spec.type"), _service, _not_supported),
    ("", "v1", "events"): FieldSelectors(
        (NAME, NAMESPACE, "type", *(f"involvedObject.{key}" for key in _SUBJECT), "reason", "source",
         "reportingComponent"), _event, _not_supported),
    ("events.k8s.io", "v1", "events"): FieldSelectors(
        (NAME, NAMESPACE, "type", "reason", *_EVENT_ALIASES), _event, _not_supported, _EVENT_ALIASES),
    ("batch", "v1", "jobs"): FieldSelectors(
        (NAME, NAMESPACE, "status.successful"), _job, _not_supported_for_job),
    ("certificates.k8s.io", "v1", "certificatesigningrequests"): FieldSelectors(
        (NAME, "spec.signerName"), _signing_request, _not_supported),
    ("resource.k8s.io", "v1", "resourceslices"): FieldSelectors(
        (NAME, "spec.nodeName", "spec.driver"), _resource_slice, _not_supported_for_slice),
}


def field_selectors(group: str, version: str, plural: str) -> FieldSelectors:
    """The selectable fields of a resource: name and namespace, unless its kind has more."""
    return _SELECTORS.get((group, version, plural), _DEFAULT)
