"""Specs of device kinds, each with something that a rule looks at; what a kube-apiserver says of them is in
`tests/data/kinds/devices.json`."""

from __future__ import annotations

from typing import Any

Tree = dict[str, Any]
UID = "12345678-1234-1234-1234-123456789abc"
BIG = {"a": "x" * 10240}


def opaque(**members: Any) -> Tree:
    return {"opaque": {"driver": "d.example.com", "parameters": {"a": 1}, **members}}


def claim(*requests: Tree, **members: Any) -> Tree:
    return {"devices": {"requests": list(requests), **members}}


def exactly(**members: Any) -> Tree:
    return {"name": "r", "exactly": {"deviceClassName": "c", **members}}


def alternatives(*inner: Tree) -> Tree:
    return {"name": "r", "firstAvailable": list(inner)}


def alternative(name: str = "s", **members: Any) -> Tree:
    return {"name": name, "deviceClassName": "c", **members}


def cel(text: str) -> Tree:
    return {"cel": {"expression": text}}


PLAIN = exactly()
CLASSES: dict[str, Tree] = {
    "empty": {},
    "no expression": {"selectors": [{}]},
    "empty expression": {"selectors": [{"cel": {}}]},
    "many selectors": {"selectors": [cel("true")] * 33},
    "long expression": {"selectors": [cel("x" * 10241)]},
    "no configuration": {"config": [{}]},
    "no driver": {"config": [opaque(driver="")]},
    "odd driver": {"config": [opaque(driver="A_b")]},
    "long driver": {"config": [opaque(driver="a" * 64)]},
    "parameters null": {"config": [opaque(parameters=None)]},
    "parameters a list": {"config": [opaque(parameters=[1])]},
    "parameters text": {"config": [opaque(parameters="x")]},
    "parameters empty": {"config": [opaque(parameters={})]},
    "parameters big": {"config": [opaque(parameters=BIG)]},
    "many configurations": {"config": [opaque()] * 33},
    "parameters absent": {"config": [{"opaque": {"driver": "x"}}]},
    "extended empty": {"extendedResourceName": ""},
    "extended native": {"extendedResourceName": "cpu"},
    "extended": {"extendedResourceName": "a.b/c"},
    "extended quota": {"extendedResourceName": "requests.a/b"},
    "extended kubernetes": {"extendedResourceName": "kubernetes.io/x"},
    "extended odd": {"extendedResourceName": "A/b c"},
}
CLAIMS: dict[str, Tree] = {
    "empty": {},
    "plain": claim(PLAIN),
    "request empty": claim({}),
    "request names": claim({"name": "R_", "exactly": {}}),
    "class name": claim({"name": "r", "exactly": {"deviceClassName": "A_"}}),
    "both forms": claim({**PLAIN, "firstAvailable": [alternative()]}),
    "twice": claim(PLAIN, PLAIN),
    "many requests": claim(*[{**PLAIN, "name": f"r{i}"} for i in range(33)]),
    "no alternatives": claim(alternatives()),
    "many alternatives": claim(alternatives(*[alternative(f"s{i}") for i in range(9)])),
    "alternatives twice": claim(alternatives(alternative(), alternative())),
    "alternatives empty": claim(alternatives({}, alternative("B_"))),
    "alternatives modes": claim(alternatives(
        alternative(allocationMode="All", count=2), alternative("t", count=-1), alternative("u", allocationMode="X"))),
    "all": claim(exactly(allocationMode="All")),
    "all with count": claim(exactly(allocationMode="All", count=1)),
    "negative count": claim(exactly(count=-1)),
    "odd mode": claim(exactly(allocationMode="Some")),
    "admin access": claim(exactly(adminAccess=True)),
    "no admin access": claim(exactly(adminAccess=False)),
    "selectors": claim(exactly(selectors=[{}, cel("")])),
    "many selectors": claim(exactly(selectors=[cel("true")] * 33)),
    "toleration empty": claim(exactly(tolerations=[{}])),
    "toleration odd": claim(exactly(tolerations=[{"key": "A/B/C", "operator": "X", "value": "v", "effect": "E"}])),
    "toleration values": claim(exactly(tolerations=[
        {"key": "k", "operator": "Exists", "value": "v", "effect": "None"},
        {"key": "k", "value": "bad value", "effect": "NoExecute"}])),
    "constraint empty": claim(PLAIN, constraints=[{}]),
    "unqualified attribute": claim(PLAIN, constraints=[{"matchAttribute": "a"}]),
    "constraint requests": claim(PLAIN, constraints=[
        {"matchAttribute": "a/b", "requests": ["r", "x", "r/s", "a/b/c", "R_", "r"]}]),
    "two attributes": claim(PLAIN, constraints=[{"matchAttribute": "", "distinctAttribute": "a"}]),
    "distinct attribute": claim(PLAIN, constraints=[{"distinctAttribute": "x.io/1b"}]),
    "odd attributes": claim(PLAIN, constraints=[
        {"distinctAttribute": "/"}, {"matchAttribute": "a/b/c"}, {"matchAttribute": "A_/b"},
        {"matchAttribute": "a/" + "b" * 33}, {"matchAttribute": "a" * 64 + "/b"}, {"matchAttribute": "<"}]),
    "many constraints": claim(PLAIN, constraints=[{"matchAttribute": "a/b"}] * 33),
    "alternatives referred to": claim(alternatives(alternative()), constraints=[
        {"matchAttribute": "a/b", "requests": ["r/s", "r/t", "r"]}]),
    "no configuration": claim(PLAIN, config=[{}]),
    "configuration requests": claim(PLAIN, config=[{"requests": ["x"], **opaque()}]),
    "many configurations": claim(PLAIN, config=[opaque()] * 33),
    "parameters": claim(PLAIN, config=[opaque(parameters=[])]),
    "many configuration requests": claim(PLAIN, config=[{"requests": [f"r{i}" for i in range(33)], **opaque()}]),
}


def result(**members: Any) -> Tree:
    return {"request": "r", "driver": "d.example.com", "pool": "p", "device": "dev", **members}


def allocation(*results: Tree, **members: Any) -> Tree:
    return {"devices": {"results": list(results)}, **members}


def user(uid: str = "1") -> Tree:
    return {"resource": "pods", "name": "a", "uid": uid}


def reported(**members: Any) -> Tree:
    return {"driver": "d.example.com", "pool": "p", "device": "dev", **members}


def condition(**members: Any) -> Tree:
    return {"type": "Ready", "status": "True", "reason": "R", "message": "m",
            "lastTransitionTime": "2024-01-01T00:00:00Z", **members}


def _given(*devices: Tree) -> Tree:
    return {"allocation": allocation(result(), result(shareID=UID)), "devices": list(devices)}


CLAIMED = claim(PLAIN, {**alternatives(alternative(), alternative("t")), "name": "q"})
"""The spec of the claim that the statuses are of."""
STATUSES: dict[str, Tree] = {
    "user empty": {"reservedFor": [{}]},
    "users twice": {"reservedFor": [user(), user()]},
    "many users": {"reservedFor": [user(str(i)) for i in range(257)]},
    "device empty": {"devices": [{}]},
    "device unallocated": {"devices": [reported()]},
    "result empty": {"allocation": allocation({})},
    "results odd": {"allocation": allocation(
        result(request="x"), result(request="q/s"), result(request="q/z"),
        result(driver="A_", pool="A/b", device="D_"), result(pool="p/" + "x" * 254, device=""))},
    "many results": {"allocation": allocation(*[result(device=f"d{i}") for i in range(33)])},
    "shares": {"allocation": allocation(*[result(shareID=text) for text in (
        "x", UID.upper(), "urn:uuid:" + UID, "{" + UID + "}", UID.replace("-", ""), "z" * 36, "urn:uuix:" + UID,
        "[" + UID + "]", "z" * 32)])},
    "binding": {"allocation": allocation(
        result(bindingConditions=["a"]), result(bindingFailureConditions=["a"]),
        result(bindingConditions=["a", "a"], bindingFailureConditions=["a", "b", "b"]),
        result(bindingConditions=["a b"], bindingFailureConditions=["!"]),
        result(bindingConditions=list("abcde"), bindingFailureConditions=list("fghij")))},
    "admin access": {"allocation": allocation(result(adminAccess=True))},
    "configurations": {"allocation": {"devices": {"config": [
        {}, {"source": "X", **opaque()}, {"source": "FromClass", "requests": ["zz"], **opaque(parameters=None)}]}}},
    "many configurations": {"allocation": {"devices": {"config": [{"source": "FromClass", **opaque()}] * 65}}},
    "no terms": {"allocation": allocation(result(), nodeSelector={})},
    "terms": {"allocation": allocation(result(), nodeSelector={"nodeSelectorTerms": [
        {"matchExpressions": [{"key": "a b", "operator": "In"}],
         "matchFields": [{"key": "x", "operator": "In", "values": ["a"]}]}]})},
    "tolerations": {"allocation": allocation(result(tolerations=[{"key": "x"}]))},
    "device": _given(reported()),
    "devices twice": _given(reported(), reported()),
    "device of a share": _given(reported(shareID=UID)),
    "device of an odd share": _given(reported(shareID="x")),
    "conditions twice": _given(reported(conditions=[condition(), condition()])),
    "condition empty": _given(reported(conditions=[{}])),
    "condition odd": _given(reported(conditions=[condition(
        type="a b", status="X", reason="1", observedGeneration=-1, message="x" * 32769)])),
    "many conditions": _given(reported(conditions=[condition(type=f"c{i}", reason="x" * 1025) for i in range(9)])),
    "data": _given(reported(data={"a": 1})),
    "data a list": _given(reported(data=[])),
    "data null": _given(reported(data=None)),
    "data big": _given(reported(data=BIG)),
    "network empty": _given(reported(networkData={})),
    "network odd": _given(reported(networkData={"interfaceName": "x" * 257, "hardwareAddress": "y" * 129, "ips": [
        "1.2.3.4", "1.2.3.4/24", "1.2.3.4/24", "x", "::1/64", "2001:DB8::1/64", "010.0.0.1/8", "::ffff:1.2.3.4/120",
        "1.2.3.4/33"]})),
    "many addresses": _given(reported(networkData={"ips": [f"10.0.0.{i}/24" for i in range(17)]})),
}


def offer(*devices: Tree, **members: Any) -> Tree:
    """The spec of a slice."""
    spec = {"driver": "d.example.com", "pool": {"name": "p", "resourceSliceCount": 1}, "nodeName": "n", **members}
    return {**spec, "devices": list(devices)} if devices else spec


def device(name: str = "a", **members: Any) -> Tree:
    return {"name": name, **members}


def _attribute(**members: Any) -> Tree:
    return offer(device(attributes={"x": members}))


def _named(name: str) -> Tree:
    return offer(device(attributes={name: {"int": 1}}))


def _capacity(value: str = "10", shared: bool = True, **policy: Any) -> Tree:
    return offer(device(allowMultipleAllocations=shared, capacity={"x": {"value": value, "requestPolicy": policy}}))


def _range(default: str = "2", value: str = "10", **limits: str) -> Tree:
    return _capacity(value, default=default, validRange=limits)


def _placed(**members: Any) -> Tree:
    return offer(device(**members), nodeName=None, perDeviceNodeSelection=True)


def _counters(name: str = "c", counters: int = 1) -> Tree:
    return {"name": name, "counters": {f"x{i}": {"value": "1"} for i in range(counters)}}


def _consumes(*names: str, counters: int = 1) -> Tree:
    return offer(device(consumesCounters=[
        {"counterSet": name, "counters": _counters(counters=counters)["counters"]} for name in names]))


TERM = {"matchExpressions": [{"key": "a", "operator": "Exists"}]}
NAMED_TERM = {"matchFields": [{"key": "metadata.name", "operator": "In", "values": ["<a>"]}]}
SLICES: dict[str, Tree] = {
    "empty": {},
    "plain": offer(),
    "odd driver": offer(driver="A_"),
    "pool empty": offer(pool={}),
    "pool odd": offer(pool={"name": "A_/b", "generation": -1, "resourceSliceCount": -1}),
    "pool long": offer(pool={"name": "a/" + "b" * 254, "resourceSliceCount": 1}),
    "node empty": offer(nodeName=""),
    "node odd": offer(nodeName="A_"),
    "nowhere": offer(nodeName=None),
    "node and all": offer(allNodes=True),
    "not all": offer(allNodes=False),
    "node and selector": offer(nodeSelector={"nodeSelectorTerms": [TERM]}),
    "selector empty": offer(nodeName=None, nodeSelector={}),
    "two terms": offer(nodeName=None, nodeSelector={"nodeSelectorTerms": [TERM, NAMED_TERM]}),
    "node and each": offer(perDeviceNodeSelection=True),
    "not each": offer(perDeviceNodeSelection=False),
    "everywhere": offer(nodeName=None, allNodes=True),
    "counters and devices": offer(device(), sharedCounters=[_counters()]),
    "counter set empty": offer(sharedCounters=[{}]),
    "counter set odd": offer(sharedCounters=[{"name": "C_", "counters": {"X_": {"value": "1"}}}]),
    "counter sets twice": offer(sharedCounters=[_counters()] * 2),
    "many counter sets": offer(sharedCounters=[_counters(f"c{i}") for i in range(9)]),
    "many counters": offer(sharedCounters=[_counters(counters=33)]),
    "devices twice": offer(device(), device()),
    "device empty": offer({}),
    "device odd": offer(device("A_")),
    "many devices": offer(*[device(f"d{i}") for i in range(129)]),
    "many tainted": offer(*[device(f"d{i}", taints=[{"key": "a", "effect": "NoExecute"}]) for i in range(65)]),
    "many attributes": offer(device(attributes={f"a{i}": {"int": 1} for i in range(33)})),
    "very many attributes": offer(device(attributes={f"a{i}": {"int": 1} for i in range(49)})),
    "attribute empty": _attribute(),
    "attribute two": _attribute(int=1, bool=True),
    "attribute three": _attribute(int=1, bool=False, string="<x>", version="1"),
    "attribute long": _attribute(string="x" * 65),
    "attribute short version": _attribute(version="1.2"),
    "attribute version": _attribute(version="1.2.3-a.b+c"),
    "attribute long version": _attribute(version="1.0.0-" + "a" * 64),
    "attribute zero": _attribute(int=0),
    "attribute list": _attribute(ints=[1]),
    "attribute and list": _attribute(int=1, versions=["a"]),
    "name digit": _named("1a"),
    "name no domain": _named("/a"),
    "name no name": _named("a/"),
    "name two slashes": _named("a/b/c"),
    "name long": _named("x" * 33),
    "name very long": offer(device(attributes={"y" * 120: {}})),
    "name odd domain": _named("a_b/c"),
    "name long domain": _named("a" * 64 + "/c"),
    "capacity": offer(device(capacity={"x": {"value": "1"}})),
    "capacity empty": offer(device(capacity={"x": {}})),
    "capacity undivided": _capacity(shared=False),
    "policy empty": _capacity(),
    "policy default": _capacity(default="1"),
    "values without default": _capacity(validValues=["1"]),
    "values": _capacity(default="1", validValues=["1", "2"]),
    "values odd": _capacity(default="3", validValues=["2", "1", "2", "11"]),
    "many values": _capacity(default="1", validValues=[str(i) for i in range(11)]),
    "values and range": _capacity(default="1", validValues=["1"], validRange={"min": "1"}),
    "range without default": _capacity(validRange={}),
    "values with fractions": _capacity("1Gi", default="1500m", validValues=["1500m", "2"]),
    "range without min": _range(),
    "range": _range(min="1"),
    "min beyond": _range(min="11"),
    "default below": _range(min="3"),
    "range closed": _range(min="1", max="2"),
    "min above max": _range(min="3", max="1"),
    "max beyond": _range(min="1", max="11"),
    "default above": _range("5", min="1", max="4"),
    "step": _range(min="0", step="2"),
    "step odd": _range(min="1", step="2"),
    "step beyond": _range(min="1", step="10"),
    "step past max": _range(min="0", max="5", step="2"),
    "step in gibi": _range("2Gi", "10Gi", min="1Gi", step="512Mi"),
    "step beyond in gibi": _range("2Gi", "10Gi", min="1Gi", step="10Gi"),
    "taint empty": offer(device(taints=[{}])),
    "taint odd": offer(device(taints=[{"key": "a b", "value": "!", "effect": "E"}])),
    "many taints": offer(device(taints=[{"key": "a", "effect": "None"}] * 17)),
    "taint": offer(device(taints=[{"key": "a", "effect": "None"}])),
    "consumption empty": offer(device(consumesCounters=[{}])),
    "consumption odd": offer(device(consumesCounters=[{"counterSet": "C_", "counters": {"A_": {"value": "1"}}}])),
    "consumptions twice": _consumes("c", "c"),
    "many consumptions": _consumes("a", "b", "c"),
    "many consumed": _consumes("c", counters=33),
    "device node": offer(device(nodeName="n")),
    "device not all": offer(device(allNodes=False)),
    "placed nowhere": _placed(),
    "placed empty": _placed(nodeName=""),
    "placed odd": _placed(nodeName="A_"),
    "placed": _placed(nodeName="n"),
    "placed twice": _placed(nodeName="n", allNodes=True),
    "placed not all": _placed(allNodes=False),
    "placed no terms": _placed(nodeSelector={}),
    "placed two terms": _placed(nodeSelector={"nodeSelectorTerms": [TERM, TERM]}),
    "binding": offer(device(bindingConditions=["a"])),
    "binding whole": offer(device(bindsToNode=True, bindingConditions=["a"], bindingFailureConditions=["b"])),
    "node resources": offer(device(nodeAllocatableResourceMappings={"cpu": {}})),
}
