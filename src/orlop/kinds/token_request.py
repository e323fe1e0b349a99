"""serviceaccounts/NAME/token: a signed token instead of a stored object.

Made by `service_account`; asks `auth.service_accounts` for the token and the stores for what it is bound to.
Behaviour: kubernetes `pkg/registry/core/serviceaccount/storage/token.go`, `pkg/apis/authentication/validation`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from orlop.api import errors, times
from orlop.api.context import Context
from orlop.api.field import Path, invalid, quote
from orlop.api.gvk import GroupKind, GroupResource, GroupVersion
from orlop.api.options import CreateOptions
from orlop.api.tree import Tree
from orlop.auth.service_accounts import TokenIssuer
from orlop.kinds.checks import SPEC, Errors
from orlop.registry import times as registry_times
from orlop.registry.interface import Admit
from orlop.registry.store import Outside, Store

MIN_SECONDS: Final = 600
MAX_SECONDS: Final = 1 << 32
PROJECTED_SECONDS: Final = 3600 + 7
"""What kubelets ask for; such tokens are made to last a year and counted as stale after this long."""
EXTENDED_SECONDS: Final = 365 * 24 * 3600
_KIND: Final = GroupKind("authentication.k8s.io", "TokenRequest")
_SECONDS: Final = SPEC.child("expirationSeconds")
_BINDABLE: Final = {"Pod": "pods", "Node": "nodes", "Secret": "secrets"}

Bound = dict[str, Tree | None]
"""The objects that a token shall not outlive, as `TokenIssuer.issue` takes them."""


class TokenRequests:
    """`preserves_metadata`: clients name the account they mean by its uid."""

    preserves_metadata = True

    def __init__(self, stores: Mapping[tuple[str, str], Store], issuer: TokenIssuer, audiences: Sequence[str],
                 outside: Outside) -> None:
        self._stores, self._issuer, self._audiences, self._outside = stores, issuer, tuple(audiences), outside

    async def create(self, ctx: Context, name: str, obj: Tree, admit: Admit, options: CreateOptions) -> Tree:
        self._check_names(ctx, name, obj["metadata"])
        account = self._find("serviceaccounts", ctx.namespace, name)
        spec = self._complete(obj, account)
        if found := _check_seconds(spec["expirationSeconds"]):
            raise errors.invalid(_KIND, "", found)
        verdict = admit(obj, None)
        if verdict is not None:
            await verdict
        bound = self._bound(ctx, name, spec.get("boundObjectRef"))
        wanted = spec["expirationSeconds"]
        seconds, stale = wanted, 0
        if wanted == PROJECTED_SECONDS and "pod" in bound and set(spec["audiences"]).issubset(self._audiences):
            seconds, stale = EXTENDED_SECONDS, wanted
        issued = self._issuer.issue(account, spec["audiences"], seconds, warn_after=stale, **bound)
        expires = times.from_timestamp(issued.expires_at - seconds + wanted)
        obj["status"] = {"token": issued.token, "expirationTimestamp": times.text(expires)}
        return obj

    @staticmethod
    def _check_names(ctx: Context, name: str, metadata: Tree) -> None:
        for member, expected in (("name", name), ("namespace", ctx.namespace)):
            given = metadata.get(member)
            if given and given != expected:
                problem = invalid(Path("metadata").child(member), given,
                                  f"must match the service account {member} if specified")
                raise errors.invalid(_KIND, name, [problem])

    def _complete(self, obj: Tree, account: Tree) -> Tree:
        """Fill in what the client left out. Returns the spec."""
        metadata, own = obj["metadata"], account["metadata"]
        if metadata.get("uid") not in (None, "", own["uid"]):
            raise errors.conflict(GroupResource(_KIND.group, _KIND.kind), own["name"], (
                f"the UID in the token request ({metadata['uid']}) does not match the UID of the service account "
                f"({own['uid']})"))
        metadata["name"], metadata["namespace"], metadata["uid"] = own["name"], own["namespace"], own["uid"]
        metadata["creationTimestamp"] = registry_times.text(self._outside.clock.now())
        spec: Tree = obj.setdefault("spec", {})
        if not spec.get("audiences"):
            spec["audiences"] = list(self._audiences)
        return spec

    def _bound(self, ctx: Context, account: str, reference: Tree | None) -> Bound:
        if reference is None:
            return {}
        kind, name = reference.get("kind") or "", reference.get("name") or ""
        gv = _group_version(reference.get("apiVersion") or "")
        if gv.group or kind not in _BINDABLE:
            raise errors.bad_request(
                f"cannot bind token to object of type {gv.group}/{gv.version}, Kind={kind}")
        tree = self._find(_BINDABLE[kind], "" if kind == "Node" else ctx.namespace, name)
        bound: Bound = {kind.lower(): tree}
        if kind == "Pod":
            bound["node"] = self._node_of(tree, account)
        uid, actual = reference.get("uid") or "", tree["metadata"]["uid"]
        if uid and uid != actual:
            raise errors.conflict(GroupResource("", kind), name, (
                f"the UID in the bound object reference ({uid}) does not match the UID in record. "
                "The object might have been deleted and then recreated"))
        return bound

    def _node_of(self, pod: Tree, account: str) -> Tree | None:
        """The node a pod runs on, by name alone when there is no such node."""
        spec = pod.get("spec") or {}
        if spec.get("serviceAccountName", "") != account:
            raise errors.bad_request(f"cannot bind token for serviceaccount {quote(account)} to pod running with "
                                     "different serviceaccount name.")
        name = spec.get("nodeName")
        if not name:
            return None
        store = self._stores[("", "nodes")]
        entry = store.cache.peek(store.prefix + name)
        return entry.tree() if entry is not None else {"metadata": {"name": name}}

    def _find(self, plural: str, namespace: str, name: str) -> Tree:
        store = self._stores[("", plural)]
        entry = store.cache.peek(f"{store.prefix}{namespace}/{name}" if namespace else store.prefix + name)
        if entry is None:
            raise errors.not_found(GroupResource("", plural), name)
        return entry.tree()


def _check_seconds(seconds: int) -> Errors:
    found: Errors = []
    if seconds < MIN_SECONDS:
        found.append(invalid(_SECONDS, seconds, "may not specify a duration less than 10 minutes"))
    if seconds > MAX_SECONDS:
        found.append(invalid(_SECONDS, seconds, "may not specify a duration larger than 2^32 seconds"))
    return found


def _group_version(text: str) -> GroupVersion:
    """As upstream reads it in references: what cannot be read counts as none."""
    try:
        return GroupVersion.parse(text) if text else GroupVersion("", "")
    except ValueError:
        return GroupVersion("", "")
