"""PodSecurity: levels from a namespace's labels, and what each forbids."""

from __future__ import annotations

from typing import Any

import pytest

from admission_requests import pod, refusal, request
from orlop.admission.interface import CREATE, UPDATE, Attributes
from orlop.admission.pod_security.evaluation import brief, detailed, evaluate
from orlop.admission.pod_security.plugin import PodSecurity
from orlop.admission.pod_security.policy import LATEST, LevelVersion, policy_of
from orlop.api.context import Context, User
from orlop.api.gvk import GroupVersionKind, GroupVersionResource
from orlop.api.tree import Tree
from orlop.storage.interface import Entry

PREFIX = "pod-security.kubernetes.io/"
GOOD = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}, "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"}}


def labels(**modes: str) -> dict[str, str]:
    return {PREFIX + mode.replace("_", "-"): value for mode, value in modes.items()}


def spec(context: Any = None, **members: Any) -> Tree:
    return {"containers": [{"name": "c", "image": "i", "securityContext": context or {}}], **members}


def baseline(spec: Tree, version: int = LATEST, **annotations: str) -> str:
    metadata = {"annotations": {name.replace("__", "/"): value for name, value in annotations.items()}}
    return detailed(evaluate(LevelVersion("baseline", version), metadata, spec))


def restricted(spec: Tree, version: int = LATEST) -> str:
    return detailed(evaluate(LevelVersion("restricted", version), {}, spec))


def test_levels_from_labels() -> None:
    """Warnings follow what is enforced unless they have a label of their own; wrong labels mean the strictest."""
    policy, wrong = policy_of(labels(enforce="baseline", enforce_version="v1.20"))
    assert str(policy.enforce) == str(policy.warn) == "baseline:v1.20" and not wrong
    policy, _ = policy_of(labels(enforce="baseline", warn="restricted"))
    assert str(policy.warn) == "restricted:latest"
    policy, wrong = policy_of(labels(enforce="strict", warn="x", audit_version="1.0"))
    assert (str(policy.enforce), str(policy.warn)) == ("restricted:latest", "privileged:latest")
    assert [str(one) for one in wrong] == [
        f'metadata.labels[{PREFIX}enforce]: Invalid value: "strict": must be one of privileged, baseline, restricted',
        f'metadata.labels[{PREFIX}audit-version]: Invalid value: "1.0": must be "latest" or "v1.x"',
        f'metadata.labels[{PREFIX}warn]: Invalid value: "x": must be one of privileged, baseline, restricted']


@pytest.mark.parametrize(("members", "found"), [
    ({}, ""),
    ({"hostNetwork": True, "hostIPC": True}, "host namespaces (hostNetwork=true, hostIPC=true)"),
    ({"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, 'hostPath volumes (volume "v")'),
    ({"containers": [{"name": "a", "ports": [{"hostPort": 9}, {"hostPort": 80}]}, {"name": "b"}]},
     'hostPort (container "a" uses hostPorts 80, 9)'),
    ({"containers": [{"name": "a", "livenessProbe": {"httpGet": {"host": "h"}}}]},
     'probe or lifecycle host (container "a" uses probe or lifecycle host "h")'),
    ({"containers": [{"name": n, "securityContext": {"privileged": True}} for n in "ab"]},
     'privileged (containers "a", "b" must not set securityContext.privileged=true)'),
    ({"containers": [{"name": "a", "securityContext": {"capabilities": {"add": ["NET_RAW", "KILL"]}}}]},
     'non-default capabilities (container "a" must not include "NET_RAW" in securityContext.capabilities.add)'),
    ({"containers": [{"name": "a", "securityContext": {"procMount": "Unmasked"}}]},
     'procMount (container "a" must not set securityContext.procMount to "Unmasked")'),
    ({"hostUsers": False, "containers": [{"name": "a", "securityContext": {"procMount": "Unmasked"}}]}, ""),
    ({"securityContext": {"seLinuxOptions": {"type": "spc_t", "user": "u"}}},
     'seLinuxOptions (pod set forbidden securityContext.seLinuxOptions: type "spc_t"; user may not be set)'),
    ({"securityContext": {"seccompProfile": {"type": "Unconfined"}}},
     'seccompProfile (pod must not set securityContext.seccompProfile.type to "Unconfined")'),
    ({"securityContext": {"appArmorProfile": {"type": "Unconfined"}}},
     'forbidden AppArmor profile (pod must not set AppArmor profile type to "Unconfined")'),
    ({"securityContext": {"sysctls": [{"name": "kernel.msgmax"}, {"name": "net.ipv4.tcp_rmem"}]}},
     "forbidden sysctls (kernel.msgmax)"),
    ({"securityContext": {"windowsOptions": {"hostProcess": True}}},
     "hostProcess (pod must not set securityContext.windowsOptions.hostProcess=true)"),
])
def test_what_baseline_forbids(members: Tree, found: str) -> None:
    """In upstream's words."""
    assert baseline({**spec(), **members}) == found


def test_annotations_of_old_profiles() -> None:
    """AppArmor's always, seccomp's before there was a field."""
    armor = {"container.apparmor.security.beta.kubernetes.io__c": "unconfined"}
    assert baseline(spec(), **armor) == (
        'forbidden AppArmor profile (annotation must not set AppArmor profile type to '
        '"container.apparmor.security.beta.kubernetes.io/c="unconfined"")')
    seccomp = {"seccomp.security.alpha.kubernetes.io__pod": "unconfined"}
    assert baseline(spec(), 18, **seccomp) == (
        'seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined")')
    assert baseline(spec(), 19, **seccomp) == ""


def test_what_restricted_demands() -> None:
    """Everything at once, in the order of the checks' names; nothing of a pod that says it all."""
    assert restricted(spec()) == (
        'allowPrivilegeEscalation != false (container "c" must set securityContext.allowPrivilegeEscalation=false), '
        'unrestricted capabilities (container "c" must set securityContext.capabilities.drop=["ALL"]), '
        'runAsNonRoot != true (pod or container "c" must set securityContext.runAsNonRoot=true), '
        'seccompProfile (pod or container "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or '
        '"Localhost")')
    assert restricted(spec(GOOD)) == ""


@pytest.mark.parametrize(("context", "members", "found"), [
    ({}, {"volumes": [{"name": "v", "nfs": {}}, {"name": "w"}]},
     'restricted volume types (volumes "v", "w" use restricted volume types "nfs", "unknown")'),
    ({"runAsUser": 0}, {}, 'runAsUser=0 (container "c" must not set runAsUser=0)'),
    ({"runAsNonRoot": False}, {"securityContext": {"runAsNonRoot": False}},
     'runAsNonRoot != true (pod and container "c" must not set securityContext.runAsNonRoot=false)'),
    ({"runAsNonRoot": None, "runAsUser": 0}, {"hostUsers": False}, ""),
    ({"seccompProfile": {"type": "Unconfined"}}, {},
     'seccompProfile (container "c" must not set securityContext.seccompProfile.type to "Unconfined")'),
    ({"seccompProfile": None}, {"securityContext": {"seccompProfile": {"type": "Localhost"}}}, ""),
    ({"capabilities": {"drop": ["ALL"], "add": ["KILL"]}}, {},
     'unrestricted capabilities (container "c" must not include "KILL" in securityContext.capabilities.add)'),
])
def test_what_restricted_forbids(context: Tree, members: Tree, found: str) -> None:
    """Each check by itself; those of baseline that it sharpens are not said twice."""
    assert restricted(spec({**GOOD, **context}, **members)) == found


def test_versions_bring_checks() -> None:
    """An old version knows less, a future one what is known today; Windows is let off since 1.25."""
    assert [brief(evaluate(LevelVersion("restricted", minor), {}, spec())) for minor in (7, 18, 21, 22, 99)] == [
        "runAsNonRoot != true",
        "allowPrivilegeEscalation != false, runAsNonRoot != true",
        "allowPrivilegeEscalation != false, runAsNonRoot != true, seccompProfile",
        *["allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, seccompProfile"] * 2]
    windows = spec(os={"name": "windows"})
    assert brief(evaluate(LevelVersion("restricted", 25), {}, windows)) == "runAsNonRoot != true"


def plugin(pods: Any = (), **modes: str) -> PodSecurity:
    entry = Entry("/registry/namespaces/ns", 1, b"{}")
    return PodSecurity(lambda name: entry, lambda namespace: labels(**modes), lambda name: list(pods), lambda: 0.0)


def test_pods_are_refused_makers_warned() -> None:
    """A deployment is stored all the same; what enforces warns too, but not of what is refused."""
    strict = plugin(enforce="restricted")
    attributes = request(pod(spec()))
    assert refusal(strict.validate, attributes).startswith('violates PodSecurity "restricted:latest": allowPriv')
    assert attributes.ctx.warnings == []
    made = request({"metadata": {}, "spec": {"template": {"spec": spec()}}},
                   resource=GroupVersionResource("apps", "v1", "deployments"))
    assert refusal(strict.validate, made) == ""
    assert [text.partition(" (")[0] for text in made.ctx.warnings] == [
        'would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false']
    warned = request(pod(spec()))
    assert refusal(plugin(enforce="baseline", warn="restricted:").validate, warned) == "" and not warned.ctx.warnings
    assert refusal(plugin().validate, request(pod(spec(hostPID=True)))) == ""


def test_updates_that_change_nothing_are_not_judged() -> None:
    """Only images and new ephemeral containers can make a difference."""
    strict = plugin(enforce="restricted")
    old = pod(spec())
    assert refusal(strict.validate, request(pod(spec(), labels={"a": "b"}), old)) == ""
    other = pod({"containers": [{"name": "c", "image": "other"}]})
    assert refusal(strict.validate, request(other, old)) != ""
    debug = pod({**spec(), "ephemeralContainers": [{"name": "d", "image": "i"}]})
    assert refusal(strict.validate, request(debug, old, subresource="ephemeralcontainers")) != ""


def namespace(new: Tree, old: Tree | None = None) -> Attributes:
    kind = GroupVersionResource("", "v1", "namespaces")
    trees = [None if found is None else {"metadata": {"name": "ns", "labels": found}} for found in (new, old)]
    return Attributes(Context(User("eve")), CREATE if old is None else UPDATE, GroupVersionKind("", "v1", "Namespace"),
                      kind, "", "ns", "ns", trees[0], trees[1], False)


def test_labels_of_namespaces() -> None:
    """Wrong ones are refused when they are new."""
    wrong = labels(enforce="strict")
    assert "must be one of privileged" in refusal(plugin().validate, namespace(wrong))
    assert refusal(plugin().validate, namespace({**wrong, "a": "b"}, wrong)) == ""
    assert "must be one of" in refusal(plugin().validate, namespace(wrong, {}))


def test_pods_that_are_there_are_warned_of() -> None:
    """When a stricter level comes: once for what they have in common, replicas after others."""
    owned = {"ownerReferences": [{"uid": "u", "controller": True}]}
    pods = [pod(spec(), **owned) | {"metadata": {"name": name, **owned}} for name in ("r2", "r1", "r3")]
    pods.append({"metadata": {"name": "h"}, "spec": spec(GOOD, hostPID=True)})
    attributes = namespace(labels(enforce="restricted"), {})
    assert refusal(plugin(pods).validate, attributes) == ""
    assert attributes.ctx.warnings == [
        'existing pods in namespace "ns" violate the new PodSecurity enforce level "restricted:latest"',
        "h: host namespaces",
        "r1 (and 2 other pods): allowPrivilegeEscalation != false, unrestricted capabilities, runAsNonRoot != true, "
        "seccompProfile"]
    relaxed = namespace(labels(enforce="baseline"), labels(enforce="restricted"))
    assert refusal(plugin(pods).validate, relaxed) == "" and not relaxed.ctx.warnings
