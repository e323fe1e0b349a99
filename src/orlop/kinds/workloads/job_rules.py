"""What a Job's spec must look like, on its own or inside a CronJob.

Called by `job` and `cron_job`. Texts and order: kubernetes `pkg/apis/batch/validation/validation.go`.
"""

from __future__ import annotations

from typing import Final

from orlop.api import domain_names, names
from orlop.api.field import GoText, Path, invalid, not_supported, required, too_long
from orlop.api.label_selector_validation import validate_label_selector
from orlop.api.tree import Tree
from orlop.kinds.checks import SPEC, Errors, not_negative
from orlop.kinds.go_form import Form
from orlop.kinds.pod_rules import template as templates
from orlop.kinds.pod_rules.terms import Allowances
from orlop.kinds.selector_form import shown_selector
from orlop.kinds.workloads.job_policies import failure_policy, success_policy
from orlop.kinds.workloads.selecting import (
    MISMATCH,
    SELECTOR,
    readable,
    shown_labels,
    template_labels,
)

INDEXED: Final = "Indexed"
LEGACY_UID: Final = "controller-uid"
LEGACY_NAME: Final = "job-name"
UID: Final = "batch.kubernetes.io/controller-uid"
NAME: Final = "batch.kubernetes.io/job-name"
_MODES: Final = ("NonIndexed", INDEXED)
_NUMBERS: Final = ("parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished",
                   "backoffLimitPerIndex", "maxFailedIndexes")
_REPLACEMENTS: Final = ("Failed", "TerminatingOrFailed")
_ENDING: Final = ("OnFailure", "Never")
_LONGEST_MANAGER: Final = 63
_MOST: Final = 100_000
_MOST_WHEN_HIGH: Final = 10_000
_WHEN_HIGH: Final = (f"must be less than or equal to {_MOST_WHEN_HIGH} when completions are above {_MOST} and used "
                     "with backoff limit per index")
_SUCCESS_RULE: Final = Form({"SucceededIndexes": ("succeededIndexes", None),
                             "SucceededCount": ("succeededCount", None)})
SUCCESS_POLICY: Final = Form({"Rules": ("rules", None)}, {"Rules": _SUCCESS_RULE})
_EXIT_CODES: Final = Form({"ContainerName": ("containerName", None), "Operator": ("operator", ""),
                           "Values": ("values", None)})
_CONDITION: Final = Form({"Type": ("type", ""), "Status": ("status", "")})
_FAILURE_RULE: Final = Form({"Action": ("action", ""), "OnExitCodes": ("onExitCodes", None),
                             "OnPodConditions": ("onPodConditions", None)},
                            {"OnExitCodes": _EXIT_CODES, "OnPodConditions": _CONDITION})
FAILURE_POLICY: Final = Form({"Rules": ("rules", [])}, {"Rules": _FAILURE_RULE})


def shown_policy(shape: Form, policy: Tree | None) -> GoText:
    """A policy in messages. No rules of failures show as an empty list: decoding makes one look like an absent one."""
    if policy is None or shape is SUCCESS_POLICY:
        return shape.text(policy)
    return shape.text({**policy, "rules": policy.get("rules") or []})


def job_spec(path: Path, spec: Tree, allow: Allowances) -> Errors:
    """Everything but the selector."""
    found: Errors = []
    for name in _NUMBERS:
        found += not_negative(path.child(name), spec.get(name))
    if spec.get("maxFailedIndexes") is not None and spec.get("backoffLimitPerIndex") is None:
        found.append(required(path.child("backoffLimitPerIndex"), "when maxFailedIndexes is specified"))
    manager = spec.get("managedBy")
    if manager is not None:
        found += domain_names.domain_prefixed_path(path.child("managedBy"), manager)
        if names.length(manager) > _LONGEST_MANAGER:
            found.append(too_long(path.child("managedBy"), _LONGEST_MANAGER))
    found += _mode(path, spec)
    if spec.get("podFailurePolicy") is not None:
        found += failure_policy(path.child("podFailurePolicy"), spec)
    if spec.get("successPolicy") is not None:
        place = path.child("successPolicy")
        if spec.get("completionMode") == INDEXED:
            found += success_policy(place, spec)
        else:
            found.append(invalid(place, shown_policy(SUCCESS_POLICY, spec["successPolicy"]),
                                 "requires indexed completion mode"))
    found += _replacement(path.child("podReplacementPolicy"), spec)
    template = spec.get("template") or {}
    found += templates.template(path.child("template"), template, allow)
    return found + _restart(path.child("template", "spec", "restartPolicy"), spec, template)


def _mode(path: Path, spec: Tree) -> Errors:
    mode, most = spec.get("completionMode"), spec.get("maxFailedIndexes")
    found: Errors = []
    if mode is not None and mode not in _MODES:
        found.append(not_supported(path.child("completionMode"), mode, _MODES))
    if mode == INDEXED:
        found += _indexed(path, spec)
    if mode is None or mode == _MODES[0]:
        for name, value in (("backoffLimitPerIndex", spec.get("backoffLimitPerIndex")), ("maxFailedIndexes", most)):
            if value is not None:
                found.append(invalid(path.child(name), value, "requires indexed completion mode"))
    return found


def _indexed(path: Path, spec: Tree) -> Errors:
    completions, parallelism = spec.get("completions"), spec.get("parallelism") or 0
    most, failing = spec.get("maxFailedIndexes"), path.child("maxFailedIndexes")
    found: Errors = []
    if completions is None:
        found.append(required(path.child("completions"), "when completion mode is Indexed"))
    if parallelism > _MOST:
        found.append(invalid(path.child("parallelism"), parallelism,
                             f"must be less than or equal to {_MOST} when completion mode is Indexed"))
    if completions is not None and most is not None and most > completions:
        found.append(invalid(failing, most, "must be less than or equal to completions"))
    if most is not None and most > _MOST:
        found.append(invalid(failing, most, f"must be less than or equal to {_MOST}"))
    if (completions or 0) > _MOST and spec.get("backoffLimitPerIndex") is not None:
        if most is None:
            found.append(required(failing, f"must be specified when completions is above {_MOST}"))
        if parallelism > _MOST_WHEN_HIGH:
            found.append(invalid(path.child("parallelism"), parallelism, _WHEN_HIGH))
        if most is not None and most > _MOST_WHEN_HIGH:
            found.append(invalid(failing, most, _WHEN_HIGH))
    return found


def _replacement(path: Path, spec: Tree) -> Errors:
    policy = spec.get("podReplacementPolicy")
    valid = _REPLACEMENTS if spec.get("podFailurePolicy") is None else _REPLACEMENTS[:1]
    return [] if policy is None or policy in valid else [not_supported(path, policy, valid)]


def _restart(path: Path, spec: Tree, template: Tree) -> Errors:
    policy = (template.get("spec") or {}).get("restartPolicy") or ""
    if policy in ("", "Always"):
        return [required(path, 'valid values: "OnFailure", "Never"')]
    if policy not in _ENDING:
        return [not_supported(path, policy, _ENDING)]
    if spec.get("podFailurePolicy") is not None and policy != "Never":
        return [invalid(path, policy, 'only "Never" is supported when podFailurePolicy is specified')]
    return []


def selected_spec(spec: Tree, allow: Allowances, *, lenient: bool = False) -> Errors:
    """A Job's whole spec. `lenient`: the selector may have values that no label can have."""
    found = job_spec(SPEC, spec, allow)
    given, template = spec.get("selector"), spec.get("template") or {}
    found += validate_label_selector(given, SELECTOR, invalid_values=lenient) if given is not None \
        else [required(SELECTOR)]
    selector, pairs = readable(given), template_labels(template)
    if selector is not None and not selector.matches(pairs or {}):
        found.append(invalid(SPEC.child("template", "metadata", "labels"), shown_labels(pairs), MISMATCH))
    return found


def _has_label(template: Tree, key: str, value: str) -> Errors:
    path, pairs = SPEC.child("template", "metadata", "labels"), template_labels(template)
    if key not in (pairs or {}):
        return [required(path.key(key), f"must be '{value}'")]
    if (pairs or {})[key] != value:
        return [invalid(path.key(key), shown_labels(pairs), f"must be '{value}'")]
    return []


def generated_selector(job: Tree, *, prefixed: bool) -> Errors:
    """What the server made, or should have made, of a Job without a selector of its own. `prefixed`: with the newer
    names of the labels."""
    spec, metadata = job.get("spec") or {}, job["metadata"]
    if spec.get("manualSelector") or spec.get("selector") is None:
        return []
    template = spec.get("template") or {}
    uid, name = metadata.get("uid") or "", metadata.get("name") or ""
    found = [] if uid else [required(Path("metadata.uid"))]
    expected = {LEGACY_UID: uid, LEGACY_NAME: name}
    if prefixed:
        expected |= {UID: uid, NAME: name}
    for key, value in expected.items():
        found += _has_label(template, key, value)
    selector = readable(spec["selector"])
    if selector is not None and not selector.matches(expected):
        found.append(invalid(SELECTOR, shown_selector(spec["selector"]), "`selector` not auto-generated"))
    return found
