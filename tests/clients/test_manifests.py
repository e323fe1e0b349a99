"""Manifests of many shapes, as kubectl's users write them, against a real server: applied, compared with what
kube-apiserver made of them, applied again, compared again, applied by the server, deleted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from manifests import THEMES, folders, played, recorded, recording

from kubectl_command import Kubectl, kubectl_for
from server_process import ServerProcess

pytestmark = pytest.mark.xdist_group("manifests")
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def kubectl(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kubectl]:
    """kubectl for a server of these tests' own: what they apply concerns whole clusters."""
    home = tmp_path_factory.mktemp("manifests")
    server = ServerProcess(home / "data")
    try:
        yield kubectl_for(server.start(), home)
        server.stop()
    finally:
        server.kill()


@pytest.fixture
def run(kubectl: Kubectl) -> Run:
    """As `manifests.played` calls it."""

    def run(*arguments: str, codes: tuple[int, ...] = (0,)) -> tuple[int, str, str]:
        said = kubectl(*arguments, ok=False)
        assert said.code in codes, f"kubectl {arguments}: {said}"
        return said.code, said.out, said.err

    return run


@pytest.mark.parametrize("theme", THEMES)
def test_theme(theme: str, run: Run) -> None:
    """The objects are kube-apiserver's to the last default, to the last field's owner; what kubectl says of a second
    apply, of the difference and of conflicts is the same; everything goes again."""
    assert recording(theme).exists(), f"the theme {theme} is not recorded: see clients/manifests.py"
    mine, theirs = played(theme, run), recorded(theme)
    for ours, wanted in zip(mine["objects"] + mine["forced"], theirs["objects"] + theirs["forced"], strict=True):
        assert ours == wanted
    assert mine == theirs
    for folder in reversed(folders(theme)):
        run("delete", "--ignore-not-found", "--timeout=30s", "-f", str(folder))
