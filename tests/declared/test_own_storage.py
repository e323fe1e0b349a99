"""Kinds with rest storage of their own: served from wherever the program has them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

import orlop
from orlop.api import errors
from orlop.api.context import Context
from orlop.api.gvk import GroupResource
from orlop.api.options import CreateOptions, DeleteOptions, GetOptions, ListOptions
from orlop.api.tree import Tree
from orlop.registry.interface import Admit, ListResult

PATH = "/apis/views.example.com/v1"
RESOURCE = GroupResource("views.example.com", "squares")


class Numbers:
    """A computed view: the squares of small numbers."""

    def get(self, ctx: Context, name: str, options: GetOptions) -> Square:
        if not name.isdigit():
            raise errors.not_found(RESOURCE, name)
        return Square({"name": name}, int(name) ** 2)

    async def list(self, ctx: Context, options: ListOptions) -> list[Square]:
        return [Square({"name": str(n)}, n * n) for n in range(3)]


@orlop.kind(group="views.example.com", scope="Cluster", printer_columns=["square"], storage=Numbers)
class Square(msgspec.Struct):
    """A number, squared."""

    metadata: dict[str, Any]
    square: int


class Shelf:
    """A table of somebody else's, written as well."""

    def __init__(self) -> None:
        self.rows: dict[str, Tree] = {}

    def get(self, ctx: Context, name: str, options: GetOptions) -> Tree:
        if name not in self.rows:
            raise errors.not_found(GroupResource("views.example.com", "books"), name)
        return self.rows[name]

    def list(self, ctx: Context, options: ListOptions) -> ListResult:
        return ListResult(list(self.rows.values()), len(self.rows))

    async def create(self, ctx: Context, name: str, obj: Tree, admit: Admit, options: CreateOptions) -> Tree:
        verdict = admit(obj, None)
        if verdict is not None:
            await verdict
        self.rows[obj["metadata"]["name"]] = obj
        return obj

    async def delete(self, ctx: Context, name: str, admit: Admit, options: DeleteOptions) -> tuple[Tree, bool]:
        return self.rows.pop(name), True


@orlop.kind(group="views.example.com", storage=Shelf())
class Book(msgspec.Struct):
    title: str

    @orlop.before("create")
    def tidy(self) -> None:
        self.title = self.title.strip()


@pytest.fixture(scope="module")
def server() -> Iterator[orlop.ThreadedServer]:
    """A server without a socket."""
    with orlop.Server.in_thread(listen=False, kinds=[Square, Book]) as started:
        yield started


def test_a_view(server: orlop.ThreadedServer) -> None:
    """Objects, lists and tables of what is computed; discovery tells what it can do, the rest is 405."""
    found = server.request("GET", f"{PATH}/squares/12").json()
    assert found == {"apiVersion": "views.example.com/v1", "kind": "Square", "metadata": {"name": "12"}, "square": 144}
    listed = server.request("GET", f"{PATH}/squares").json()
    assert [item["square"] for item in listed["items"]] == [0, 1, 4] and listed["kind"] == "SquareList"
    table = server.request("GET", f"{PATH}/squares", headers={
        "Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"}).json()
    assert [row["cells"][:2] for row in table["rows"]] == [["0", 0], ["1", 1], ["2", 4]]
    assert server.request("GET", f"{PATH}/squares/x").status == 404
    assert server.request("DELETE", f"{PATH}/squares/1").status == 405
    resources = {each["name"]: sorted(each["verbs"]) for each in server.request("GET", PATH).json()["resources"]}
    assert resources["squares"] == ["get", "list"] and resources["books"] == ["create", "delete", "get", "list"]


def test_it_is_guarded(server: orlop.ThreadedServer) -> None:
    """Authorization is the server's, as for all kinds."""
    refused = server.request("GET", f"{PATH}/squares", headers={"Authorization": ""})
    assert refused.status == 403


def test_writes(server: orlop.ThreadedServer) -> None:
    """What can be created passes decoding and the functions."""
    books = f"{PATH}/namespaces/default/books"
    body = {"apiVersion": "views.example.com/v1", "kind": "Book", "metadata": {"name": "b"}, "title": " Go ", "no": 1}
    made = server.request("POST", books, body)
    assert made.status == 201 and made.json()["title"] == "Go" and "no" not in made.json()
    assert server.request("DELETE", f"{books}/b").ok
    assert server.request("GET", f"{books}/b").status == 404
