"""The documents say what the code does: flags, limits, paths, version, examples."""

from __future__ import annotations

import dataclasses
import importlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

import doc_transcripts
import orlop
from kubectl_command import kubectl_for
from orlop.cli.serve import serve
from orlop.kinds import catalog
from server_process import FreshServer

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "orlop"
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
README = (ROOT / "README.md").read_text()
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("benchmarks/*.md")])
UNITS = {"": 1.0, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "s": 1.0, "ms": 1e-3}
MADE_AT_RUN_TIME = (".orlop", ".venv")
"""Beginnings of paths that documents may name although they are not in the repository."""


def title(path: Path) -> str:
    return str(path.relative_to(ROOT))


def rows(text: str, heading: str) -> Iterator[list[str]]:
    """The cells of the first table below a heading, without its two header rows."""
    section = re.split(r"^## ", text.split(f"\n## {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    for line in lines[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


# --- flags


FLAGS = [option for option in serve.params if isinstance(option, click.Option)]


@pytest.mark.parametrize("option", FLAGS, ids=lambda option: option.name)
def test_every_flag_is_documented(option: click.Option) -> None:
    """docs/operations.md has each spelling of each flag of `orlop serve` in the first cell of a row."""
    documented = {name for row in rows(OPERATIONS, "Flags") for name in re.findall(r"`([^`]+)`", row[0])}
    assert documented.issuperset([*option.opts, *option.secondary_opts])


def test_no_documented_flag_is_missing() -> None:
    """Nor does it describe flags that do not exist."""
    known = {name for option in FLAGS for name in (*option.opts, *option.secondary_opts)}
    documented = {name for row in rows(OPERATIONS, "Flags") for name in re.findall(r"`([^`]+)`", row[0])}
    assert documented <= known


@pytest.mark.parametrize("option", [o for o in FLAGS if isinstance(o.default, int | float | str) and not o.is_flag],
                         ids=lambda option: option.name)  # fmt: skip
def test_defaults_are_as_documented(option: click.Option) -> None:
    """The second cell of a flag's row is its default."""
    documented = {row[0].split("`")[1]: row[1] for row in rows(OPERATIONS, "Flags")}
    assert documented[option.opts[0]] == f"`{option.default}`"


# --- limits


def limit_rows() -> list[list[str]]:
    return list(rows(ARCHITECTURE, "Limits"))


def value_in_code(name: str, file: str) -> Any:
    """The constant, or the default of a dataclass's field, of that name."""
    assert (PACKAGE / file).is_file(), file
    module = importlib.import_module("orlop." + file.removesuffix(".py").replace("/", "."))
    holder, _, member = name.rpartition(".")
    if not holder:
        return getattr(module, member)
    fields = {field.name: field.default for field in dataclasses.fields(getattr(module, holder))}
    return fields[member]


@pytest.mark.parametrize("row", limit_rows(), ids=lambda row: f"{row[1]}:{row[0]}".replace("`", ""))
def test_limits_are_as_documented(row: list[str]) -> None:
    """Each row of ARCHITECTURE's table names a constant that exists, and its value."""
    name, file, value = row[0].strip("`"), row[1].strip("`"), row[2]
    number, _, unit = value.partition(" ")
    assert value_in_code(name, file) == pytest.approx(float(number.replace(",", "")) * UNITS[unit])


def documented_limits(file: str) -> set[str]:
    return {row[0].strip("`") for row in limit_rows() if row[1].strip("`") == file}


def test_all_limits_of_the_server_are_documented() -> None:
    """No field of the HTTP server's limits is left out of the table."""
    from orlop.server.limits import Limits

    assert documented_limits("server/limits.py") == {f"Limits.{field.name}" for field in dataclasses.fields(Limits)}


NO_LIMITS = {"KIB", "MIB", "EVENT_OVERHEAD", "MOST_WINDOW"}
"""Units of measure, and what is somebody else's limit."""


@pytest.mark.parametrize("file", ["storage/limits.py", "storage/sqlite_limits.py", "storage/etcd_http2_limits.py",
                                  "endpoints/feed.py", "controllers/leader_election.py"])  # fmt: skip
def test_all_limits_of_a_module_are_documented(file: str) -> None:
    """Nor is a number with a name of the modules that are there for limits."""
    module = importlib.import_module("orlop." + file.removesuffix(".py").replace("/", "."))
    names = {name for name, value in vars(module).items() if name.isupper() and isinstance(value, int | float)}
    if file == "storage/limits.py":
        names |= {f"CacheLimits.{field.name}" for field in dataclasses.fields(module.CacheLimits)}
    assert documented_limits(file) == names - NO_LIMITS


@pytest.mark.parametrize("file", ["storage/limits.py", "storage/sqlite_limits.py", "storage/etcd_http2_limits.py"])
def test_no_limit_is_forgotten(file: str) -> None:
    """Each constant of these modules is read by some other module."""
    module = importlib.import_module("orlop." + file.removesuffix(".py").replace("/", "."))
    others = "\n".join(path.read_text() for path in PACKAGE.rglob("*.py") if path != PACKAGE / file)
    names = {name for name in vars(module) if name.isupper()} - NO_LIMITS
    assert [name for name in sorted(names) if not re.search(rf"\b{name}\b", others)] == []


# --- paths


PATH = re.compile(r"(?<![\w/.-])((?:[\w.-]+/)+[\w.*-]*|[\w-]+\.(?:py|md|toml))(?![\w/])")


def named_paths(text: str) -> set[str]:
    """What looks like a path of this repository in inline code and in the diagrams."""
    code = re.findall(r"`([^`\n]+)`", text) + re.findall(r"^```text\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    tops = {path.name for path in (*ROOT.iterdir(), *PACKAGE.iterdir())}
    found = {path for piece in code for path in PATH.findall(piece)}
    return {path for path in found
            if path.partition("/")[0] in tops and not path.startswith(MADE_AT_RUN_TIME)}  # fmt: skip


def exists(path: str) -> bool:
    return any((base / path).exists() for base in (ROOT, PACKAGE))


@pytest.mark.parametrize("document", DOCUMENTS, ids=title)
def test_paths_exist(document: Path) -> None:
    """Files and folders that a document names are there, in the repository or the package."""
    missing = sorted(path for path in named_paths(document.read_text()) if not exists(path))
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=title)
def test_links_lead_somewhere(document: Path) -> None:
    """Relative links between documents."""
    prose = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    targets = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", prose)
    assert [target for target in targets if not (document.parent / target).exists()] == []


def test_every_room_is_in_the_map() -> None:
    """ARCHITECTURE's table of floors and the README's map name every folder of the package."""
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    floors = {name for row in rows(ARCHITECTURE, "The floors") for name in re.findall(r"`(\w+)/`", row[0])}
    assert floors == rooms
    assert {name for row in rows(README, "The map") for name in row[0].split(", ")} == rooms


# --- transcripts


@pytest.mark.parametrize("name", doc_transcripts.DOCUMENTS)
def test_transcripts_are_true(name: str, fresh_server: FreshServer, tmp_path: Path) -> None:
    """What a document shows of kubectl is what kubectl says, but for times, uids, addresses and ages."""
    kubectl = kubectl_for(fresh_server(storage="memory"), tmp_path)
    found = doc_transcripts.blocks((ROOT / name).read_text())
    assert found
    for command, shown in (step for block in found for step in doc_transcripts.steps(block)):
        printed = doc_transcripts.play(kubectl, command)
        if printed is not None:
            assert doc_transcripts.alike(printed) == doc_transcripts.alike(shown), command


# --- what a server tells of itself


@pytest.fixture(scope="module")
def embedded() -> Iterator[orlop.ThreadedServer]:
    """A server without a socket."""
    with orlop.Server.in_thread(listen=False) as server:
        yield server


def first_names(heading: str) -> set[str]:
    return {row[0].strip("`") for row in rows(OPERATIONS, heading)}


def test_health_checks_are_documented(embedded: orlop.ThreadedServer) -> None:
    """docs/operations.md has a row for each check of /readyz, and for no other."""
    told = re.findall(r"^\[\+\](\S+) ok$", embedded.request("GET", "/readyz?verbose").body.decode(), re.MULTILINE)
    assert first_names("Health") == set(told)


def documented_metrics() -> dict[str, str]:
    """By name, what a server needs to have it (the third cell)."""
    return {row[0].strip("`"): row[2] for row in rows(OPERATIONS, "Metrics")}


def metrics_of(server: orlop.ThreadedServer) -> set[str]:
    return set(re.findall(r"^# TYPE (\S+)", server.request("GET", "/metrics").body.decode(), re.MULTILINE))


def test_metrics_are_documented(embedded: orlop.ThreadedServer) -> None:
    """And for each metric: those without a condition are there in the simplest of servers."""
    assert {name for name, condition in documented_metrics().items() if not condition} == metrics_of(embedded)


def test_metrics_with_a_condition_are_documented(tmp_path: Path) -> None:
    """The others where the table says; etcd's own are named here, for there need be no etcd."""
    file = tmp_path / "encryption.yaml"
    file.write_text("kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nresources:\n"
                    "- resources: [secrets]\n  providers:\n  - identity: {}\n")
    documented = documented_metrics()
    etcds = {name for name, condition in documented.items() if condition == "etcd"}
    with orlop.Server.in_thread(listen=False, data_dir=tmp_path / "data", leader_elect=True,
                                encryption_provider_config=file,
                                encryption_provider_config_automatic_reload=True) as server:
        assert documented.keys() - etcds == metrics_of(server)
    assert etcds == {"orlop_storage_restarts_total"}


# --- facts


def test_the_changelog_begins_with_this_version() -> None:
    """Its newest section, the package and the project's metadata say the same."""
    changelog = (ROOT / "CHANGELOG.md").read_text()
    newest = re.search(r"^## \[([^\]]+)\]", changelog, re.MULTILINE)
    project = re.search(r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert newest is not None and project is not None
    assert newest[1] == project[1] == orlop.__version__


def test_decisions_are_numbered_and_complete() -> None:
    """0001 upwards without gaps, each with the parts that CONTRIBUTING asks for."""
    decisions = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [path.name[:4] for path in decisions] == [f"{n:04}" for n in range(1, len(decisions) + 1)]
    for path in decisions:
        text = path.read_text()
        assert text.startswith(f"# {path.name[:4]} ")
        parts = ("## Context\n", "## Decision\n", "## Rejected\n", "## What would change our mind\n")
        assert [part for part in parts if part not in text] == [], path.name


def test_every_dependency_has_its_reason() -> None:
    """Each run-time dependency has a row in decision 0006, and the row names nothing else."""
    text = (ROOT / "docs" / "decisions" / "0006-dependencies.md").read_text()
    table = {row[0] for row in rows(text, "Decision")}
    project = (ROOT / "pyproject.toml").read_text()
    listed = project.split("\ndependencies = [\n", 1)[1].split("]", 1)[0]
    assert table == set(re.findall(r'"([\w-]+)', listed))


def test_storage_promises_are_those_of_the_contract() -> None:
    """docs/guarantees.md repeats the numbers and titles of the interface's P1 to P6."""
    contract = (PACKAGE / "storage" / "interface.py").read_text()
    told = re.findall(r"^(P\d)  ([^:]+):", contract, re.MULTILINE)
    repeated = re.findall(r"^- \*\*(P\d) ([^.*]+)\.\*\*", (ROOT / "docs" / "guarantees.md").read_text(), re.MULTILINE)
    assert repeated == told and told


def test_the_catalog_has_the_size_that_decision_1_says() -> None:
    """The number of built-in resources."""
    text = (ROOT / "docs" / "decisions" / "0001-objects-are-json-trees.md").read_text()
    assert f"{len(catalog.RESOURCES)} built-in resources" in text


def test_the_benchmarks_tell_what_they_do() -> None:
    """`benchmarks/run.py --help` works without a server; its workloads are the rows of the results page."""
    script = ROOT / "benchmarks" / "run.py"
    said = subprocess.run([sys.executable, str(script), "--help"], capture_output=True, text=True, check=True)
    assert "--quick" in said.stdout
    source = (ROOT / "benchmarks" / "workloads.py").read_text()
    workloads = re.findall(r'^    Workload\("([\w-]+)"', source, re.MULTILINE)
    results = (ROOT / "benchmarks" / "RESULTS.md").read_text()
    assert workloads and [name for name in workloads if f"| {name} |" not in results] == []


_QUOTATION = re.compile(r"^`(src/[^`]+)`\n```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def test_quotations_are_in_the_files_they_name() -> None:
    """The worked example of a kind is the code itself, and short."""
    page = (ROOT / "docs/adding-a-kind.md").read_text()
    quotations = _QUOTATION.findall(page)
    assert len(quotations) == page.count("```python") >= 7
    for file, text in quotations:
        assert text in (ROOT / file).read_text(), file
    assert sum(text.count("\n") for _, text in quotations) < 60
