"""Priority and runtime classes, disruption budgets, API services, signing requests, component statuses."""

from __future__ import annotations

import base64

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from kind_bench import Kind, Tree

from orlop.api.context import Context, User
from orlop.api.errors import APIError
from orlop.api.options import GetOptions, ListOptions
from orlop.kinds.component_status import ComponentStatuses

# --- classes ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("members", "wrong"), [
    ({"value": 1_000_000_001},
     ["value: Forbidden: maximum allowed value of a user defined priority is 1000000000"]),
    ({"metadata": {"name": "system-x"}, "value": 1},
     ["metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: "
      "system-x is not a known system priority class"]),
    ({"metadata": {"name": "system-node-critical"}, "value": 2_000_001_000}, []),
    ({"value": 1, "preemptionPolicy": "Odd"},
     ['preemptionPolicy: Unsupported value: "Odd": supported values: "PreemptLowerPriority", "Never"']),
])
def test_priority_classes(members: Tree, wrong: list[str]) -> None:
    """Users stay below the system's."""
    assert Kind("priorityclasses", "scheduling.k8s.io").refused(**members) == wrong


def test_a_priority_stays() -> None:
    """Pods have read it."""
    kind = Kind("priorityclasses", "scheduling.k8s.io")
    old = kind.create(value=1)
    assert old["metadata"]["generation"] == 1 and old["preemptionPolicy"] == "PreemptLowerPriority"
    assert kind.refused_update(old, {"value": 2}) == ["value: Forbidden: may not be changed in an update."]


def test_runtime_classes() -> None:
    """A handler that is a label and stays."""
    kind = Kind("runtimeclasses", "node.k8s.io")
    assert kind.refused(handler="") == ["handler: Required value"]
    assert kind.refused(handler="h", overhead={"podFixed": {"cpu": "-1"}}) == [
        'overhead.limits[cpu]: Invalid value: "-1": must be greater than or equal to 0']
    old = kind.create(handler="h")
    assert kind.refused_update(old, {"handler": "i"}) == ['handler: Invalid value: "i": field is immutable']


# --- budgets ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("spec", "wrong"), [
    ({"minAvailable": 1}, []),
    ({"minAvailable": "50%"}, []),
    ({"minAvailable": -1}, ["spec.minAvailable: Invalid value: -1: must be greater than or equal to 0"]),
    ({"maxUnavailable": "101%"}, ['spec.maxUnavailable: Invalid value: "101%": must not be greater than 100%']),
    ({"minAvailable": 1, "maxUnavailable": 1},
     ['spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":1,"UnhealthyPodEvictionPolicy":null}: '
      "minAvailable and maxUnavailable cannot be both set"]),
])
def test_budgets(spec: Tree, wrong: list[str]) -> None:
    """One bound, as a count or a percentage."""
    assert Kind("poddisruptionbudgets", "policy").refused(spec=spec) == wrong


# --- API services ----------------------------------------------------------------------------------------------------

SERVED = {"group": "g.example.com", "version": "v1", "groupPriorityMinimum": 1, "versionPriority": 1}


def test_local_api_services_are_available() -> None:
    """At once; remote ones have to prove it."""
    kind = Kind("apiservices", "apiregistration.k8s.io")
    made = kind.create(metadata={"name": "v1.g.example.com"}, spec=SERVED)
    assert [c["reason"] for c in made["status"]["conditions"]] == ["Local"]
    remote = kind.create(metadata={"name": "v1.g.example.com"},
                         spec={**SERVED, "service": {"name": "s", "namespace": "n"}, "insecureSkipTLSVerify": True})
    assert not remote["status"].get("conditions") and remote["spec"]["service"]["port"] == 443


def test_api_service_rules() -> None:
    """The name follows from the spec; priorities have bounds."""
    kind = Kind("apiservices", "apiregistration.k8s.io")
    assert kind.refused(metadata={"name": "other"}, spec={**SERVED, "versionPriority": 0}) == [
        'metadata.name: Invalid value: "other": must be `spec.version+"."+spec.group`: "v1.g.example.com"',
        "spec.versionPriority: Invalid value: 0: must be positive and less than 1000"]


# --- signing requests ------------------------------------------------------------------------------------------------

def pem(*, valid: bool = True) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "u")])
    request = x509.CertificateSigningRequestBuilder().subject_name(subject).sign(key, hashes.SHA256())
    text = request.public_bytes(serialization.Encoding.PEM)
    return base64.b64encode(text if valid else text.replace(b" REQUEST", b"")).decode()


ASKED = {"signerName": "example.com/s", "usages": ["client auth"]}


def requests(user: User | None = None) -> Kind:
    return Kind("certificatesigningrequests", "certificates.k8s.io", user)


def test_the_server_says_who_asks() -> None:
    """Whatever the client writes there; a status it writes is dropped."""
    alice = User("alice", ("devs",), "u1", (("k", ("v",)),))
    made = requests(alice).create(spec={**ASKED, "request": pem(), "username": "root", "groups": ["x"]},
                                  status={"certificate": "YQ=="})
    spec = made["spec"]
    assert (spec["username"], spec["groups"], spec["uid"], spec["extra"]) == ("alice", ["devs"], "u1", {"k": ["v"]})
    assert not made["status"]


def test_signing_request_rules() -> None:
    """A request, usages and a signer with a domain."""
    kind = requests()
    assert kind.refused(spec={**ASKED, "request": pem(valid=False)})[0].endswith(
        "PEM block type must be CERTIFICATE REQUEST")
    assert kind.refused(spec={"request": pem(), "signerName": "plain"}) == [
        "spec.usages: Required value",
        "spec.signerName: Invalid value: \"plain\": must be a fully qualified domain and path of the form "
        "'example.com/signer-name'"]


def test_who_may_change_what_of_a_request() -> None:
    """Approval comes through its own room, never goes, and excludes denial."""
    kind = requests()
    old = kind.create(spec={**ASKED, "request": pem()})
    yes = {"type": "Approved", "status": "True", "reason": "r", "message": "m"}
    approved = {"status": {"conditions": [yes]}}
    assert kind.refused_update(old, approved, "status") == [
        'status.conditions: Forbidden: updates may not add a condition of type "Approved"']
    stored = kind.update(old, approved, "approval")
    assert stored["status"]["conditions"][0]["lastTransitionTime"]
    assert kind.refused_update(stored, {"status": {"conditions": [{**yes, "type": "Denied"}]}}, "approval") == [
        'status.conditions: Forbidden: updates may not remove a condition of type "Approved"']
    assert not kind.update(old, approved)["status"]


# --- component statuses ----------------------------------------------------------------------------------------------

def test_component_statuses() -> None:
    """The storage by its health, the others as unreachable; nothing else exists."""
    found = ComponentStatuses(lambda: "disk full")
    items = found.list(Context(), ListOptions()).items
    assert [item["metadata"]["name"] for item in items] == ["controller-manager", "etcd-0", "scheduler"]  # type: ignore
    assert found.get(Context(), "etcd-0", GetOptions())["conditions"] == [
        {"type": "Healthy", "status": "False", "message": "disk full"}]
    with pytest.raises(APIError, match="Component not found: x"):
        found.get(Context(), "x", GetOptions())
