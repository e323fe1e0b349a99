"""Facts of a real kube-apiserver's CEL: expressions with what upstream makes of them, read from `tests/data/cel`.

`play` asks our CEL the same and answers in the same shape.
"""

import base64
import json
import math
import re
from pathlib import Path
from typing import Any

from orlop.cel import library_authorizer as authorizer
from orlop.cel import types as t
from orlop.cel.arithmetic import to_duration, to_text, to_timestamp
from orlop.cel.cost_estimate import estimate
from orlop.cel.cost_range import Estimate
from orlop.cel.environment import Environment
from orlop.cel.issues import CompileError, ProgramError
from orlop.cel.library_cidr import Block
from orlop.cel.library_ip import IPAddress
from orlop.cel.library_json_patch import JSON_PATCH
from orlop.cel.library_kubernetes import LIBRARIES
from orlop.cel.library_named_formats import Format
from orlop.cel.library_quantity import Quantity
from orlop.cel.library_semver import Semver
from orlop.cel.library_urls import URL
from orlop.cel.values import BudgetExceeded, CelError, Duration, Optional, Timestamp, TypeValue, Uint

DATA = Path(__file__).parent.parent / "data" / "cel"
LIMIT = 1_000_000
KINDS = {Quantity: "quantity", Format: "format", IPAddress: "ip", Block: "cidr", URL: "url", Semver: "semver"}
SIMPLE = {
    "int": t.INT, "uint": t.UINT, "double": t.DOUBLE, "string": t.STRING, "bytes": t.BYTES, "bool": t.BOOL,
    "dyn": t.DYN, "null": t.NULL, "timestamp": t.TIMESTAMP, "duration": t.DURATION,
    "authorizer": authorizer.AUTHORIZER_TYPE,
}  # fmt: skip


def load(name):
    """The facts of one file."""
    return json.loads((DATA / name).read_text())["facts"]


def read_type(text):
    """A type as the facts write it."""
    found = re.fullmatch(r"(\w+)\((.*)\)", text)
    if found is None:
        return SIMPLE[text]
    if found[1] == "list":
        return t.list_of(read_type(found[2]))
    key, value = found[2].split(",", 1)
    return t.map_of(read_type(key), read_type(value))


def value_of(kind, raw):
    """A variable's value from its JSON."""
    if kind is t.BYTES:
        return base64.b64decode(raw)
    if kind is t.UINT:
        return Uint(raw)
    if kind is t.DOUBLE:
        return float(raw)
    if kind is t.TIMESTAMP:
        return to_timestamp(raw)
    if kind is t.DURATION:
        return to_duration(raw)
    if kind is authorizer.AUTHORIZER_TYPE:
        return authorizer.Authorizer(answer)
    return raw


def answer(question):
    """The authorizer the facts were made with."""
    if question.verb == "fail":
        return authorizer.Answer(False, "cannot say", "authorizer is broken")
    if question.verb == "none":
        return authorizer.Answer(False)
    user = "someone"
    if question.service_account is not None:
        user = "system:serviceaccount:" + ":".join(question.service_account)
    version = "" if question.path else "*"
    parts = (user, question.verb, question.group, version, question.resource, question.subresource)
    reason = "|".join((*parts, question.namespace, question.name, question.path))
    return authorizer.Answer(question.verb != "deny", reason)


def shown(value: Any) -> Any:
    """A value as the facts write it."""
    kind = type(value)
    if value is None:
        return ["null", None]
    if kind is bool:
        return ["bool", value]
    if kind is Uint:
        return ["uint", int(value)]
    if kind is int:
        return ["int", value]
    if kind is float:
        return ["double", value if math.isfinite(value) else to_text(value)]
    if kind is str:
        return ["string", value]
    if kind is bytes:
        return ["bytes", base64.b64encode(value).decode()]
    if kind is Duration:
        return ["duration", value.nanos]
    if kind is Timestamp:
        return ["timestamp", to_text(Timestamp(value.nanos))]
    if kind is Optional:
        return ["optional", shown(value.value) if value.present else None]
    if kind is TypeValue:
        return ["type", value.name]
    if isinstance(value, list):
        return ["list", [shown(item) for item in value]]
    if isinstance(value, dict):
        return ["map", sorted(([shown(k), shown(v)] for k, v in value.items()), key=lambda pair: str(pair[0]))]
    if kind in KINDS:
        return [KINDS[kind], str(value)]
    return ["other", value.cel_type.name]


_environments: dict[str, Environment] = {}


def environment(variables):
    """The environment of these variables (name -> type text)."""
    key = json.dumps(variables)
    if key not in _environments:
        types = {name: read_type(text) for name, text in variables.items()}
        _environments[key] = Environment(types, (*LIBRARIES, JSON_PATCH))
    return _environments[key]


def sizes_of(fact):
    """The sizes a fact's estimate was made with."""
    known = {tuple(path.split("/")): Estimate(*size) for path, size in fact.get("sizes", {}).items()}
    by_type = {path[1:]: Estimate(*size) for path, size in fact.get("sizes", {}).items() if path.startswith("#")}
    return lambda path, type_: known.get(tuple(path)) or by_type.get(str(type_))


def play(fact):
    """What our CEL makes of a fact's expression, in the shape of the fact."""
    variables = fact.get("vars", {})
    made = environment({name: found["type"] for name, found in variables.items()})
    told = {key: fact[key] for key in ("expr", "vars", "sizes") if key in fact}
    try:
        checked = made.check(fact["expr"])
    except CompileError as error:
        return told | {"issues": str(error)}
    told["estimate"] = list(map(str, estimate(checked, sizes_of(fact))))
    try:
        program = made.program(checked)
    except ProgramError as error:
        return told | {"program": str(error)}
    values = {name: value_of(read_type(found["type"]), found["value"]) for name, found in variables.items()}
    try:
        told["cost"] = program.cost_of(values)
        if told["cost"] > LIMIT:
            raise BudgetExceeded("operation cancelled: actual cost limit exceeded")
        told["result"] = shown(program.evaluate(values))
    except CelError as error:
        told["error"] = error.message
    except BudgetExceeded as error:
        told["error"] = str(error)
    return told


def chunks(name, size=50):
    """The facts of one file in portions, for tests that go through many."""
    facts = load(name)
    return [facts[start : start + size] for start in range(0, len(facts), size)]


def differences(facts):
    """The facts our CEL does not agree with, each with what it says instead."""
    found = []
    for fact in facts:
        told = play(fact)
        wrong = {key: told.get(key) for key in ("issues", "estimate", "program", "cost", "result", "error")}
        wrong = {key: value for key, value in wrong.items() if value != fact.get(key)}
        if wrong:
            found.append((fact["expr"], {key: (fact.get(key), value) for key, value in wrong.items()}))
    return found
