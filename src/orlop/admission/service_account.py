"""ServiceAccount: every new pod runs as an account that exists, and its containers get that account's token.

Asked for pods and their ephemeral containers. The account `default` of a new namespace is made by a controller, so a
pod that comes before it waits a moment. Behaviour: kubernetes `plugin/pkg/admission/serviceaccount/admission.go`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

from orlop.admission.interface import CREATE, UPDATE, Attributes
from orlop.admission.second_look import CatchUp
from orlop.api import names
from orlop.api.field import quote
from orlop.api.gvk import GroupResource, GroupVersionResource
from orlop.api.tree import Tree

DEFAULT: Final = "default"
MOUNT_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
VOLUME: Final = "kube-api-access-"
TOKEN_SECONDS: Final = 3607
"""Life of the token that a kubelet asks for; upstream knows it by this odd number."""
ATTEMPTS: Final = 30
PAUSE: Final = 0.05
"""How often, and after how many seconds, the default account of a namespace is looked for again."""
_MIRROR: Final = "kubernetes.io/config.mirror"
_ENFORCE: Final = "kubernetes.io/enforce-mountable-secrets"
_TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_PODS: Final = GroupResource("", "pods")

Accounts: TypeAlias = Callable[[str], Mapping[str, Tree]]
"""The accounts of a namespace by name; not to be changed."""


class ServiceAccount:
    """`suffix` gives random characters for the name of a volume."""

    name = "ServiceAccount"

    def __init__(self, accounts: Accounts, suffix: Callable[[], str], catch_up: CatchUp | None = None) -> None:
        self._accounts, self._suffix, self._catch_up = accounts, suffix, catch_up

    def handles(self, resource: GroupVersionResource, subresource: str, operation: str) -> bool:
        if resource.group_resource != _PODS:
            return False
        return (subresource, operation) in (("", CREATE), ("ephemeralcontainers", UPDATE))

    def admit(self, attributes: Attributes) -> Awaitable[None] | None:
        pod = attributes.obj
        assert pod is not None
        if attributes.operation != CREATE:
            return None
        if _is_mirror(pod):
            self._check_mirror(attributes, pod)
            return None
        spec = pod.setdefault("spec", {})
        name = spec.get("serviceAccountName") or DEFAULT
        spec["serviceAccountName"] = spec["serviceAccount"] = name
        account = self._accounts(attributes.namespace).get(name)
        if account is None:
            return self._admit_later(attributes, spec, name)
        self._furnish(spec, account)
        return None

    async def _admit_later(self, attributes: Attributes, spec: Tree, name: str) -> None:
        self._furnish(spec, await self._awaited(attributes, name))

    async def _awaited(self, attributes: Attributes, name: str) -> Tree:
        for attempt in range(ATTEMPTS if name == DEFAULT else 1):
            if attempt:
                await asyncio.sleep(PAUSE)
            if self._catch_up is not None:
                await self._catch_up()
            account = self._accounts(attributes.namespace).get(name)
            if account is not None:
                return account
        complaints = names.path_segment_name(name)  # upstream's client refuses to ask for such a name
        reason = (f"invalid resource name {quote(name)}: [{' '.join(complaints)}]" if complaints
                  else f"serviceaccount {quote(name)} not found")
        raise attributes.forbidden(f"error looking up service account {attributes.namespace}/{name}: {reason}")

    def _furnish(self, spec: Tree, account: Tree) -> None:
        wanted = spec.get("automountServiceAccountToken")
        if wanted is None:
            wanted = account.get("automountServiceAccountToken")
        if wanted is None or wanted:
            self._mount(spec)
        if not spec.get("imagePullSecrets") and account.get("imagePullSecrets"):
            spec["imagePullSecrets"] = [{"name": one["name"]} if one.get("name") else {}
                                        for one in account["imagePullSecrets"]]

    def _mount(self, spec: Tree) -> None:
        """A container that has something of its own in that place keeps it."""
        volumes: list[Tree] = spec.get("volumes") or []
        existing = next((volume["name"] for volume in volumes if volume.get("name", "").startswith(VOLUME)), "")
        name = existing or VOLUME + self._suffix()
        needed = False
        for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
            mounts = container.get("volumeMounts") or []
            if all(mount.get("mountPath") != MOUNT_PATH for mount in mounts):
                container["volumeMounts"] = [*mounts, {"name": name, "readOnly": True, "mountPath": MOUNT_PATH}]
                needed = True
        if needed and not existing:
            spec["volumes"] = [*volumes, {"name": name, "projected": _token_volume()}]

    # --- what is checked once all plugins have changed what they want ---------------------------------------------

    def validate(self, attributes: Attributes) -> Awaitable[None] | None:
        pod = attributes.obj
        assert pod is not None
        creating = attributes.operation == CREATE
        if creating and _is_mirror(pod):
            self._check_mirror(attributes, pod)
            return None
        spec = pod.get("spec") or {}
        name = spec.get("serviceAccountName") or ""
        if not name:
            raise attributes.forbidden("no service account specified for pod "
                                       f"{attributes.namespace}/{pod['metadata'].get('name', '')}")
        account = self._accounts(attributes.namespace).get(name)
        if account is None:
            return self._validate_later(attributes, spec, name)
        self._check_secrets(attributes, spec, account)
        return None

    async def _validate_later(self, attributes: Attributes, spec: Tree, name: str) -> None:
        self._check_secrets(attributes, spec, await self._awaited(attributes, name))

    @staticmethod
    def _check_mirror(attributes: Attributes, pod: Tree) -> None:
        """A pod that a kubelet made by itself may use nothing that the server gives."""
        spec = pod.get("spec") or {}
        if spec.get("serviceAccountName"):
            raise attributes.forbidden("a mirror pod may not reference service accounts")
        if any(True for _ in _secret_names(spec)):
            raise attributes.forbidden("a mirror pod may not reference secrets")
        for volume in spec.get("volumes") or ():
            for source in (volume.get("projected") or {}).get("sources") or ():
                if source.get("serviceAccountToken") is not None:
                    raise attributes.forbidden("a mirror pod may not use ServiceAccountToken volume projections")

    @staticmethod
    def _check_secrets(attributes: Attributes, spec: Tree, account: Tree) -> None:
        """Accounts may restrict their pods to the secrets that they name."""
        annotations = account["metadata"].get("annotations") or {}
        if annotations.get(_ENFORCE) not in _TRUE:
            return
        allowed = {one.get("name", "") for one in account.get("secrets") or ()}
        name = account["metadata"]["name"]
        if attributes.operation != CREATE:
            complaint = _in_containers(spec.get("ephemeralContainers") or (), "ephemeral container", allowed)
        else:
            complaint = _in_volumes(spec, allowed) or _in_containers(
                spec.get("initContainers") or (), "init container", allowed) or _in_containers(
                spec.get("containers") or (), "container", allowed)
        if complaint:
            raise attributes.forbidden(f"{complaint} is not allowed because service account {name} does not reference "
                                       "that secret")
        if attributes.operation == CREATE:
            pull = {one.get("name", "") for one in account.get("imagePullSecrets") or ()}
            for index, one in enumerate(spec.get("imagePullSecrets") or ()):
                if one.get("name", "") not in pull:
                    raise attributes.forbidden(
                        f'imagePullSecrets[{index}].name="{one.get("name", "")}" is not allowed because service '
                        f"account {name} does not reference that imagePullSecret")


def _is_mirror(pod: Tree) -> bool:
    return _MIRROR in (pod["metadata"].get("annotations") or {})


def _token_volume() -> Tree:
    return {"defaultMode": 420, "sources": [
        {"serviceAccountToken": {"expirationSeconds": TOKEN_SECONDS, "path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": {
            "apiVersion": "v1", "fieldPath": "metadata.namespace"}}]}},
    ]}


def _in_volumes(spec: Tree, allowed: set[str]) -> str:
    for volume in spec.get("volumes") or ():
        secret = volume.get("secret")
        if secret is not None and secret.get("secretName", "") not in allowed:
            return f'volume with secret.secretName="{secret.get("secretName", "")}"'
    return ""


def _in_containers(containers: Sequence[Tree], what: str, allowed: set[str]) -> str:
    for container in containers:
        for variable in container.get("env") or ():
            reference = (variable.get("valueFrom") or {}).get("secretKeyRef")
            if reference is not None and reference.get("name", "") not in allowed:
                return (f"{what} {container['name']} with envVar {variable['name']} referencing "
                        f'secret.secretName="{reference.get("name", "")}"')
        for source in container.get("envFrom") or ():
            reference = source.get("secretRef")
            if reference is not None and reference.get("name", "") not in allowed:
                return (f"{what} {container['name']} with envFrom referencing "
                        f'secret.secretName="{reference.get("name", "")}"')
    return ""


def _secret_names(spec: Any) -> Iterator[str]:
    """The secrets that a pod names anywhere: references to secrets have members of these names, whatever the volume."""
    for container in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ()),
                      *(spec.get("ephemeralContainers") or ())):
        for source in container.get("envFrom") or ():
            if source.get("secretRef"):
                yield source["secretRef"].get("name", "")
        for variable in container.get("env") or ():
            if (variable.get("valueFrom") or {}).get("secretKeyRef"):
                yield variable["valueFrom"]["secretKeyRef"].get("name", "")
    for reference in spec.get("imagePullSecrets") or ():
        yield reference.get("name", "")
    for volume in spec.get("volumes") or ():
        yield from _in_volume(volume)


def _in_volume(volume: Tree) -> Iterator[str]:
    for kind, source in volume.items():
        if kind == "name" or not isinstance(source, dict):
            continue
        if kind == "secret" or kind == "azureFile":
            yield source.get("secretName", "")
        for member in ("secretRef", "nodePublishSecretRef"):
            if source.get(member):
                yield source[member].get("name", "")
        for projection in source.get("sources") or ():
            if projection.get("secret"):
                yield projection["secret"].get("name", "")
