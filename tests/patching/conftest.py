"""A small kind for strategic merges, written out as the schema room would derive it from OpenAPI."""

from __future__ import annotations

import pytest
from merge_fields import MAP, SCALAR, Fields, items, member

from orlop.schema.interface import MergeSchema


@pytest.fixture(scope="session")
def deployment() -> MergeSchema:
    """The fields of a Deployment that the tests need, with upstream's strategies."""
    meta = Fields(
        "ObjectMeta", name=SCALAR, labels=MAP, annotations=MAP, finalizers=items(None, "", "merge")
    )
    env = Fields("EnvVar", name=SCALAR, value=SCALAR)
    port = Fields("ContainerPort", containerPort=SCALAR, name=SCALAR)
    container = Fields(
        "Container",
        name=SCALAR,
        image=SCALAR,
        args=items(None),
        env=items(env, "name", "merge"),
        ports=items(port, "containerPort", "merge"),
        resources=member(Fields("ResourceRequirements", limits=MAP)),
    )
    volume = Fields("Volume", name=SCALAR, emptyDir=member(None), configMap=member(None))
    pod = Fields(
        "PodSpec",
        containers=items(container, "name", "merge"),
        volumes=items(volume, "name", "merge", "retainKeys"),
        tolerations=items(Fields("Toleration", key=SCALAR)),
    )
    template = Fields("PodTemplateSpec", metadata=member(meta), spec=member(pod))
    rolling = member(Fields("RollingUpdateDeployment", maxSurge=SCALAR))
    strategy = Fields("DeploymentStrategy", type=SCALAR, rollingUpdate=rolling)
    spec = Fields(
        "DeploymentSpec",
        replicas=SCALAR,
        selector=member(Fields("LabelSelector", matchLabels=MAP), "replace"),
        strategy=member(strategy, "retainKeys"),
        template=member(template),
    )
    return Fields("Deployment", metadata=member(meta), spec=member(spec), data=member(None))
