"""What a watch is told that cannot begin: each answer as a real kube-apiserver gave it."""

from __future__ import annotations

import json
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

from served import Client, play, request

import orlop
from orlop.api.http import Stream

ANSWERS = json.loads((Path(__file__).parent.parent / "data" / "answers" / "watch.json").read_text())


async def ask(server: orlop.Server, path: str, accept: str) -> tuple[int, Any]:
    """The code, and the body of what is not a success."""
    path, _, query = path.partition("?")
    answer = server.running.application.handler(request(server, path, query, {"accept": accept}))
    reply = await answer if isinstance(answer, Awaitable) else answer
    if isinstance(reply, Stream):
        client = Client()
        reply.open(client)
        client.leave()
        return 200, None
    if reply.status == 200:
        return 200, None
    return reply.status, reply.body.decode() if "yaml" in accept else json.loads(reply.body)


def test_answers_are_upstreams() -> None:
    """Code and Status of every query are those of kube-apiserver."""
    wrong: list[str] = []

    async def scenario(server: orlop.Server) -> None:
        for row in ANSWERS:
            got = await ask(server, row["path"], row.get("accept", "application/json"))
            if got != (row["code"], row.get("body")):
                wrong.append(f"{row}\n    but {got}")

    play(scenario)
    assert not wrong, "\n".join(wrong)
    assert sum(row["code"] != 200 for row in ANSWERS) > 60
