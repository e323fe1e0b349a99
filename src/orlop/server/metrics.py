"""/metrics under the names people scrape (apiserver `endpoints/metrics`, `storage/etcd3/metrics` and process basics).

`RequestMetrics.observe` is the listener's observer and must stay cheap: two dictionary steps and a bisection. Text is
made at scrape time, by `exposition`.
"""

from __future__ import annotations

import os
import resource as process_resource
from bisect import bisect_left
from collections.abc import Callable, Iterator
from pathlib import Path

from orlop.api.context import RequestInfo
from orlop.api.http import Request, Response
from orlop.server import exposition
from orlop.world.clock import Clock

BUCKETS = (0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2, 3, 4, 5, 6, 8, 10, 15, 20, 30, 45, 60)
MAX_SERIES = 20_000
"""Label combinations counted; further ones are put together under the resource "other"."""
_VERBS = {"get": "GET", "list": "LIST", "watch": "WATCH", "create": "POST", "update": "PUT", "patch": "PATCH",
          "delete": "DELETE", "deletecollection": "DELETECOLLECTION"}
_LABELS = ("verb", "group", "version", "resource", "subresource", "scope", "component")
_COMPONENT = "apiserver"
Series = tuple[str, str, str, str, str, str, str]
Gauge = Callable[[], dict[tuple[str, ...], float]]


class RequestMetrics:
    """Counts and durations by verb, group, version, resource, subresource and scope; codes beside them.

    `knows` says whether a resource is served: paths that name others are counted without it, or anybody could make
    series without end.
    """

    def __init__(self, clock: Clock, knows: Callable[[RequestInfo], bool]) -> None:
        self._started, self._knows = clock.now(), knows
        self._counts: dict[tuple[Series, int], int] = {}
        self._durations: dict[tuple[str, ...], list[float]] = {}
        self._gauges: list[tuple[str, str, tuple[str, ...], Gauge]] = []

    def gauge(self, name: str, about: str, labels: tuple[str, ...], read: Gauge) -> None:
        """A figure read at scrape time: values by label values."""
        self._gauges.append((name, about, labels, read))

    def observe(self, request: Request, status: int, start: float, end: float, size: int) -> None:
        context = getattr(request, "context", None)
        if context is None or not context.info.resource:
            series: Series = (request.method, "", "", "", "", "", _COMPONENT)
        else:
            info = context.info
            scope = "resource" if info.name else "namespace" if info.namespace else "cluster"
            verb = _VERBS.get(info.verb, info.verb)
            series = (verb, info.group, info.version, info.resource, info.subresource, scope, _COMPONENT)
        counted = (series, status)
        known = self._counts.get(counted)
        if known is None:
            series = self._admitted(series, context.info if context is not None else None)
            counted = (series, status)
            known = self._counts.get(counted, 0)
        self._counts[counted] = known + 1
        if series[0] == "WATCH":
            return
        buckets = self._durations.get(series)
        if buckets is None:
            buckets = self._durations[series] = [0.0] * (len(BUCKETS) + 2)
        duration = end - start
        buckets[bisect_left(BUCKETS, duration)] += 1
        buckets[-1] += duration

    def _admitted(self, series: Series, info: RequestInfo | None) -> Series:
        """The series under which something new is counted."""
        if info is not None and info.resource and not self._knows(info):
            series = (series[0], "", "", "", "", "", _COMPONENT)
        if len(self._counts) >= MAX_SERIES:
            return series[0], "", "", "other", "", "", _COMPONENT
        return series

    def text(self) -> str:
        return "".join((*self._requests(), *self._read_gauges(), *self._process()))

    def _requests(self) -> Iterator[str]:
        yield exposition.simple(
            "apiserver_request_total", "counter",
            "Counter of apiserver requests broken out for each verb, group, version, resource, scope, component, and "
            "HTTP response code.", (*_LABELS, "code"),
            [((*series, str(status)), count) for (series, status), count in self._counts.items()])
        yield exposition.histogram(
            "apiserver_request_duration_seconds",
            "Response latency distribution in seconds for each verb, group, version, resource, subresource, scope and "
            "component.", _LABELS, BUCKETS, self._durations)
        yield exposition.histogram(
            "apiserver_request_sli_duration_seconds",
            "Response latency distribution (not counting webhook duration and priority & fairness queue wait times) in "
            "seconds for each verb, group, version, resource, subresource, scope and component.", _LABELS, BUCKETS,
            self._durations)

    def _read_gauges(self) -> Iterator[str]:
        for name, about, labels, read in self._gauges:
            yield exposition.simple(name, "gauge", about, labels, list(read().items()))

    def _process(self) -> Iterator[str]:
        usage = process_resource.getrusage(process_resource.RUSAGE_SELF)
        for name, kind, about, value in (
            ("process_cpu_seconds_total", "counter", "Total user and system CPU time spent in seconds.",
             usage.ru_utime + usage.ru_stime),
            ("process_resident_memory_bytes", "gauge", "Resident memory size in bytes.", resident()),
            ("process_start_time_seconds", "gauge", "Start time of the process since unix epoch in seconds.",
             self._started),
        ):
            yield exposition.simple(name, kind, about, (), [((), value)])

    def serve(self, request: Request) -> Response:
        return Response(200, self.text().encode(), exposition.CONTENT_TYPE)


def resident() -> float:
    """Bytes of memory this process holds, 0 where the system does not tell."""
    try:
        pages = Path("/proc/self/statm").read_bytes().split()[1]
    except OSError:
        return 0.0
    return float(pages) * os.sysconf("SC_PAGE_SIZE")
