"""Specs of flow control, each with something that a rule looks at; what a kube-apiserver says of them is in
`tests/data/kinds/flow-control.json`."""

from __future__ import annotations

from typing import Any

Tree = dict[str, Any]
LEVEL = {"priorityLevelConfiguration": {"name": "global-default"}}
_RESOURCE = {"verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "namespaces": ["*"]}
_RULE = {"subjects": [{"kind": "Group", "group": {"name": "g"}}], "resourceRules": [_RESOURCE]}


def schema(**members: Any) -> Tree:
    """With one rule, of which these members differ."""
    return {**LEVEL, "rules": [{**_RULE, **members}]}


def _resources(**members: Any) -> Tree:
    return schema(resourceRules=[{**_RESOURCE, **members}])


def _paths(**members: Any) -> Tree:
    return schema(nonResourceRules=[{"verbs": ["get"], "nonResourceURLs": ["/a"], **members}])


def _subjects(*subjects: Tree) -> Tree:
    return schema(subjects=list(subjects))


SCHEMAS: dict[str, Tree] = {
    "empty": {},
    "plain": schema(),
    "negative precedence": {"matchingPrecedence": -1},
    "high precedence": {"matchingPrecedence": 10001, "priorityLevelConfiguration": {"name": "A_b"}},
    "first": {"matchingPrecedence": 1, "priorityLevelConfiguration": {"name": ""}},
    "method empty": {**schema(), "distinguisherMethod": {}},
    "method odd": {**schema(), "distinguisherMethod": {"type": "<&>"}},
    "rule empty": {**LEVEL, "rules": [{}]},
    "no subjects": _subjects(),
    "subject empty": _subjects({}),
    "subject odd": _subjects({"kind": "Robot"}),
    "subjects without": _subjects({"kind": "User"}, {"kind": "Group"}, {"kind": "ServiceAccount"}),
    "user and others": _subjects({"kind": "User", "user": {}, "group": {"name": "g"},
                                  "serviceAccount": {"name": "a"}}),
    "group and others": _subjects({"kind": "Group", "user": {}, "group": {}, "serviceAccount": {"name": "a"}}),
    "account and others": _subjects({"kind": "ServiceAccount", "user": {}, "group": {},
                                     "serviceAccount": {"name": "A_", "namespace": "B_"}}),
    "account empty": _subjects({"kind": "ServiceAccount", "serviceAccount": {}}),
    "any account": _subjects({"kind": "ServiceAccount", "serviceAccount": {"name": "*", "namespace": "*"}}),
    "no verbs": _resources(verbs=[]),
    "any verb": _resources(verbs=["*"]),
    "any verb and one": _resources(verbs=["*", "get"]),
    "odd verb": _resources(verbs=["fly", "get"]),
    "no groups": _resources(apiGroups=[]),
    "any group": _resources(apiGroups=["*"]),
    "any group and one": _resources(apiGroups=["*", "a"]),
    "no resources": _resources(resources=[]),
    "any resource and one": _resources(resources=["*", "a"]),
    "no namespaces": _resources(namespaces=[]),
    "cluster scope": _resources(namespaces=[], clusterScope=True),
    "any namespace and one": _resources(namespaces=["*", "a"]),
    "odd namespaces": _resources(namespaces=["A_", "b", "x" * 64]),
    "no path verbs": _paths(verbs=[]),
    "any path verb and one": _paths(verbs=["*", "a"]),
    "odd path verb": _paths(verbs=["x"]),
    "no paths": _paths(nonResourceURLs=[]),
    "any path and one": _paths(nonResourceURLs=["*", "/a"]),
    "odd paths": _paths(nonResourceURLs=["", "/", "a", "/a b", "/a//b", "/a*", "/a/*", "/*/*", "/a/*/b", "/*"]),
}


def limited(**members: Any) -> Tree:
    return {"type": "Limited", "limited": {"limitResponse": {"type": "Reject"}, **members}}


def _queued(**members: int) -> Tree:
    return limited(limitResponse={"type": "Queue", "queuing": members})


LEVELS: dict[str, Tree] = {
    "plain": limited(),
    "exempt": {"type": "Exempt"},
    "exempt odd": {"type": "Exempt", "limited": {}, "exempt": {"nominalConcurrencyShares": -1,
                                                               "lendablePercent": 101}},
    "limited without": {"type": "Limited"},
    "limited and exempt": {"type": "Limited", "exempt": {}},
    "odd type": {"type": "<x>"},
    "numbers": limited(limitResponse={"type": "Drop"}, nominalConcurrencyShares=-2, lendablePercent=-1,
                       borrowingLimitPercent=-1),
    "rejects with queues": limited(limitResponse={"type": "Reject", "queuing": {}}),
    "queues without": limited(limitResponse={"type": "Queue"}),
    "queues": _queued(),
    "queues negative": _queued(queues=-1, handSize=-1, queueLengthLimit=-1),
    "too many queues": _queued(queues=10000001),
    "hand beyond": _queued(queues=1, handSize=2),
    "entropy": _queued(queues=64, handSize=10),
    "too much entropy": _queued(queues=64, handSize=11),
    "much entropy": _queued(queues=1000000, handSize=3),
    "one queue": _queued(queues=1, handSize=1),
}
