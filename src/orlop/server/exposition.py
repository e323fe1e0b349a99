"""Metrics as text: the format that Prometheus and everything like it scrape, written by prometheus_client.

Called by `metrics` at scrape time only; the library is imported then, because start-up does not need it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from prometheus_client.core import Metric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"


class _One:
    """A registry of one family, as `generate_latest` asks for it."""

    def __init__(self, family: Metric) -> None:
        self._family = family

    def collect(self) -> Iterable[Metric]:
        return (self._family,)


def _text(family: Metric) -> str:
    from prometheus_client.exposition import generate_latest

    return generate_latest(_One(family)).decode()


def simple(name: str, kind: str, about: str, labels: Sequence[str],
           samples: Iterable[tuple[Sequence[str], float]]) -> str:
    """A counter or a gauge."""
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    made = CounterMetricFamily if kind == "counter" else GaugeMetricFamily
    family = made(name, about, labels=list(labels))
    for values, value in samples:
        family.add_metric(list(values), value)
    return _text(family)


def histogram(name: str, about: str, labels: Sequence[str], bounds: Sequence[float],
              samples: Mapping[tuple[str, ...], Sequence[float]]) -> str:
    """`samples`: per label values the count of each bucket, of those beyond all bounds, and the sum."""
    from prometheus_client.core import HistogramMetricFamily

    family = HistogramMetricFamily(name, about, labels=list(labels))
    edges = [*map(str, bounds), "+Inf"]
    for values, figures in samples.items():
        running, buckets = 0.0, []
        for edge, count in zip(edges, figures, strict=False):
            running += count
            buckets.append((edge, running))
        family.add_metric(list(values), buckets, figures[-1])
    return _text(family)
