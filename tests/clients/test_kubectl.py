"""kubectl, command by command, against a real server: what scripts and people rely on.

Whole sessions as recorded are in `test_transcripts`, the documented first minutes in `test_docs`; here each test is
about one command.
"""

from __future__ import annotations

import json
import queue
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest

from kubectl_command import Kubectl

pytestmark = pytest.mark.xdist_group("kubectl")

SHOP = (Path(__file__).parent.parent / "data" / "kubectl" / "manifests" / "shop.yaml").read_text()
SECONDS = 40.0
"""The longest wait for kubectl in the background: above the time-outs that it is given."""
CONFIG_MAP = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {k: v}\n"
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: web, image: "registry.example/web:1", ports: [{containerPort: 80}]}
      - {name: side, image: "registry.example/side:1"}
"""


class In:
    """kubectl within one namespace."""

    def __init__(self, kubectl: Kubectl, namespace: str) -> None:
        self.kubectl, self.namespace = kubectl, namespace

    def __call__(self, *arguments: str, **more: Any) -> str:
        """Run; what it printed. `ok=False` lets it fail and gives standard error too."""
        said = self.kubectl("-n", self.namespace, *arguments, **more)
        return said.out + ("" if more.get("ok", True) else said.err)

    def json(self, *arguments: str) -> Any:
        return json.loads(self("get", *arguments, "-o", "json"))


@pytest.fixture
def run(kubectl: Kubectl, namespace: str) -> In:
    """kubectl in a namespace of the test's own."""
    return In(kubectl, namespace)


def test_create_get_delete(run: In) -> None:
    """What create makes, get shows in every output format and delete removes."""
    assert run("create", "-f", "-", stdin=CONFIG_MAP) == "configmap/a created\n"
    assert "AlreadyExists" in run("create", "-f", "-", stdin=CONFIG_MAP, ok=False)
    assert run.json("configmap", "a")["data"] == {"k": "v"}
    assert "k: v" in run("get", "cm/a", "-o", "yaml")
    assert run("get", "configmaps", "a", "-o", "jsonpath={.data.k}") == "v"
    assert run("get", "cm", "--field-selector", "metadata.name=a", "-o", "name") == "configmap/a\n"
    assert run("get", "cm", "a", "-o", "custom-columns=N:.metadata.name", "--no-headers") == "a\n"
    assert run("get", "cm", "a", "--no-headers").split()[:2] == ["a", "1"]
    assert run("delete", "configmap", "a") == 'configmap "a" deleted\n'
    assert 'configmaps "a" not found' in run("get", "configmap", "a", ok=False)


def test_describe(run: In) -> None:
    """Describe finds everything that it puts together."""
    run("create", "-f", "-", stdin=DEPLOYMENT)
    text = run("describe", "deployment", "web")
    assert "2 desired | 0 updated | 0 total | 0 available | 0 unavailable" in text
    assert "registry.example/web:1" in text
    assert "25% max unavailable, 25% max surge" in text
    run("create", "service", "clusterip", "web", "--tcp=80")
    assert "80/TCP" in run("describe", "service", "web")


def test_apply(run: In) -> None:
    """Client-side apply creates, sees that nothing changed, changes, and removes what its manifest no longer has."""
    assert run("apply", "-f", "-", stdin=DEPLOYMENT) == "deployment.apps/web created\n"
    assert run("apply", "-f", "-", stdin=DEPLOYMENT) == "deployment.apps/web unchanged\n"
    run("scale", "deployment/web", "--replicas=7")
    without_side = DEPLOYMENT.replace('      - {name: side, image: "registry.example/side:1"}\n', "")
    changed = without_side.replace("web:1", "web:2").replace("  replicas: 2\n", "")
    assert run("apply", "-f", "-", stdin=changed) == "deployment.apps/web configured\n"
    spec = run.json("deployment", "web")["spec"]
    assert [c["image"] for c in spec["template"]["spec"]["containers"]] == ["registry.example/web:2"]
    assert spec["replicas"] == 1


def test_apply_an_application(run: In) -> None:
    """A whole application goes in with one apply, unchanged by the second, and out with one delete."""
    manifest = SHOP.replace("namespace: shop", f"namespace: {run.namespace}").partition("---\n")[2]
    first = run("apply", "-f", "-", stdin=manifest).splitlines()
    assert len(first) == 13
    assert all(line.endswith(" created") for line in first)
    again = run("apply", "-f", "-", stdin=manifest).splitlines()
    assert "deployment.apps/web unchanged" in again
    assert "service/web unchanged" in again
    gone = run("delete", "-f", "-", stdin=manifest).splitlines()
    assert len(gone) == 13


def test_edit(run: In, tmp_path: Path) -> None:
    """Edit sends what the editor changed; an editor that changes nothing cancels."""
    run("create", "-f", "-", stdin=CONFIG_MAP)
    editor = tmp_path / "editor"
    editor.write_text("#!/bin/sh\nsed -i 's/k: v/k: edited/' \"$1\"\n")
    editor.chmod(0o755)
    assert run("edit", "configmap", "a", KUBE_EDITOR=str(editor)) == "configmap/a edited\n"
    assert run.json("cm", "a")["data"] == {"k": "edited"}
    assert "Edit cancelled" in run("edit", "configmap", "a", ok=False)


def test_patch(run: In) -> None:
    """The three patch types do to a list of containers what each is for."""
    run("create", "-f", "-", stdin=DEPLOYMENT)

    def containers(kind: str, patch: Any) -> list[str]:
        run("patch", "deployment", "web", "--type", kind, "-p", json.dumps(patch))
        found = run.json("deployment", "web")["spec"]["template"]["spec"]["containers"]
        return [f"{c['name']}={c['image'].partition('/')[2]}" for c in found]

    both = {"spec": {"template": {"spec": {"containers": [{"name": "side", "image": "registry.example/side:2"}]}}}}
    assert containers("strategic", both) == ["web=web:1", "side=side:2"] or containers("strategic", both) == [
        "side=side:2", "web=web:1"]  # fmt: skip
    path = "/spec/template/spec/containers/0/image"
    assert "new:1" in containers("json", [{"op": "replace", "path": path, "value": "registry.example/new:1"}])[0]
    assert containers("merge", both) == ["side=side:2"]
    assert "deployment.apps/web patched (no change)" in run(
        "patch", "deployment", "web", "--type=merge", "-p", json.dumps(both))  # fmt: skip


def test_label_and_annotate(run: In) -> None:
    """Labels and annotations are set, selected by, protected from overwriting, and removed."""
    run("create", "-f", "-", stdin=CONFIG_MAP)
    assert run("label", "configmap", "a", "season=summer") == "configmap/a labeled\n"
    assert "already has a value" in run("label", "configmap", "a", "season=winter", ok=False)
    run("label", "--overwrite", "configmap", "a", "season=winter")
    assert run("get", "cm", "-l", "season in (winter)", "-o", "name") == "configmap/a\n"
    assert run("annotate", "configmap", "a", "note=hello") == "configmap/a annotated\n"
    assert run.json("cm", "a")["metadata"]["annotations"] == {"note": "hello"}
    assert run("label", "configmap", "a", "season-") == "configmap/a unlabeled\n"
    assert "labels" not in run.json("cm", "a")["metadata"]


def test_scale(run: In) -> None:
    """Scale changes the replicas, and only when the current number is as expected."""
    run("create", "-f", "-", stdin=DEPLOYMENT)
    assert run("scale", "deployment", "web", "--replicas=4") == "deployment.apps/web scaled\n"
    assert run.json("deployment", "web")["spec"]["replicas"] == 4
    assert "Expected replicas to be 1, was 4" in run(
        "scale", "deployment", "web", "--current-replicas=1", "--replicas=9", ok=False)  # fmt: skip


class Background:
    """kubectl running beside the test; it is gone when the block ends."""

    def __init__(self, run: In, *arguments: str) -> None:
        kubectl = run.kubectl
        self.process = subprocess.Popen([kubectl.program, "-n", run.namespace, *arguments], text=True,
                                        env=kubectl.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        stdin=subprocess.DEVNULL)  # fmt: skip
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)

    def line(self) -> str:
        """The next line it prints."""
        try:
            return self._lines.get(timeout=SECONDS)
        except queue.Empty:
            pytest.fail(f"kubectl printed nothing for {SECONDS} s")

    def end(self) -> int:
        """Wait for its own end; its exit code."""
        return self.process.wait(SECONDS)

    def __enter__(self) -> Background:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()


def test_wait(run: In) -> None:
    """Wait returns as soon as its condition holds, and when the object is gone."""
    run("create", "-f", "-", stdin=CONFIG_MAP)
    with Background(run, "wait", "configmap/a", "--for=jsonpath={.data.k}=w", "--timeout=30s") as waiting:
        run("patch", "configmap", "a", "-p", '{"data":{"k":"w"}}')
        assert waiting.line() == "configmap/a condition met\n"
        assert waiting.end() == 0
    with Background(run, "wait", "configmap/a", "--for=delete", "--timeout=30s") as waiting:
        run("delete", "configmap", "a")
        assert waiting.end() == 0


def test_get_watch(run: In) -> None:
    """`get --watch` prints a line for what is there and one for every change."""
    run("create", "-f", "-", stdin=DEPLOYMENT)
    with Background(run, "get", "deployments", "--watch", "--output-watch-events", "--no-headers") as watching:
        assert watching.line().split()[:3] == ["ADDED", "web", "0/2"]
        run("scale", "deployment", "web", "--replicas=3")
        assert watching.line().split()[:3] == ["MODIFIED", "web", "0/3"]
        run("delete", "deployment", "web")
        event = watching.line().split()
        while event[0] == "MODIFIED":
            event = watching.line().split()
        assert event[:3] == ["DELETED", "web", "0/3"]


def test_dry_run(run: In) -> None:
    """A dry run on the server answers with what would be, and nothing is."""
    made = json.loads(run("create", "-f", "-", "--dry-run=server", "-o", "json", stdin=DEPLOYMENT))
    assert made["spec"]["strategy"]["type"] == "RollingUpdate"
    assert run("get", "deployments", "-o", "name") == ""
    run("create", "-f", "-", stdin=CONFIG_MAP)
    assert run("patch", "cm", "a", "-p", '{"data":{"k":"w"}}', "--dry-run=server") == "configmap/a patched\n"
    assert "server dry run" in run("delete", "cm", "a", "--dry-run=server")
    assert run.json("cm", "a")["data"] == {"k": "v"}


def test_diff(run: In) -> None:
    """Diff says nothing for what is applied, and shows what an apply would change."""
    run("apply", "-f", "-", stdin=DEPLOYMENT)
    assert run("diff", "-f", "-", stdin=DEPLOYMENT) == ""
    said = run.kubectl("-n", run.namespace, "diff", "-f", "-", stdin=DEPLOYMENT.replace("web:1", "web:9"), ok=False)
    assert said.code == 1
    assert "+      - image: registry.example/web:9" in said.out or "web:9" in said.out


def test_explain(kubectl: Kubectl) -> None:
    """Explain finds fields, nested ones and all of them, in the OpenAPI documents."""
    assert "FIELD: replicas <integer>" in kubectl("explain", "deployment.spec.replicas").out
    assert "terminationGracePeriodSeconds" in kubectl("explain", "pod.spec", "--recursive").out
    assert 'field "nothing" does not exist' in kubectl("explain", "pods.spec.nothing", ok=False).err


def test_api_resources(kubectl: Kubectl) -> None:
    """Discovery tells kubectl names, short names, groups and verbs."""
    lines = [line.split() for line in kubectl("api-resources", "--no-headers").out.splitlines()]
    assert ["deployments", "deploy", "apps/v1", "true", "Deployment"] in lines
    assert "customresourcedefinitions.apiextensions.k8s.io" in kubectl("api-resources", "-o", "name").out.split()
    assert "deployments.apps" in kubectl("api-resources", "--api-group=apps", "--verbs=watch", "-o", "name").out.split()
    assert "apps/v1" in kubectl("api-versions").out.split()


def test_auth(run: In) -> None:
    """Who am I, what may I, what may another: answered by the server's rules."""
    assert "orlop-admin" in run("auth", "whoami")
    assert run("auth", "can-i", "create", "pods") == "yes\n"
    assert "no" in run("auth", "can-i", "list", "configmaps", "--as", "alice", ok=False)
    run("create", "role", "reader", "--verb=get,list", "--resource=configmaps")
    run("create", "rolebinding", "readers", "--role=reader", "--user=alice")
    assert run("auth", "can-i", "list", "configmaps", "--as", "alice") == "yes\n"
    assert "configmaps" in run("auth", "can-i", "--list", "--as", "alice")
    assert "cannot delete resource" in run("delete", "configmap", "a", "--as", "alice", ok=False)


def test_replace_and_rollout(run: In) -> None:
    """Replace, set image, pause, resume and expose work on what is there."""
    run("create", "-f", "-", stdin=DEPLOYMENT)
    assert run("set", "image", "deployment/web", "web=registry.example/web:3") == "deployment.apps/web image updated\n"
    assert run("rollout", "pause", "deployment/web") == "deployment.apps/web paused\n"
    assert run.json("deployment", "web")["spec"]["paused"] is True
    assert run("rollout", "resume", "deployment/web") == "deployment.apps/web resumed\n"
    assert run("expose", "deployment", "web", "--port=80") == "service/web exposed\n"
    assert run("replace", "-f", "-", stdin=DEPLOYMENT) == "deployment.apps/web replaced\n"
    assert run("replace", "--force", "-f", "-", stdin=DEPLOYMENT) == (
        'deployment.apps "web" deleted\ndeployment.apps/web replaced\n')  # fmt: skip


def test_delete_many(run: In) -> None:
    """Delete by selector, by --all, and of a namespace with everything in it, which kubectl waits for."""
    for name, label in (("a", "x"), ("b", "x"), ("c", "z")):
        run("create", "-f", "-", stdin=CONFIG_MAP.replace("{name: a}", f"{{name: {name}, labels: {{l: {label}}}}}"))
    assert sorted(run("delete", "cm", "-l", "l=x", "-o", "name").split()) == ["configmap/a", "configmap/b"]
    assert run("get", "cm", "-l", "l", "-o", "name") == "configmap/c\n"
    run("create", "-f", "-", stdin=DEPLOYMENT)
    assert "deployment.apps" in run("delete", "deployments", "--all")
    assert "deleted" in run("delete", "namespace", run.namespace, "--timeout=30s")
    assert "NotFound" in run("get", "namespace", run.namespace, ok=False)


def test_cluster_info(kubectl: Kubectl) -> None:
    """kubectl finds the server and tells where it is."""
    assert "control plane" in kubectl("cluster-info").out


def test_raw(kubectl: Kubectl) -> None:
    """Raw requests reach health and discovery."""
    assert kubectl("get", "--raw", "/readyz").out == "ok"
    assert json.loads(kubectl("get", "--raw", "/version").out)["minor"] == "36"
    assert json.loads(kubectl("get", "--raw", "/apis/apps/v1").out)["kind"] == "APIResourceList"
