"""Metrics as text: the format that Prometheus and everything like it scrape.

Called by `metrics` at scrape time only. Format: Prometheus text exposition 0.0.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def _labels(names: Sequence[str], values: Sequence[str], extra: str = "") -> str:
    pairs = [f'{name}="{value.translate(_ESCAPES)}"' for name, value in zip(names, values, strict=True)]
    if extra:
        pairs.append(extra)
    return "{" + ",".join(pairs) + "}" if pairs else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _head(name: str, kind: str, about: str) -> str:
    text = about.replace("\\", r"\\").replace("\n", r"\n")
    return f"# HELP {name} {text}\n# TYPE {name} {kind}\n"


def simple(name: str, kind: str, about: str, labels: Sequence[str],
           samples: Iterable[tuple[Sequence[str], float]]) -> str:
    """A counter or a gauge."""
    lines = [f"{name}{_labels(labels, values)} {_number(value)}\n" for values, value in samples]
    return _head(name, kind, about) + "".join(lines)


def histogram(name: str, about: str, labels: Sequence[str], bounds: Sequence[float],
              samples: Mapping[tuple[str, ...], Sequence[float]]) -> str:
    """`samples`: per label values the count of each bucket, of those beyond all bounds, and the sum."""
    lines = [_head(name, "histogram", about)]
    edges = [*map(_number, bounds), "+Inf"]
    for values, figures in samples.items():
        running = 0.0
        for edge, count in zip(edges, figures, strict=False):
            running += count
            le = f'le="{edge}"'
            lines.append(f"{name}_bucket{_labels(labels, values, le)} {_number(running)}\n")
        lines.append(f"{name}_sum{_labels(labels, values)} {_number(figures[-1])}\n")
        lines.append(f"{name}_count{_labels(labels, values)} {_number(running)}\n")
    return "".join(lines)
