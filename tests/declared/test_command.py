"""`orlop crd`, and the YAML of a kind."""

from __future__ import annotations

import copy
from pathlib import Path

import click.testing
import msgspec
import pytest
import yaml

import orlop
from orlop.cli.crd import crd

MODULE = '''
import msgspec, orlop

class Spec(msgspec.Struct):
    size: int = 1

@orlop.kind(group="cli.example.com")
class Nail(msgspec.Struct):
    """Holds.

    Until it does not."""
    spec: Spec

@orlop.version(Nail, "v1alpha1", served=False)
class NailV1Alpha1(msgspec.Struct):
    size: int = 1
    def to_hub(self): return Nail(Spec(self.size))
    @classmethod
    def from_hub(cls, hub): return cls(hub.spec.size)

@orlop.kind(group="cli.example.com", scope="Cluster")
class Screw(msgspec.Struct):
    spec: Spec
'''


def run(name: str, *arguments: str) -> click.testing.Result:
    return click.testing.CliRunner().invoke(crd, [name, *arguments])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module, as the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_all_kinds_of_a_module(here: Path) -> None:
    """One document a kind, each of which a server takes; what other servers cannot do is said."""
    (here / "hardware1.py").write_text(MODULE)
    done = run("hardware1")
    assert done.exit_code == 0, done.output
    documents = list(yaml.safe_load_all(done.output))
    assert [each["metadata"]["name"] for each in documents] == ["nails.cli.example.com", "screws.cli.example.com"]
    assert done.output.startswith("# v1alpha1: converted by functions in Python")
    versions = {each["name"]: each for each in documents[0]["spec"]["versions"]}
    assert versions["v1"]["storage"] and not versions["v1alpha1"]["served"]
    assert versions["v1"]["schema"]["openAPIV3Schema"]["description"] == "Holds.\n\nUntil it does not."
    with orlop.Server.in_thread(listen=False) as server:
        for each in documents:
            made = server.request("POST", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", each)
            assert made.status == 201, made.body


def test_one_kind_with_a_conversion(here: Path) -> None:
    """A class by name; how other clusters are to convert comes from a file."""
    (here / "hardware2.py").write_text(MODULE)
    conversion = {"strategy": "Webhook", "webhook": {
        "clientConfig": {"url": "https://nails.example.com/convert"}, "conversionReviewVersions": ["v1"]}}
    (here / "conversion.yaml").write_text(yaml.safe_dump(conversion))
    done = run("hardware2:Nail", "--conversion", "conversion.yaml")
    assert yaml.safe_load(done.output)["spec"]["conversion"] == conversion and "#" not in done.output


@pytest.mark.parametrize(("place", "why"), [
    ("nothing_here", "there is no module nothing_here"), ("hardware3:No", "there is no No in hardware3"),
    ("hardware3:Spec", "Spec in hardware3 is no kind"), ("empty3", "empty3 declares no kinds"),
])  # fmt: skip
def test_what_goes_wrong_is_said(here: Path, place: str, why: str) -> None:
    """In one line."""
    (here / "hardware3.py").write_text(MODULE)
    (here / "empty3.py").write_text("")
    done = run(place)
    assert done.exit_code == 1 and done.output.startswith(f"Error: {why}")


def test_definitions_are_judged() -> None:
    """What a server would refuse is refused when it is printed, in the server's words."""

    @orlop.kind(group="cli.example.com", plural="Wrong Plural")
    class Bolt(msgspec.Struct):
        spec: dict[str, str]

    with pytest.raises(orlop.DeclarationError, match=r'spec\.names\.plural: Invalid value: "Wrong Plural"'):
        orlop.crd(Bolt)
    with pytest.raises(orlop.DeclarationError, match="there is no field 'nothing'"):
        orlop.kind(group="cli.example.com")(Bolt)
        orlop.crd(orlop.kind(group="cli.example.com", printer_columns=["nothing"])(Bolt))


def test_trees_are_the_callers() -> None:
    """What one caller does to a definition no other sees."""

    @orlop.kind(group="cli.example.com")
    class Pin(msgspec.Struct):
        spec: dict[str, str]

    first = orlop.crd(Pin)
    before = copy.deepcopy(first)
    first["spec"]["versions"].clear()
    assert orlop.crd(Pin) == before
