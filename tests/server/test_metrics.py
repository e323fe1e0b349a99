"""/metrics: the names that scrapers need, in a form they can read, and no more series than there may be."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest

import orlop
from orlop.api.context import Context, RequestInfo
from orlop.api.http import Request
from orlop.server import exposition, metrics
from orlop.server.metrics import RequestMetrics
from orlop.world.clock import ManualClock

SAMPLE = re.compile(r'([a-z_:][a-z0-9_:]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\.)*",?)*)\})? (\S+)')


def samples(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """By name; fails on a line that is no sample and no comment, and on a family without its type."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    types: set[str] = set()
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            types.add(line.split()[2])
        if line.startswith("#"):
            continue
        match = SAMPLE.fullmatch(line)
        assert match, line
        assert {match[1], re.sub(r"_(bucket|sum|count)$", "", match[1])} & types, line
        labels = dict(re.findall(r'([a-z_]+)="((?:[^"\\]|\\.)*)"', match[2] or ""))
        found.setdefault(match[1], []).append((labels, float(match[3])))
    return found


def seen(path: str = "/api/v1/pods", resource: str = "pods", verb: str = "list", **info: str) -> Request:
    request = Request("GET", path)
    request.context = Context(info=RequestInfo(verb, path, "api", "", "v1", "", resource, **info))
    return request


def recorder(**known: bool) -> RequestMetrics:
    return RequestMetrics(ManualClock(), lambda info: known.get(info.resource, True))


def test_names_that_scrapers_need() -> None:
    """Those of kube-prometheus' rules and dashboards, with the labels that they group by."""

    async def scenario() -> dict[str, Any]:
        async with orlop.Server(listen=False) as server:
            application = server.running.application
            request = Request("GET", "/api/v1/pods", headers={"authorization": f"Bearer {server.token}"})
            application.handler(request)
            application.metrics.observe(request, 200, 1.0, 1.01, 100)
            reply = await server.request("GET", "/metrics")
            assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
            return samples(reply.body.decode())

    found = asyncio.run(scenario())
    labels = {"verb": "LIST", "group": "", "version": "v1", "resource": "pods", "subresource": "", "scope": "cluster",
              "component": "apiserver"}
    assert found["apiserver_request_total"] == [({**labels, "code": "200"}, 1)]
    for name in ("apiserver_request_duration_seconds", "apiserver_request_sli_duration_seconds"):
        assert found[f"{name}_count"] == [(labels, 1)] and len(found[f"{name}_bucket"]) == len(metrics.BUCKETS) + 1
    namespaces = ({"group": "", "resource": "namespaces"}, 4)
    assert namespaces in found["apiserver_resource_objects"]
    assert ({"resource": "clusterroles.rbac.authorization.k8s.io"}, 67) in found["apiserver_storage_objects"] or \
        any(labels["resource"].startswith("clusterroles.") for labels, _ in found["apiserver_storage_objects"])
    assert {labels["request_kind"] for labels, _ in found["apiserver_current_inflight_requests"]} == {
        "readOnly", "mutating"}
    for name in ("apiserver_longrunning_requests", "process_cpu_seconds_total", "process_resident_memory_bytes",
                 "process_start_time_seconds", "kubernetes_build_info"):
        assert name in found
    assert found["process_resident_memory_bytes"][0][1] > 1_000_000


def test_durations_are_cumulative() -> None:
    """Each bucket holds what is below it; the sum is the sum."""
    recorded = recorder()
    for duration in (0.001, 0.03, 0.03, 100.0):
        recorded.observe(seen(), 200, 5.0, 5.0 + duration, 0)
    found = samples(recorded.text())
    name = "apiserver_request_duration_seconds"
    counts = {labels["le"]: count for labels, count in found[f"{name}_bucket"]}
    assert [counts[edge] for edge in ("0.005", "0.025", "0.05", "60", "+Inf")] == [1, 1, 3, 3, 4]
    assert found[f"{name}_sum"][0][1] == pytest.approx(100.061)


def test_watches_have_no_duration() -> None:
    """They last as long as they like; they are counted all the same."""
    recorded = recorder()
    recorded.observe(seen(verb="watch"), 200, 0.0, 1000.0, 0)
    found = samples(recorded.text())
    assert found["apiserver_request_total"][0][0]["verb"] == "WATCH"
    assert "apiserver_request_duration_seconds_count" not in found


def test_unknown_resources_make_no_series() -> None:
    """Whatever is asked for: what is not served is counted without its name."""
    recorded = recorder(pods=True, **{f"x{number}": False for number in range(100)})
    for number in range(100):
        recorded.observe(seen(resource=f"x{number}"), 404, 0.0, 0.0, 0)
    recorded.observe(Request("GET", "/nothing"), 404, 0.0, 0.0, 0)
    recorded.observe(seen(), 200, 0.0, 0.0, 0)
    found = samples(recorded.text())["apiserver_request_total"]
    assert [(labels["verb"], labels["resource"], count) for labels, count in found] == [
        ("LIST", "", 100), ("GET", "", 1), ("LIST", "pods", 1)]


def test_series_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """At the limit new ones are counted together; known ones go on."""
    monkeypatch.setattr(metrics, "MAX_SERIES", 3)
    recorded = recorder()
    for resource in ("a", "b", "c", "d", "e", "a"):
        recorded.observe(seen(resource=resource), 200, 0.0, 0.0, 0)
    found = samples(recorded.text())["apiserver_request_total"]
    assert {labels["resource"]: count for labels, count in found} == {"a": 2, "b": 1, "c": 1, "other": 2}


def test_label_values_are_escaped() -> None:
    """Quotes, backslashes and line ends stay inside their label."""
    text = exposition.simple("a", "gauge", "about\nit", ("l",), [(('x"y\\z\n',), 1.5)])
    assert text == '# HELP a about\\nit\n# TYPE a gauge\na{l="x\\"y\\\\z\\n"} 1.5\n'
