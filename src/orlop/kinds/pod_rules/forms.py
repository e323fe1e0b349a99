"""Small structs of pods as messages print them: Go's names, in Go's order (see `kinds.go_form`).

Whole pod specs are printed by `kinds.internal_form`.
"""

from __future__ import annotations

from typing import Final

from orlop.kinds.go_form import Form

SECCOMP_PROFILE: Final = Form({"Type": ("type", ""), "LocalhostProfile": ("localhostProfile", None)})
POD_CLAIM: Final = Form({
    "Name": ("name", ""), "ResourceClaimName": ("resourceClaimName", None),
    "ResourceClaimTemplateName": ("resourceClaimTemplateName", None)})
TRUST_BUNDLE: Final = Form({
    "Name": ("name", None), "SignerName": ("signerName", None), "LabelSelector": ("labelSelector", None),
    "Optional": ("optional", None), "Path": ("path", "")})
POD_IP: Final = Form({"IP": ("ip", "")})
_REQUIREMENT: Final = Form({"Key": ("key", ""), "Operator": ("operator", ""), "Values": ("values", None)})
NODE_TERM: Final = Form({"MatchExpressions": ("matchExpressions", None), "MatchFields": ("matchFields", None)},
                        {"MatchExpressions": _REQUIREMENT, "MatchFields": _REQUIREMENT})
CAPABILITIES: Final = Form({"Add": ("add", None), "Drop": ("drop", None)})
_SELINUX: Final = Form({"User": ("user", ""), "Role": ("role", ""), "Type": ("type", ""), "Level": ("level", "")})
_WINDOWS: Final = Form({
    "GMSACredentialSpecName": ("gmsaCredentialSpecName", None), "GMSACredentialSpec": ("gmsaCredentialSpec", None),
    "RunAsUserName": ("runAsUserName", None), "HostProcess": ("hostProcess", None)})
SECURITY_CONTEXT: Final = Form({
    "Capabilities": ("capabilities", None), "Privileged": ("privileged", None),
    "SELinuxOptions": ("seLinuxOptions", None), "WindowsOptions": ("windowsOptions", None),
    "RunAsUser": ("runAsUser", None), "RunAsGroup": ("runAsGroup", None), "RunAsNonRoot": ("runAsNonRoot", None),
    "ReadOnlyRootFilesystem": ("readOnlyRootFilesystem", None),
    "AllowPrivilegeEscalation": ("allowPrivilegeEscalation", None), "ProcMount": ("procMount", None),
    "SeccompProfile": ("seccompProfile", None), "AppArmorProfile": ("appArmorProfile", None),
}, {"Capabilities": CAPABILITIES, "SELinuxOptions": _SELINUX, "WindowsOptions": _WINDOWS,
    "SeccompProfile": SECCOMP_PROFILE, "AppArmorProfile": SECCOMP_PROFILE})
RESIZE_POLICY: Final = Form({"ResourceName": ("resourceName", ""), "RestartPolicy": ("restartPolicy", "")})
