"""What process-level tests share: real servers, kubectl with a home of its own, and no silent skips in CI.

`server` is one server for all tests of a worker: a test that uses it works in namespaces of its own. A test that
restarts, kills or configures a server takes it from `fresh_server`.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from kubectl_command import Kubectl, kubectl_for
from server_process import FreshServer, ServerProcess

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("exploring", deadline=None)
settings.load_profile(os.environ.get("ORLOP_HYPOTHESIS", "repeatable"))
"""The suite tries the same examples every time; ORLOP_HYPOTHESIS=exploring looks for new ones."""

ALLOWED_SKIPS: frozenset[str] = frozenset({"root may write everything"})
"""Reasons for which a test may be skipped in CI too. Everything else must run there."""

@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """A running server on SQLite, shared by the tests of this worker."""
    process = ServerProcess(tmp_path_factory.mktemp("server") / "data")
    try:
        yield process.start()
        process.stop()
    finally:
        process.kill()


@pytest.fixture
def fresh_server(tmp_path: Path) -> Iterator[FreshServer]:
    """Starts servers of the test's own: `fresh_server(*flags, storage=...)`."""
    started: list[ServerProcess] = []

    def start(*flags: str, storage: str = "sqlite") -> ServerProcess:
        process = ServerProcess(tmp_path / f"data-{len(started)}", *flags, storage=storage)
        started.append(process)
        return process.start()

    try:
        yield start
        for process in started:
            process.stop()
    finally:
        for process in started:
            process.kill()


@pytest.fixture(scope="session")
def kubectl(server: ServerProcess, tmp_path_factory: pytest.TempPathFactory) -> Kubectl:
    """kubectl as the administrator of `server`."""
    return kubectl_for(server, tmp_path_factory.mktemp("kubectl"))


@pytest.fixture
def namespace(kubectl: Kubectl, request: pytest.FixtureRequest) -> str:
    """A namespace for one test on the shared server, named after it."""
    words = request.node.name.lower().translate({ord(c): "-" for c in "_[].,/ "}).strip("-")
    name = words[-50:].strip("-")
    kubectl("create", "namespace", name)
    return name


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a failed one: what does not run protects nothing."""
    report = yield
    _no_skip(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for whole modules that skip themselves."""
    report = yield
    _no_skip(report)
    return report


def _no_skip(report: pytest.TestReport | pytest.CollectReport) -> None:
    if os.environ.get("CI") != "true" or not report.skipped or hasattr(report, "wasxfail"):
        return
    reason = str(report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr)
    if reason.removeprefix("Skipped: ") not in ALLOWED_SKIPS:
        report.outcome = "failed"
        report.longrepr = f"skipped, which CI does not allow: {reason}"
