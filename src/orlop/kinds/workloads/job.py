"""Jobs.

Made by `workload_makers`. A Job without a selector of its own gets one, and labels for its pods, from its uid.
Behaviour: kubernetes `pkg/registry/batch/job`, `pkg/apis/batch/validation`, `pkg/api/job/warnings.go`.
"""

from __future__ import annotations

from typing import Any, Final

from orlop.api import names
from orlop.api.context import Context
from orlop.api.field import GoText, Path, invalid
from orlop.api.label_selector_validation import has_invalid_value
from orlop.api.options import DeleteOptions, ListOptions
from orlop.api.tree import Tree
from orlop.api.validation import IMMUTABLE
from orlop.kinds import internal_form
from orlop.kinds.checks import SPEC, Errors, unchanged
from orlop.kinds.declaration import Resource
from orlop.kinds.generic import StatusStrategy, carry
from orlop.kinds.pod_rules.allowances import TEMPLATE as NO_FAULTS
from orlop.kinds.pod_rules.warnings import template_remarks
from orlop.kinds.rooms import RestOptions, Rooms, form, prefix
from orlop.kinds.typed import type_loader
from orlop.kinds.workloads.base import WorkloadStrategy
from orlop.kinds.workloads.job_rules import (
    FAILURE_POLICY,
    INDEXED,
    LEGACY_NAME,
    LEGACY_UID,
    NAME,
    SUCCESS_POLICY,
    UID,
    generated_selector,
    selected_spec,
    shown_policy,
)
from orlop.kinds.workloads.job_status import StatusChange, is_true
from orlop.kinds.workloads.selecting import fixed_selector
from orlop.registry.interface import Admit, ListResult, Object
from orlop.registry.store import Store
from orlop.registry.strategy import ORPHAN

_PRESERVED: Final = (
    "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set "
    "propagationPolicy=Orphan to suppress this warning")
_MANY_COMPLETIONS: Final = 100_000
_MUCH_PARALLELISM: Final = 10_000
_UNTRACKED: Final = (
    "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes "
    "might not be able to track completedIndexes when a big number of indexes fail")
_DIRECTIVES: Final = ("nodeSelector", "tolerations", "schedulingGates")
_POLICIES: Final = {"podFailurePolicy": FAILURE_POLICY, "successPolicy": SUCCESS_POLICY}
_NAME: Final = Path("metadata.name")


def job_remarks(path: Path, spec: Tree) -> list[str]:
    """`path` is the spec's."""
    found: list[str] = []
    if spec.get("completionMode") == INDEXED and (spec.get("completions") or 0) > _MANY_COMPLETIONS \
            and (spec.get("parallelism") or 0) > _MUCH_PARALLELISM:
        found.append(f"{path}: {_UNTRACKED}")
    return found + template_remarks(path.child("template"), spec.get("template"))


def generate_selector(job: Tree) -> None:
    """Labels that the user gave stay; validation refuses what conflicts."""
    spec, metadata = job["spec"], job["metadata"]
    template = spec.setdefault("template", {})
    holder = template.get("metadata")
    if holder is None:
        holder = template["metadata"] = {}
    labels = holder.get("labels")
    if labels is None:
        labels = holder["labels"] = {}
    uid, name = metadata.get("uid") or "", metadata.get("name") or ""
    for key, value in ((LEGACY_NAME, name), (NAME, name), (LEGACY_UID, uid), (UID, uid)):
        labels.setdefault(key, value)
    selector = spec.get("selector")
    if selector is None:
        selector = spec["selector"] = {}
    if selector.get("matchLabels") is None:
        selector["matchLabels"] = {}
    selector["matchLabels"].setdefault(UID, uid)


def _hostnames(job: Tree) -> Errors:
    """The pods of an indexed Job are called by their index."""
    spec, name = job.get("spec") or {}, job["metadata"].get("name") or ""
    if spec.get("completionMode") != INDEXED or (spec.get("completions") or 0) <= 0:
        return []
    longest = f"{name}-{spec['completions'] - 1}"
    if not names.dns1123_label(longest):
        return []
    return [invalid(_NAME, name, f"will not able to create pod with invalid DNS label: {longest}")]


class JobStrategy(WorkloadStrategy):
    garbage_collection = ORPHAN
    advises_on_name = True

    def prepare_for_create(self, ctx: Context, obj: Tree) -> None:
        spec = obj.setdefault("spec", {})
        if not spec.get("manualSelector"):
            generate_selector(obj)
        made = (self.template(obj).get("metadata") or {}).get("labels")
        if made and not obj["metadata"].get("labels"):  # the default of Jobs, once more when upstream reads them back
            obj["metadata"]["labels"] = dict(made)
        super().prepare_for_create(ctx, obj)

    def remarks(self, obj: Tree) -> list[str]:
        return job_remarks(SPEC, obj.get("spec") or {})

    def validate(self, ctx: Context, obj: Tree) -> Errors:
        found = generated_selector(obj, prefixed=True)
        return found + selected_spec(obj.get("spec") or {}, NO_FAULTS) + _hostnames(obj)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        spec, before = obj.get("spec") or {}, old.get("spec") or {}
        allow, lenient = self.allowances(old), has_invalid_value(before.get("selector"))
        labels = (self.template(old).get("metadata") or {}).get("labels") or {}
        found = generated_selector(obj, prefixed=NAME in labels and UID in labels)
        rules = selected_spec(spec, allow, lenient=lenient)
        found += rules + _hostnames(obj) + rules  # upstream looks twice
        found += _completions(spec, before) + fixed_selector(spec, before)
        found += self._template_change(obj, old)
        found += self._fixed(spec, before)
        return found

    def _fixed(self, spec: Tree, before: Tree) -> Errors:
        found: Errors = []
        for name in ("completionMode", "podFailurePolicy", "backoffLimitPerIndex", "managedBy", "successPolicy"):
            new, old = spec.get(name), before.get(name)
            if not self.differs(new, old, "spec", name):
                continue
            shape = _POLICIES.get(name)
            found += unchanged(SPEC.child(name), new, old, None if shape is None else shown_policy(shape, new))
        return found

    def _template_change(self, obj: Tree, old: Tree) -> Errors:
        """Only of a Job at rest may anything change; then upstream shows the pod's spec alone."""
        new, before, status = self.template(obj), self.template(old), old.get("status") or {}
        if (old.get("spec") or {}).get("suspend") and is_true(status, "Suspended") and not status.get("active"):
            pod, was = new.get("spec") or {}, with_directives(before, new)["spec"]
            if not self.differs(pod, was, "spec", "template", "spec"):
                return []
            kind = self.member_type("spec", "template", "spec")
            return [invalid(SPEC.child("template.spec"), internal_form.text(kind, pod), IMMUTABLE)]
        kind = self.member_type("spec", "template")
        if not self.differs(new, before, "spec", "template"):
            return []
        return [invalid(SPEC.child("template"), internal_text(kind, new), IMMUTABLE)]


def internal_text(kind: Any, template: Tree) -> GoText:
    metadata = dict(template.get("metadata") or {})
    for name in ("labels", "annotations"):
        if metadata.get(name):
            metadata[name] = {key: metadata[name][key] for key in sorted(metadata[name])}
    return internal_form.text(kind, {**template, "metadata": metadata})


def with_directives(before: Tree, new: Tree) -> Tree:
    """The stored template with those members of the new one that say where pods may run and what they need, which a
    suspended Job may change."""
    kept, inner = dict(before), dict(before.get("spec") or {})
    wanted = new.get("spec") or {}
    for name in _DIRECTIVES:
        carry(inner, wanted, name)
    metadata = dict(before.get("metadata") or {})
    for name in ("labels", "annotations"):
        carry(metadata, new.get("metadata") or {}, name)
    affinity = {name: value for name, value in (inner.get("affinity") or {}).items() if name != "nodeAffinity"}
    theirs = wanted.get("affinity")
    if theirs is not None and "nodeAffinity" in theirs:
        affinity["nodeAffinity"] = theirs["nodeAffinity"]
    if affinity or theirs is not None:
        inner["affinity"] = affinity
    else:
        inner.pop("affinity", None)
    for kind in ("containers", "initContainers"):
        if len(inner.get(kind) or ()) == len(wanted.get(kind) or ()) and inner.get(kind):
            inner[kind] = [_resourced(*pair) for pair in zip(inner[kind], wanted[kind], strict=True)]
    return {**kept, "metadata": metadata, "spec": inner}


def _resourced(container: Tree, new: Tree) -> Tree:
    made = dict(container)
    if container.get("name") == new.get("name"):
        carry(made, new, "resources")
    return made


def _completions(spec: Tree, before: Tree) -> Errors:
    place, new, old = SPEC.child("completions"), spec.get("completions"), before.get("completions")
    if spec.get("completionMode") != INDEXED:
        return unchanged(place, new, old)
    if new == old or new is None or new == spec.get("parallelism"):
        return []
    return [invalid(place, new, "can only be modified in tandem with spec.parallelism")]


class JobStatusStrategy(StatusStrategy):
    repeats_metadata_rules = ("change",)

    def validate_update(self, ctx: Context, obj: Tree, old: Tree) -> Errors:
        return StatusChange(obj, old).errors()


class JobStore(Store):
    """Reminds those who delete a Job that its pods stay."""

    @staticmethod
    def _remind(ctx: Context, options: DeleteOptions) -> None:
        if not options.propagation_policy and options.orphan_dependents is None:
            ctx.warn(_PRESERVED)

    async def delete(self, ctx: Context, name: str, admit: Admit, options: DeleteOptions) -> tuple[Object, bool]:
        self._remind(ctx, options)
        return await super().delete(ctx, name, admit, options)

    async def delete_collection(self, ctx: Context, admit: Admit, options: DeleteOptions,
                                selection: ListOptions) -> ListResult:
        self._remind(ctx, options)
        return await super().delete_collection(ctx, admit, options, selection)


def rooms(resource: Resource, options: RestOptions) -> Rooms:
    shape = form(resource, options)
    made = JobStore(resource.group_resource, options.cache(resource), prefix(resource),
                    JobStrategy(shape, type_loader(resource, options)), options.outside)
    options.stores[resource.group_resource] = made
    made_rooms: dict[str, Any] = {"": made, "status": made.with_strategy(JobStatusStrategy(shape))}
    return made_rooms
