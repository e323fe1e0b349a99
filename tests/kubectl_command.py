"""kubectl as tests run it: pointed at one server, with a home and a discovery cache of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from server_process import ServerProcess


@dataclass(frozen=True)
class Said:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


@dataclass
class Kubectl:
    """kubectl pointed at a server, with a home and a discovery cache of its own. Calling it runs it to its end;
    `environment` is for tests that start it themselves."""

    program: str
    home: Path
    environment: dict[str, str]

    def __call__(self, *arguments: str, stdin: str | None = None, cwd: Path | None = None, ok: bool = True,
                 seconds: float = 60, **environment: str) -> Said:  # fmt: skip
        env = {**self.environment, **environment}
        done = subprocess.run([self.program, *arguments], input=stdin, cwd=cwd or self.home, text=True, env=env,
                              timeout=seconds, capture_output=True)  # fmt: skip
        if ok and done.returncode != 0:
            pytest.fail(f"kubectl {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return Said(done.returncode, done.stdout, done.stderr)


def kubectl_for(server: ServerProcess, home: Path) -> Kubectl:
    """kubectl for a server of the test's own. Skips when there is no kubectl."""
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "KUBECACHEDIR": str(home / "cache"),
                   "KUBECONFIG": str(server.kubeconfig), "KUBE_EDITOR": "true"}  # fmt: skip
    return Kubectl(program, home, environment)
