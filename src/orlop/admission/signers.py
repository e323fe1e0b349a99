"""Rights over signers: by a signer's full name, or over all of its domain.

Used by `CertificateApproval` and `CertificateSigning`. Behaviour: kubernetes
`plugin/pkg/admission/certificates/util.go`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from orlop.api.context import User
from orlop.api.gvk import GroupResource
from orlop.api.tree import Tree

REQUESTS: Final = GroupResource("certificates.k8s.io", "certificatesigningrequests")

MaySign: TypeAlias = Callable[[User, str, str], bool]
"""Whether a user has the right to a verb on the named `signers.certificates.k8s.io`."""


def may(allows: MaySign, user: User, verb: str, signer: str) -> bool:
    return allows(user, verb, signer) or allows(user, verb, f"{signer.partition('/')[0]}/*")


def signer_of(request: Tree) -> str:
    return (request.get("spec") or {}).get("signerName") or ""
