"""pods/NAME/log: what a container has written, read from the kubelet.

Made by `pod_storage`. Checks the options, finds the container and the node; who reads is the `KubeletConnection`.
Behaviour and texts: kubernetes `pkg/registry/core/pod/rest/log.go`, LogLocation in `pod/strategy.go`,
ValidatePodLogOptions in `pkg/apis/core/validation`.
"""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, replace
from typing import Final

from orlop.api import errors, times
from orlop.api.context import Context
from orlop.api.field import Path, forbidden, invalid
from orlop.api.gotext import NumberError, parse_int64
from orlop.api.gvk import GroupKind
from orlop.api.http import Answer, Request, Response
from orlop.kinds.checks import NOT_NEGATIVE, NOT_POSITIVE, Errors
from orlop.kinds.kubelet import KubeletConnection, KubeletLocator, encode, unreachable_log
from orlop.kinds.pod_rules.spec import ROOT
from orlop.kinds.pod_target import container, find
from orlop.registry.store import Store

_KIND: Final = GroupKind("", "PodLogOptions")


@dataclass(frozen=True, slots=True)
class LogOptions:
    container: str
    follow: bool
    previous: bool
    timestamps: bool
    since_seconds: int | None
    since_time: times.Instant | None
    tail_lines: int | None
    limit_bytes: int | None
    stream: str | None

    @classmethod
    def parse(cls, request: Request) -> LogOptions:
        """Raises 400 with Go's words for what is no number or time."""
        return cls(
            container=request.parameter("container"), follow=flag(request, "follow"),
            previous=flag(request, "previous"), since_seconds=_number(request, "sinceSeconds"),
            since_time=_time(request, "sinceTime"), timestamps=flag(request, "timestamps"),
            tail_lines=_number(request, "tailLines"), limit_bytes=_number(request, "limitBytes"),
            stream=request.parameter("stream") if "stream" in request.parameters else None)

    def rules(self) -> Errors:
        found: Errors = []
        if self.tail_lines is not None and self.tail_lines < 0:
            found.append(invalid(Path("tailLines"), self.tail_lines, NOT_NEGATIVE))
        if self.limit_bytes is not None and self.limit_bytes < 1:
            found.append(invalid(Path("limitBytes"), self.limit_bytes, NOT_POSITIVE))
        if self.since_seconds is not None and self.since_time is not None:
            found.append(forbidden(ROOT, "at most one of `sinceTime` or `sinceSeconds` may be specified"))
        elif self.since_seconds is not None and self.since_seconds < 1:
            found.append(invalid(Path("sinceSeconds"), self.since_seconds, NOT_POSITIVE))
        if self.stream is not None:
            found.append(forbidden(Path("stream"), "may not be specified"))
        return found

    def query(self) -> str:
        """As the kubelet is asked."""
        sent = [(name, "true") for name, given in
                (("follow", self.follow), ("previous", self.previous), ("timestamps", self.timestamps)) if given]
        sent += [(name, str(number)) for name, number in
                 (("sinceSeconds", self.since_seconds), ("tailLines", self.tail_lines),
                  ("limitBytes", self.limit_bytes)) if number is not None]
        if self.since_time is not None:
            sent.append(("sinceTime", times.text(self.since_time)))
        return encode(sent)


def flag(request: Request, name: str) -> bool:
    """Anything but "0" and "false" is true, also ""."""
    values = request.parameters.get(name)
    return bool(values) and values[0] != "0" and values[0].lower() != "false" if values else False


def _number(request: Request, name: str) -> int | None:
    values = request.parameters.get(name)
    if not values:
        return None
    try:
        return parse_int64(values[0])
    except NumberError as error:
        raise errors.bad_request(str(error)) from None


def _time(request: Request, name: str) -> times.Instant | None:
    text = request.parameter(name)
    if not text or text == "null":
        return None
    try:
        return times.parse(text)
    except times.TimeError as error:
        raise errors.bad_request(str(error)) from None


class Logs:
    connect_methods = ("GET",)

    def __init__(self, pods: Store, locator: KubeletLocator, kubelet: KubeletConnection | None) -> None:
        self._pods, self._locator, self._kubelet = pods, locator, kubelet

    def connect(self, ctx: Context, name: str, path: str, request: Request) -> Answer | Awaitable[Answer]:
        options = LogOptions.parse(request)
        if found := options.rules():
            raise errors.invalid(_KIND, name, found)
        pod = find(self._pods, ctx, name)
        chosen = container(pod, options.container)
        node = (pod.get("spec") or {}).get("nodeName")
        if not node:
            return Response(204, b"", "")
        place = replace(self._locator.locate(ctx, node), query=options.query(),
                        path=f"/containerLogs/{ctx.namespace}/{name}/{chosen}")
        if self._kubelet is None:
            raise unreachable_log(place)
        return self._kubelet.read(place, request)
