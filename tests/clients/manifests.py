"""The manifests of `tests/data/manifests`, and what kube-apiserver made of them.

A theme is a folder: its `definitions` go first, then everything else in order of the names. The recording of a theme
lies beside its folder, without what differs from server to server. To record anew, against a kube-apiserver 1.36 with
an empty etcd: `python tests/clients/manifests.py --server URL --token TOKEN --insecure-skip-tls-verify [THEME...]`
(any options that kubectl takes, then themes).
"""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml

Tree = dict[str, Any]
ROOT: Final = Path(__file__).parents[1] / "data" / "manifests"
THEMES: Final = sorted(path.name for path in ROOT.iterdir() if path.is_dir())
LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
TOKEN_VOLUME: Final = re.compile(r"kube-api-access-[a-z0-9]{5}")
UID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
VARYING: Final = frozenset({"uid", "resourceVersion", "clusterIP", "nodePort", "healthCheckNodePort"})
"""Fields whose values servers choose; where a manifest sets one of them, the comparison is of its presence."""
LATER: Final = frozenset({"APIService", "FlowSchema", "PriorityLevelConfiguration", "ServiceCIDR", "ResourceQuota",
                          "ValidatingAdmissionPolicy"})  # fmt: skip
"""Kinds whose status a controller inside the server writes, some time later."""


def recording(theme: str) -> Path:
    return ROOT / f"{theme}.golden.json.gz"


def recorded(theme: str) -> Tree:
    """What kube-apiserver had after kubectl applied the theme, in order of the files (`objects`), what kubectl
    said when it applied it `again`, the lines of the `diff` then, the `conflicts` of a server-side apply, what was
    warned of, and the objects after they were `forced` through."""
    golden: Tree = json.loads(gzip.decompress(recording(theme).read_bytes()))
    return golden


def folders(theme: str) -> list[Path]:
    """To apply one after the other."""
    return [path for path in (ROOT / theme / "definitions", ROOT / theme) if path.is_dir()]


def listed(text: str) -> list[Tree]:
    """The objects of kubectl's YAML, alone or in a list; none when kubectl stopped before it printed."""
    tree: Tree = yaml.load(text, yaml.CSafeLoader) or {"kind": "List", "items": []}
    items: list[Tree] = tree["items"] if tree["kind"] == "List" else [tree]
    return items


def comparable(tree: Tree) -> Tree:
    """Without what differs from server to server, or with time (as does the order of the entries of owners)."""
    tree = _masked(tree)
    entries = tree["metadata"].get("managedFields", [])
    entries.sort(key=lambda entry: (entry["manager"], entry["operation"], entry.get("subresource", "")))
    if tree["kind"] == "CertificateSigningRequest":
        for name in ("username", "uid", "groups", "extra"):
            tree["spec"].pop(name, None)
    tree["metadata"].get("annotations", {}).pop(LAST_APPLIED, None)
    if tree["kind"] in LATER:
        tree.pop("status", None)
        tree["metadata"]["managedFields"] = [entry for entry in entries if entry.get("subresource") != "status"]
    return tree


def changed(said: str) -> list[str]:
    """What kubectl says of objects, but for those that did not change."""
    return [line for line in said.splitlines() if not line.endswith((" unchanged", " serverside-applied"))]


def conflicts(said: str) -> list[str]:
    """The fields that others own, by kubectl's standard error."""
    lines = (line.removeprefix("error: ") for line in said.splitlines())
    return [line for line in lines if line.startswith(("- .", "Apply failed"))]


def warnings(said: str) -> list[str]:
    return sorted(line for line in said.splitlines() if line.startswith("Warning:"))


def differences(said: str) -> list[str]:
    """What lines kubectl diff found to differ."""
    return [str(_masked(line)) for line in said.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]


def _masked(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _masked(member, name) for name, member in value.items()}
    if isinstance(value, list):
        return [_masked(each, key) for each in value]
    if key in VARYING and value != "None":
        return "VARIES"
    if key == "clusterIPs" and value != "None":
        return "VARIES"
    if not isinstance(value, str):
        return value
    return TOKEN_VOLUME.sub("kube-api-access-X", UID.sub("UID", TIME.sub("TIME", value)))


Said = tuple[int, str, str]
"""Exit code, standard output, standard error."""


def played(theme: str, kubectl: Callable[..., Said]) -> Tree:
    """What `recorded` describes, now. `kubectl` runs it; it may end with one of `codes`."""
    everything = [word for folder in folders(theme) for word in ("-f", str(folder))]
    objects, warned = [], []
    for folder in folders(theme):
        warned += warnings(kubectl("apply", "-f", str(folder))[2])
        if folder.name == "definitions":
            kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", str(folder))
        objects += listed(kubectl("get", "--show-managed-fields", "-o", "yaml", "-f", str(folder))[1])
    again = changed(kubectl("apply", *everything)[1])
    found = differences(kubectl("diff", *everything, codes=(0, 1))[1])
    refused = conflicts(kubectl("apply", "--server-side", *everything, codes=(0, 1))[2])
    forced = listed(kubectl("apply", "--server-side", "--force-conflicts", "--show-managed-fields", "-o", "yaml",
                            *everything, codes=(0, 1))[1])  # fmt: skip
    return {"objects": [comparable(each) for each in objects], "again": again, "diff": found, "conflicts": refused,
            "warnings": warned, "forced": [comparable(each) for each in forced]}  # fmt: skip


def _record(options: list[str], themes: list[str]) -> None:
    def kubectl(*arguments: str, codes: tuple[int, ...] = (0,)) -> Said:
        done = subprocess.run(["kubectl", *options, *arguments], capture_output=True, text=True)
        if done.returncode not in codes:
            sys.exit(f"kubectl {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done.returncode, done.stdout, done.stderr

    for theme in themes:
        body = json.dumps(played(theme, kubectl), separators=(",", ":"), sort_keys=True)
        recording(theme).write_bytes(gzip.compress(body.encode(), mtime=0))


if __name__ == "__main__":
    given = sys.argv[1:]
    chosen = [word for word in given if word in THEMES]
    _record([word for word in given if word not in THEMES], chosen or THEMES)
