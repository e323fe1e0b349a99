"""What a container says at its end: the file at its terminationMessagePath, or the last lines of its log.

Used by `process_runtime`. Nothing can be mounted, so the file is below the directory that stands for the container's
root, and ORLOP_TERMINATION_LOG names it. Behaviour: kubernetes `pkg/kubelet/kuberuntime/kuberuntime_container.go`
(getTerminationMessage), `pkg/kubelet/status/status_manager.go` (normalizeStatus).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from orlop.api.tree import Tree
from orlop.node.log import Log

VARIABLE: Final = "ORLOP_TERMINATION_LOG"
DEFAULT_PATH: Final = "/dev/termination-log"
FALL_BACK: Final = "FallbackToLogsOnError"
FILE_BYTES: Final = 4096
LOG_BYTES: Final = 2048
LOG_LINES: Final = 80
POD_BYTES: Final = 12 * 1024
"""What all containers of a pod may say, in equal parts."""


def make_file(container: Tree, root: Path) -> Path:
    """An empty one for the run that begins. Raises OSError."""
    parts = [part for part in Path(container.get("terminationMessagePath") or DEFAULT_PATH).parts if part != "/"]
    path = root.joinpath(*(part for part in parts if part != ".."))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def message_of(container: Tree, path: Path, code: int, log: Log, containers: int) -> str:
    """`containers`: how many the pod has."""
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - FILE_BYTES))
            written = file.read(FILE_BYTES)
    except FileNotFoundError:
        written = b""
    except OSError as error:
        return f"Error on reading termination log {path}: {error}"
    if not written and code != 0 and container.get("terminationMessagePolicy") == FALL_BACK:
        written = last_of(log)
    return written.decode(errors="replace")[:POD_BYTES // max(1, containers)]


def last_of(log: Log) -> bytes:
    """The end of what it wrote."""
    lines, _ = log.since(log.tail(LOG_LINES), LOG_LINES + 1)
    return b"".join(line.text + b"\n" * line.whole for line in lines)[-LOG_BYTES:]
