"""Names and groups that the system itself gives a meaning (apiserver `authentication/user`,
`.../serviceaccount`).

Used by every authenticator and by the authorizers; knows nothing of requests.
"""

from __future__ import annotations

from typing import Final

from orlop.api import names
from orlop.api.context import User

ANONYMOUS: Final = "system:anonymous"
AUTHENTICATED: Final = "system:authenticated"
UNAUTHENTICATED: Final = "system:unauthenticated"
MASTERS: Final = "system:masters"
NODES: Final = "system:nodes"
SERVICE_ACCOUNTS: Final = "system:serviceaccounts"

CREDENTIAL_ID: Final = "authentication.kubernetes.io/credential-id"
NODE_NAME: Final = "authentication.kubernetes.io/node-name"
NODE_UID: Final = "authentication.kubernetes.io/node-uid"
POD_NAME: Final = "authentication.kubernetes.io/pod-name"
POD_UID: Final = "authentication.kubernetes.io/pod-uid"

ANONYMOUS_USER: Final = User(ANONYMOUS, (UNAUTHENTICATED,))

_SERVICE_ACCOUNT: Final = "system:serviceaccount:"
_NODE: Final = "system:node:"


def with_authenticated(user: User) -> User:
    """The user, in system:authenticated unless its groups already say whether it is."""
    if user.name == ANONYMOUS or AUTHENTICATED in user.groups or UNAUTHENTICATED in user.groups:
        return user
    return User(user.name, (*user.groups, AUTHENTICATED), user.uid, user.extra)


def service_account_username(namespace: str, name: str) -> str:
    return f"{_SERVICE_ACCOUNT}{namespace}:{name}"


def service_account_groups(namespace: str) -> tuple[str, ...]:
    return (SERVICE_ACCOUNTS, f"{SERVICE_ACCOUNTS}:{namespace}")


def split_service_account(username: str) -> tuple[str, str] | None:
    """(namespace, name) when the user name is that of a service account."""
    if not username.startswith(_SERVICE_ACCOUNT):
        return None
    namespace, colon, name = username[len(_SERVICE_ACCOUNT):].partition(":")
    if not colon or names.dns1123_label(namespace) or names.dns1123_subdomain(name):
        return None
    return namespace, name


def node_name(username: str) -> str:
    """The node's name when the user name is that of a node, else ""."""
    if not username.startswith(_NODE):
        return ""
    name = username[len(_NODE):]
    return "" if names.dns1123_subdomain(name) else name


def extra_values(user: User, key: str) -> tuple[str, ...]:
    for name, values in user.extra:
        if name == key:
            return values
    return ()
