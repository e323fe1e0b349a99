"""What a pod may not say, and in which words it is refused."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kind_bench import Kind, Tree, copied
from odd_objects import odd

from orlop.api.context import Context
from orlop.kinds.pod import PodStrategy
from orlop.kinds.pod_rules import containers
from orlop.schema.kind import KindSchema

CONTAINER = {"name": "c", "image": "i:1"}
LABEL = ("a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
         "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
         "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')")
MORE_THAN_ONE = "may not specify more than 1 volume type"


def refused(**members: Any) -> list[str]:
    return Kind("pods").refused(spec={"containers": [CONTAINER], **members})


def refused_container(**members: Any) -> list[str]:
    place = "spec.containers[0]."
    return [text.removeprefix(place) for text in refused(containers=[{**CONTAINER, **members}])]


def test_a_pod_needs_a_container() -> None:
    """The least of all rules."""
    assert Kind("pods").refused(spec={}) == ["spec.containers: Required value"]


@pytest.mark.parametrize(("members", "wrong"), [
    ({"name": "A"}, [f'name: Invalid value: "A": {LABEL}']),
    ({"image": ""}, ["image: Required value"]),
    ({"image": " i"}, ['image: Invalid value: " i": must not have leading or trailing whitespace']),
    ({"terminationMessagePolicy": "x"},
     ['terminationMessagePolicy: Unsupported value: "x": supported values: "File", "FallbackToLogsOnError"']),
    ({"imagePullPolicy": "x"},
     ['imagePullPolicy: Unsupported value: "x": supported values: "Always", "IfNotPresent", "Never"']),
    ({"ports": [{"containerPort": 0}]}, ["ports[0].containerPort: Required value"]),
    ({"ports": [{"containerPort": 80, "hostPort": 70000, "protocol": "x"}]},
     ["ports[0].hostPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
      'ports[0].protocol: Unsupported value: "x": supported values: "SCTP", "TCP", "UDP"']),
    ({"ports": [{"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 80}]},
     ['ports[1].hostPort: Duplicate value: "TCP//80"']),
    ({"env": [{"name": ""}, {"name": "A=B"}]},
     ["env[0].name: Required value",
      'env[1].name: Invalid value: "A=B": a valid environment variable name must consist only of printable ASCII '
      "characters other than '='"]),
    ({"env": [{"name": "A", "valueFrom": {}}]},
     ['env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, '
      "`secretKeyRef` or `fileKeyRef`"]),
    ({"envFrom": [{}]}, ['envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`']),
    ({"volumeMounts": [{"name": "v", "mountPath": ""}]},
     ['volumeMounts[0].name: Not found: "v"', "volumeMounts[0].mountPath: Required value"]),
    ({"livenessProbe": {}}, ["livenessProbe: Required value: must specify a handler type"]),
    ({"livenessProbe": {"exec": {"command": ["x"]}, "successThreshold": 2}},
     ["livenessProbe.successThreshold: Invalid value: 2: must be 1"]),
    ({"readinessProbe": {"exec": {}, "tcpSocket": {"port": 1}}},
     ["readinessProbe.exec.command: Required value",
      "readinessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type"]),
    ({"resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "2"}}},
     ['resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1']),
    ({"resources": {"limits": {"memory": "-1"}}},
     ['resources.limits[memory]: Invalid value: "-1": must be greater than or equal to 0',
      'resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0']),
    ({"resources": {"requests": {"example.com/gpu": "1"}}},
     ["resources.limits: Required value: Limit must be set for non overcommitable resources"]),
    ({"resizePolicy": [{"resourceName": "disk", "restartPolicy": "Nope"}]},
     ['resizePolicy: Unsupported value: "disk": supported values: "cpu", "memory"',
      'resizePolicy: Unsupported value: "Nope": supported values: "NotRequired", "RestartContainer"']),
    ({"restartPolicyRules": [{"action": "Stop"}]},
     ["restartPolicy: Required value: must specify restartPolicy when restart rules are used",
      'restartPolicyRules[0].action: Unsupported value: "Stop": supported values: "Restart", "RestartAllContainers"',
      "restartPolicyRules[0].exitCodes: Required value: must be specified"]),
    ({"securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"add": ["CAP_SYS_ADMIN"]},
                          "runAsUser": -1}},
     ["securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
      'securityContext: Invalid value: {"Capabilities":{"Add":["CAP_SYS_ADMIN"],"Drop":null},"Privileged":null,'
      '"SELinuxOptions":null,"WindowsOptions":null,"RunAsUser":-1,"RunAsGroup":null,"RunAsNonRoot":null,'
      '"ReadOnlyRootFilesystem":null,"AllowPrivilegeEscalation":false,"ProcMount":null,"SeccompProfile":null,'
      '"AppArmorProfile":null}: cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN']),
])
def test_rules_of_containers(members: Tree, wrong: list[str]) -> None:
    """One member wrong at a time."""
    assert refused_container(**members) == wrong


@pytest.mark.parametrize(("volume", "wrong"), [
    ({"emptyDir": {}, "hostPath": {"path": "/x"}}, [f"hostPath: Forbidden: {MORE_THAN_ONE}"]),
    ({"emptyDir": {}, "cephfs": {"monitors": ["m"]}}, [f"cephFS: Forbidden: {MORE_THAN_ONE}"]),
    ({"hostPath": {"path": "/a/../b", "type": "x"}},
     ['hostPath.path: Invalid value: "/a/../b": must not contain \'..\'',
      'hostPath.type: Unsupported value: "x": supported values: "", "BlockDevice", "CharDevice", "Directory", '
      '"DirectoryOrCreate", "File", "FileOrCreate", "Socket"']),
    ({"secret": {"defaultMode": 1024}},
     ["secret.secretName: Required value",
      "secret.defaultMode: Invalid value: 1024: must be a number between 0 and 0777 (octal), both inclusive"]),
    ({"configMap": {"name": "c", "items": [{"key": "k", "path": "../x"}]}},
     ['configMap.items[0].path: Invalid value: "../x": must not contain \'..\'']),
    ({"nfs": {"path": "x"}},
     ["nfs.server: Required value", 'nfs.path: Invalid value: "x": must be an absolute path']),
    ({"csi": {}}, ["csi.driver: Required value"]),
    ({"persistentVolumeClaim": {}}, ["persistentVolumeClaim.claimName: Required value"]),
    ({"ephemeral": {"volumeClaimTemplate": {"spec": {}}}},
     ["ephemeral.volumeClaimTemplate.spec.accessModes: Required value: at least 1 access mode is required",
      "ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value"]),
    ({"projected": {"sources": [{"secret": {"name": "a", "items": [{"key": "k", "path": "p"}]}},
                                {"configMap": {"name": "b", "items": [{"key": "k", "path": "p"}]}}]}},
     ['projected: Invalid value: "b": conflicting duplicate paths']),
    ({"image": {}}, ["image.reference: Required value"]),
    ({"iscsi": {"targetPortal": "p", "iqn": "iqn.x", "lun": 300}},
     ['iscsi.iqn: Invalid value: "iqn.x": must be valid format',
      "iscsi.lun: Invalid value: 300: must be between 0 and 255, inclusive"]),
])
def test_rules_of_volumes(volume: Tree, wrong: list[str]) -> None:
    """One source wrong at a time; some are misnamed upstream, and so here."""
    place = "spec.volumes[0]."
    assert [text.removeprefix(place) for text in refused(volumes=[{"name": "v", **volume}])] == wrong


@pytest.mark.parametrize(("members", "wrong"), [
    ({"restartPolicy": "x"},
     ['spec.restartPolicy: Unsupported value: "x": supported values: "Always", "OnFailure", "Never"']),
    ({"dnsPolicy": "None"}, ["spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"]),
    ({"activeDeadlineSeconds": 0},
     ["spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive"]),
    ({"tolerations": [{"operator": "Equal"}]},
     ['spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when `key` is empty, which means '
      '"match all values and all keys"']),
    ({"tolerations": [{"key": "a", "operator": "Lt"}]},
     ['spec.tolerations[0].operator: Unsupported value: "Lt": supported values: "Equal", "Exists", "Lt", "Gt"']),
    ({"schedulingGates": [{"name": "a"}, {"name": "a"}]}, ['spec.schedulingGates[1]: Duplicate value: "a"']),
    ({"schedulingGates": [{"name": "a"}], "nodeName": "n"},
     ["spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared"]),
    ({"ephemeralContainers": [{"name": "e", "image": "i"}]},
     ["spec.ephemeralContainers: Forbidden: cannot be set on create"]),
    ({"hostUsers": False, "hostPID": True}, ["spec.HostPID: Forbidden: when `hostUsers` is false"]),
    ({"topologySpreadConstraints": [{"maxSkew": 0, "topologyKey": "", "whenUnsatisfiable": "x", "labelSelector": {}}]},
     ["spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero",
      "spec.topologySpreadConstraints[0].topologyKey: Required value: can not be empty",
      'spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: "x": supported values: '
      '"DoNotSchedule", "ScheduleAnyway"']),
    ({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}},
     ["spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: "
      "must have at least one node selector term"]),
    ({"os": {"name": "windows"}, "hostPID": True}, ["spec.hostPID: Forbidden: cannot be set for a windows pod"]),
    ({"securityContext": {"sysctls": [{"name": "net.x", "value": "1"}]}, "hostNetwork": True},
     ['spec.securityContext.sysctls[0].name: Invalid value: "net.x": may not be specified when \'hostNetwork\' is '
      "true"]),
    ({"resourceClaims": [{"name": "r"}]},
     ['spec.resourceClaims[0]: Invalid value: {"Name":"r","ResourceClaimName":null,"ResourceClaimTemplateName":null}: '
      "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"]),
    ({"hostAliases": [{"ip": "010.0.0.1"}]},
     ['spec.hostAliases[0].ip: Invalid value: "010.0.0.1": must not have leading 0s']),
])
def test_rules_of_specs(members: Tree, wrong: list[str]) -> None:
    """One member wrong at a time."""
    assert refused(**members) == wrong


def test_names_are_unique_among_all_containers() -> None:
    """Init containers are told apart from regular ones, too."""
    assert refused(containers=[CONTAINER, CONTAINER]) == ['spec.containers[1].name: Duplicate value: "c"']
    assert refused(initContainers=[CONTAINER]) == ['spec.initContainers[0].name: Duplicate value: "c"']


def test_only_sidecars_have_probes() -> None:
    """Among init containers."""
    early = {**CONTAINER, "name": "i", "livenessProbe": {"exec": {"command": ["x"]}}}
    text = ("spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without "
            "restartPolicy=Always")
    assert refused(initContainers=[early]) == [text]
    assert refused(initContainers=[{**early, "restartPolicy": "Always"}]) == []


def test_annotations_and_fields_of_profiles_agree() -> None:
    """On creation; AppArmor annotations become fields first."""
    key = "container.seccomp.security.alpha.kubernetes.io/c"
    spec = {"containers": [{**CONTAINER, "securityContext": {"seccompProfile": {"type": "Unconfined"}}}]}
    wrong = Kind("pods").refused(metadata={"name": "x", "annotations": {key: "runtime/default"}}, spec=spec)
    assert wrong == ["spec.containers[0].securityContext.seccompProfile.type: Forbidden: seccomp type in annotation "
                     "and field must match"]


def test_a_remembered_container_is_still_checked_against_its_pod() -> None:
    """What is remembered of it does not include volumes and names."""
    good = {**CONTAINER, "name": "remembered", "volumeMounts": [{"name": "v", "mountPath": "/v"}]}
    volume = [{"name": "v", "emptyDir": {}}]
    assert refused(containers=[good], volumes=volume) == []
    assert refused(containers=[good]) == ['spec.containers[0].volumeMounts[0].name: Not found: "v"']
    assert refused(containers=[good, good], volumes=volume) == [
        'spec.containers[1].name: Duplicate value: "remembered"']
    never = {**good, "resizePolicy": [{"resourceName": "cpu", "restartPolicy": "RestartContainer"}]}
    assert refused(containers=[never], volumes=volume) == []
    assert refused(containers=[never], volumes=volume, restartPolicy="Never") == [
        'spec.containers[0].resizePolicy: Invalid value: "RestartContainer": must be \'NotRequired\' when pod '
        "`restartPolicy` is 'Never'"]
    assert len(containers._regular_known) > 0


@given(st.integers(0, 2**32))
def test_no_pod_is_too_odd_to_be_judged(seed: int) -> None:
    """Whatever decodes gets an answer, a list of complaints, and no complaint breaks when it is printed."""
    kind = Kind("pods")
    strategy = kind.strategy()
    assert isinstance(strategy, PodStrategy) and isinstance(kind.schema, KindSchema)
    chance, spec = Random(seed), kind.schema.type.fields["spec"].type
    pods = [kind.decoded({"spec": odd(spec, chance)}) for _ in range(2)]
    old = copied(pods[0])
    strategy.prepare_for_create(Context(), pods[0])
    found = strategy.validate(Context(), pods[0])
    strategy.warnings_on_create(Context(), pods[0])
    for room in ("", "status", "ephemeralcontainers", "resize"):
        rules, new, before = kind.strategy(room), copied(pods[1]), copied(old)
        rules.prepare_for_update(Context(), new, before)
        found += rules.validate_update(Context(), new, before)
        assert before == old, "the stored pod was changed"
    assert all(error.cause()["message"] for error in found)
