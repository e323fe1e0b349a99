"""The makers of workloads: pods and everything that is made of pod templates.

Merged into `makers.MAKERS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from orlop.kinds.pod_makers import POD_MAKERS
from orlop.kinds.rooms import Maker
from orlop.kinds.workloads import (
    autoscaler,
    cron_job,
    daemon_set,
    deployment,
    job,
    replica_set,
    stateful_set,
    stored_templates,
)

WORKLOAD_MAKERS: Final[Mapping[tuple[str, str], Maker]] = {
    **POD_MAKERS,
    ("", "podtemplates"): stored_templates.pod_template_rooms,
    ("", "replicationcontrollers"): replica_set.controller_rooms,
    ("apps", "controllerrevisions"): stored_templates.revision_rooms,
    ("apps", "daemonsets"): daemon_set.rooms,
    ("apps", "deployments"): deployment.rooms,
    ("apps", "replicasets"): replica_set.replica_set_rooms,
    ("apps", "statefulsets"): stateful_set.rooms,
    ("autoscaling", "horizontalpodautoscalers"): autoscaler.rooms,
    ("batch", "cronjobs"): cron_job.rooms,
    ("batch", "jobs"): job.rooms,
}
"""By (group, plural)."""
