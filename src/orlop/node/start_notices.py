"""What is told of a container's start, and of why it could not be. Pure; used by `agent`.

Texts: kubernetes `pkg/kubelet/images/image_manager.go`, `pkg/kubelet/kuberuntime/kuberuntime_container.go`
(startContainer), `pkg/volume/util/operationexecutor`.
"""

from __future__ import annotations

from collections.abc import Iterator

from orlop.api.field import quote
from orlop.node.container import Container
from orlop.node.ending import NORMAL, WARNING, Notice
from orlop.node.runtime import MOUNT_ERROR, PULL_ERROR, RUN_ERROR, StartFailure


def told_of_start(container: Container) -> Iterator[Notice]:
    yield from _told_of_making(container)
    yield Notice(container, NORMAL, "Started", "Container started")


def told_of_failure(container: Container, failure: StartFailure) -> Iterator[Notice]:
    """That a volume is not there is told of the pod."""
    text = failure.message
    if failure.reason == MOUNT_ERROR:
        yield Notice(None, WARNING, MOUNT_ERROR, text)
        return
    if failure.reason == RUN_ERROR:
        yield from _told_of_making(container)
    elif failure.reason == PULL_ERROR:
        image, text = quote(container.image), PULL_ERROR
        yield Notice(container, NORMAL, "Pulling", f"Pulling image {image}")
        yield Notice(container, WARNING, "Failed", f"Failed to pull image {image}: {failure.message}")
    yield Notice(container, WARNING, "Failed", f"Error: {text}")


def _told_of_making(container: Container) -> Iterator[Notice]:
    if image := container.image:
        text = f"Container image {quote(image)} already present on machine and can be accessed by the pod"
        yield Notice(container, NORMAL, "Pulled", text)
    yield Notice(container, NORMAL, "Created", "Container created")
