"""Definitions as well-known projects write theirs: each uses the features of one family of CRDs, in names of its own.

The features were looked up in the projects' published CRDs; names, texts and rules here are written for these tests.
"""

from __future__ import annotations

from typing import Any

Tree = dict[str, Any]
PATH = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NAME_PATTERN = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
TEXT: Tree = {"type": "string"}
COUNT: Tree = {"type": "integer", "format": "int32", "minimum": 0}
EITHER: Tree = {"x-kubernetes-int-or-string": True, "anyOf": [{"type": "integer"}, {"type": "string"}],
                "pattern": "^[0-9]+[a-z]*$"}
ANYTHING: Tree = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}


def struct(required: str = "", /, **properties: Tree) -> Tree:
    made: Tree = {"type": "object", "properties": properties}
    return made | {"required": required.split()} if required else made


def array(items: Tree, /, **more: Any) -> Tree:
    made: Tree = {"type": "array", "items": items}
    for key, value in more.items():
        made[f"x-kubernetes-{key.replace('_', '-')}" if key.startswith("list") else key] = value
    return made


def text(**more: Any) -> Tree:
    return TEXT | more


def rule(expression: str, **more: Any) -> Tree:
    return {"rule": expression, **more}


def ruled(schema: Tree, *rules: Tree) -> Tree:
    return schema | {"x-kubernetes-validations": list(rules)}


CONDITIONS = array(struct(
    "type status", type=text(maxLength=40, pattern="^[A-Z]"), status=text(enum=["True", "False", "Unknown"]),
    reason=text(minLength=1), message=text(maxLength=64), lastTransitionTime=text(format="date-time"),
    observedGeneration={"type": "integer", "format": "int64", "minimum": 0}),
    list_type="map", list_map_keys=["type"], maxItems=8)


def version(name: str, schema: Tree, **more: Any) -> Tree:
    return {"name": name, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema},
            "subresources": {"status": {}}} | more


def definition(kind: str, *versions: Tree, scope: str = "Namespaced") -> Tree:
    plural, group = kind.lower() + "s", f"{kind.lower()}.shapes.example.com"
    return {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {"group": group, "scope": scope, "names": {"kind": kind, "plural": plural},
                     "versions": list(versions)}}


SECRET = struct("name", name=TEXT, key=text(default="tls.key"))
ISSUED = definition("Issued", version("v1", struct(
    spec=struct("secretName issuer", secretName=text(minLength=1), issuer=struct("name", name=TEXT, kind=TEXT),
                duration=text(format="duration"), renewBefore=TEXT, dnsNames=array(TEXT, maxItems=3),
                usages=array(text(enum=["signing", "server auth", "client auth"]), list_type="set"),
                keystore=struct("create", create={"type": "boolean"}, password=SECRET),
                key={"type": "object", "properties": {"size": COUNT | {"enum": [2048, 4096]}, "encoding": text(
                    default="PKCS1")}, "default": {"encoding": "PKCS8"}}, ca=text(format="byte")),
    status=struct(conditions=CONDITIONS, notAfter=text(format="date-time"), revision={"type": "integer"})),
    additionalPrinterColumns=[
        {"name": "Ready", "type": "string", "jsonPath": '.status.conditions[?(@.type == "Ready")].status'},
        {"name": "Secret", "type": "string", "jsonPath": ".spec.secretName"},
        {"name": "Until", "type": "date", "jsonPath": ".status.notAfter", "priority": 1}]))
"""Certificates and their issuers."""

LISTENER = ruled(
    struct("name port", name=text(pattern=NAME_PATTERN, maxLength=20), port=COUNT | {"maximum": 65535},
           protocol=text(enum=["HTTP", "HTTPS", "TCP"], default="HTTP"), hostname=text(maxLength=40),
           tls=struct(mode=text(enum=["Terminate", "Passthrough"], default="Terminate"),
                      refs=array(struct("name", name=text(maxLength=20)), maxItems=2))),
    rule("self.protocol == 'HTTPS' || !has(self.tls)", message="tls is for HTTPS", reason="FieldValueForbidden",
         fieldPath=".tls"),
    rule("!has(self.hostname) || self.hostname.contains('.')",
         messageExpression="'no dots in ' + self.hostname", fieldPath=".hostname"))
GATE = definition("Gate", version("v1", struct(
    "spec", spec=ruled(
        struct("className listeners", className=ruled(text(minLength=1, maxLength=20),
                                                      rule("self == oldSelf", message="the class stays")),
               listeners=ruled(array(LISTENER, list_type="map", list_map_keys=["name"], minItems=1, maxItems=4),
                               rule("self.all(a, self.exists_one(b, a.port == b.port))", message="one each port")),
               addresses=array(struct(type=text(default="IPAddress"), value=text(maxLength=20)), maxItems=2),
               weight=COUNT | {"default": 1, "maximum": 100}),
        rule("!has(oldSelf.addresses) || has(self.addresses)", message="addresses stay")),
    status={"type": "object", "properties": {"conditions": CONDITIONS},
            "default": {"conditions": [{"type": "Accepted", "status": "Unknown"}]}})))
"""Gateways and routes: defaults, rules over lists, transitions."""

CONTAINER = struct("image", image=text(minLength=1), name=TEXT, args=array(TEXT), port=EITHER,
                   resources=struct(limits={"type": "object", "additionalProperties": EITHER}))
FLOW = definition("Flow", version("v1alpha1", struct(
    "metadata spec", spec=struct(
        entry=TEXT, templates=array(struct(
            "name", name=TEXT, container=CONTAINER, inputs=ANYTHING,
            steps=array(array(ANYTHING, list_type="atomic")))),
        claims=array({"type": "object", "x-kubernetes-embedded-resource": True,
                      "x-kubernetes-preserve-unknown-fields": True}),
        parameters=array(struct("name", name=TEXT, value={"x-kubernetes-preserve-unknown-fields": True})),
        deadline=EITHER, suspend={"type": "boolean", "nullable": True}),
    status=ANYTHING)))
"""Workflows: parts that nobody describes, embedded resources, integers or strings."""

WATCHED = definition("Watched", version("v1", struct(
    "spec", spec=struct(
        "selector endpoints", selector=struct(matchLabels={"type": "object", "additionalProperties": TEXT}) | {
            "x-kubernetes-map-type": "atomic"},
        endpoints=array({**struct(port=TEXT, targetPort=EITHER, interval=text(pattern="^(0|[0-9]+(ms|s|m))$"),
                                  scheme=text(enum=["http", "https"]),
                                  relabel=array(struct(action=text(default="replace", enum=["replace", "drop"]),
                                                       source=array(TEXT)))),
                         "oneOf": [{"required": ["port"]}, {"required": ["targetPort"]}]}),
        namespaces={"type": "object", "properties": {"any": {"type": "boolean"}, "names": array(TEXT)},
                    "maxProperties": 1}, limit={"type": "integer", "format": "int64", "multipleOf": 5},
        ratio={"type": "number", "exclusiveMinimum": True, "minimum": 0, "maximum": 1}))))
"""Monitors: patterns, oneOf, atomic maps."""

STEP = ruled(struct("step", step=text(maxLength=20), ref=struct("name", name=text(maxLength=20)), input=ANYTHING | {
    "x-kubernetes-embedded-resource": True}, requires=struct(resources=array(struct(
        "requirement", requirement=text(maxLength=8), matchName=text(maxLength=8), matchLabels={
            "type": "object", "additionalProperties": text(maxLength=8), "maxProperties": 2}),
        list_type="map", list_map_keys=["requirement"], maxItems=2))), rule("self.step != 'none'"))
MODE = text(enum=["Pipeline", "Resources"], default="Pipeline")
COMPOSED_SPEC = ruled(
    struct("type", type=text(maxLength=20), mode=MODE,
           pipeline=array(STEP, list_type="map", list_map_keys=["step"], maxItems=4)),
    rule("self.mode != 'Pipeline' || (has(self.pipeline) && self.pipeline.size() > 0)",
         message="a pipeline needs steps"))
COMPOSED = definition(
    "Composed", version("v1", struct(spec=COMPOSED_SPEC)),
    version("v1beta1", struct(spec=struct("type", type=TEXT, note=TEXT)), storage=False, deprecated=True,
            deprecationWarning="v1beta1 is from yesterday"), scope="Cluster")
"""Compositions: cluster-wide, two versions that differ, embedded inputs."""

FLEET = definition("Fleet", version("v1beta2", struct(
    spec=struct("cluster", cluster=text(minLength=1, maxLength=63), replicas=COUNT | {"default": 1},
                taints=array(struct("key effect", key=TEXT, effect=text(enum=["NoSchedule", "NoExecute"]),
                                    value=TEXT), list_type="map", list_map_keys=["key", "effect"]),
                rollout={"type": "object", "minProperties": 1, "properties": {"after": text(format="date-time"),
                                                                              "surge": EITHER}}),
    status=struct(replicas=COUNT, selector=TEXT, conditions=CONDITIONS)),
    subresources={"status": {}, "scale": {
        "specReplicasPath": ".spec.replicas", "statusReplicasPath": ".status.replicas",
        "labelSelectorPath": ".status.selector"}},
    selectableFields=[{"jsonPath": ".spec.cluster"}]),
    version("v1beta1", struct(
        spec=struct("cluster", cluster=TEXT, replicas=COUNT, paused={"type": "boolean", "default": False}),
        status=struct(replicas=COUNT)), storage=False))
"""Machines and what scales: scale, lists with two keys, selectable fields, two versions."""

ALL = {each["spec"]["names"]["kind"]: each for each in (ISSUED, GATE, FLOW, WATCHED, COMPOSED, FLEET)}
