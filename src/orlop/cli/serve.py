"""`orlop serve`: reads flags into a `Config` and hands over to `server.run`.

Where kube-apiserver has a flag for the thing, ours has its name. Heavy modules are imported only once the command
runs, so that `--help` is instant.
"""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orlop.cli.place import EXISTING, etcd
from orlop.cli.values import Duration, Items

if TYPE_CHECKING:
    from orlop.kinds.custom.program import Program
    from orlop.server.run import Beside, Running

_DEFAULT_DIR = Path(".orlop")


@click.command()
@click.option("--data-dir", type=click.Path(path_type=Path, file_okay=False), default=_DEFAULT_DIR, show_default=True,
              help="Directory of certificates, keys, tokens and the database. Made at the first start, mode 0700.")
@click.option("--storage", type=click.Choice(["sqlite", "memory"]), default="sqlite", show_default=True,
              help="Where objects live. sqlite: DATA_DIR/orlop.db, every acknowledged write on disk. memory: gone when "
                   "the server ends. With --etcd-servers they are in etcd.")
@etcd
@click.option("--etcd-compaction-interval", "compaction_interval", type=Duration(), default="5m0s", show_default=True,
              help="History is forgotten when it is one to two times as old as this; 0: only when it outgrows the "
                   "storage's limits, in etcd never.")
@click.option("--encryption-provider-config", type=EXISTING,
              help="EncryptionConfiguration: which resources are encrypted at rest, and with what keys.")
@click.option("--encryption-provider-config-automatic-reload/--no-encryption-provider-config-automatic-reload",
              default=False, show_default=True, help="Follow changes of that file.")
@click.option("--leader-elect/--no-leader-elect", default=None,
              help="Run the built-in controllers in one of several servers on the same etcd. [default: with etcd]")
@click.option("--bind-address", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--secure-port", type=click.IntRange(0, 65535), default=6443, show_default=True,
              help="HTTPS port; 0 takes a free one.")
@click.option("--token-auth-file", type=EXISTING,
              help='CSV file of static bearer tokens: token,user,uid,"group1,group2".')
@click.option("--anonymous-auth/--no-anonymous-auth", default=True, show_default=True,
              help="Let callers without credentials in as system:anonymous.")
@click.option("--authorization-mode", multiple=True, callback=Items(), default=("RBAC",), show_default=True,
              help="RBAC or AlwaysAllow.")
@click.option("--service-cluster-ip-range", default="10.0.0.0/24", show_default=True,
              help="CIDR that cluster IPs of services come from.")
@click.option("--service-node-port-range", default="30000-32767", show_default=True,
              help="Ports that node ports of services come from.")
@click.option("--service-account-issuer", default="https://kubernetes.default.svc.cluster.local", show_default=True,
              help="Issuer of service-account tokens.")
@click.option("--api-audiences", multiple=True, callback=Items(), help="Audiences of tokens; default: the issuer.")
@click.option("--enable-admission-plugins", multiple=True, callback=Items(), help="Admission plugins to add.")
@click.option("--disable-admission-plugins", multiple=True, callback=Items(), help="Admission plugins to leave out.")
@click.option("--max-requests-inflight", type=click.IntRange(0), default=4000, show_default=True,
              help="Reads under way at once before 429; 0: no limit.")
@click.option("--max-mutating-requests-inflight", type=click.IntRange(0), default=4000, show_default=True,
              help="Writes under way at once before 429; 0: no limit.")
@click.option("--min-request-timeout", type=click.IntRange(1), default=1800, show_default=True,
              help="Seconds that a watch without timeoutSeconds lasts at the least.")
@click.option("--event-ttl", type=click.IntRange(1), default=3600, show_default=True,
              help="Seconds that events are kept.")
@click.option("--kubernetes-version", default="1.36", show_default=True,
              help="Kubernetes minor to serve as; older ones than 1.36 need orlop[descriptions].")
@click.option("--access-log", type=click.Path(path_type=Path, dir_okay=False), help="File for one JSON line a request.")
@click.option("--shutdown-grace", type=click.FloatRange(0), default=10.0, show_default=True,
              help="Seconds that requests under way get to finish at the end.")
@click.option("--kubelet-client-certificate", type=EXISTING, help="Certificate towards kubelets; default: ours.")
@click.option("--kubelet-client-key", type=EXISTING, help="Its key.")
@click.option("--kubelet-certificate-authority", type=EXISTING,
              help="Whose certificates kubelets must have. [default: any]")
@click.option("--kubelet-preferred-address-types", multiple=True, callback=Items(),
              help="Addresses of a node, the best first; default: Hostname,InternalDNS,InternalIP,ExternalDNS,"
                   "ExternalIP.")
@click.option("--namespace-controller/--no-namespace-controller", default=True, show_default=True,
              help="Empty and remove namespaces that are deleted.")
@click.option("--namespace-deletion-grace", type=click.FloatRange(0), default=2.0, show_default=True,
              help="Seconds that the content of a deleted namespace is left alone.")
@click.option("--garbage-collector-controller/--no-garbage-collector-controller", default=True, show_default=True,
              help="Delete objects whose owners are gone, and see to foreground and orphaning deletions.")
@click.option("--service-account-controller/--no-service-account-controller", default=True, show_default=True,
              help="Make the default service account of every namespace.")
@click.option("--root-ca-controller/--no-root-ca-controller", default=True, show_default=True,
              help="Publish kube-root-ca.crt in every namespace.")
@click.option("--role-aggregation-controller/--no-role-aggregation-controller", default=True, show_default=True,
              help="Fill the rules of aggregated cluster roles (admin, edit, view).")
@click.option("--volume-protection-controller/--no-volume-protection-controller", default=True, show_default=True,
              help="Let deleted claims and volumes go that are no longer in use.")
@click.option("--service-cidr-controller/--no-service-cidr-controller", default=False, show_default=True,
              help="Mark ServiceCIDRs as ready, and hold those in use (kube-controller-manager's part).")
@click.option("--resource-quota-controller/--no-resource-quota-controller", default=False, show_default=True,
              help="Count what resource quotas limit (kube-controller-manager's part).")
@click.option("--nodes", type=click.IntRange(0, 64), default=0, show_default=True, help="Simulated nodes to be, too.")
@click.option("--node-mode", type=click.Choice(["fake", "process"]), default="fake", show_default=True,
              help="fake: pods only look as if they ran. process: their commands run on this machine as you.")
@click.option("--node-pods", type=click.IntRange(1, 60_000), default=110, show_default=True,
              help="Pods that each of the nodes takes.")
@click.option("--simulated-network", default=None,
              help="Network of the addresses of simulated nodes and their pods; 10.x.y.z is found at 127.x.y.z of this "
                   "machine. Empty: there is none, and no way from services to pods. [default: with --nodes "
                   "10.64.0.0/10]")
@click.option("--scheduler/--no-scheduler", default=None, help="Choose nodes for pods. [default: with --nodes]")
@click.option("--workload-controllers/--no-workload-controllers", default=None,
              help="See to Deployments, ReplicaSets, Jobs and endpoints of services. [default: with --nodes]")
@click.option("--kinds", "places", multiple=True, metavar="MODULE[:CLASS]",
              help="Serve the kinds declared in a Python module or .py file (orlop.kind); may be repeated.")
@click.option("--only-kinds", is_flag=True,
              help="With --kinds: no built-in kinds but what kubectl, access control and operators need.")
@click.option("-v", "--verbose", is_flag=True, help="Log more on standard error.")
def serve(verbose: bool, places: tuple[str, ...], only_kinds: bool, nodes: int, node_mode: str, node_pods: int,
          scheduler: bool | None, workload_controllers: bool | None, **flags: Any) -> None:
    """Serve the Kubernetes API until SIGTERM or ^C.

    Once ready, one line on standard output says where; DATA_DIR/admin.kubeconfig and DATA_DIR/admin.token are the
    administrator's credentials.
    """
    import uvloop

    from orlop.auth.tokens import TokenFileError
    from orlop.server.config import Config
    from orlop.server.declared_kinds import NotServed
    from orlop.server.files import DataDirError
    from orlop.server.run import serve as run
    from orlop.server.simulated_network import DEFAULT
    from orlop.storage.errors import StorageError

    logging.basicConfig(level=logging.INFO if verbose else logging.WARNING, stream=sys.stderr,
                        format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    chooses = nodes > 0 if scheduler is None else scheduler
    controls = nodes > 0 if workload_controllers is None else workload_controllers
    if only_kinds and (not places or nodes or chooses or controls):
        raise click.UsageError("--only-kinds needs --kinds" if not places else
                               "--only-kinds leaves no pods for nodes, the scheduler and workload controllers")
    if flags["simulated_network"] is None:
        flags["simulated_network"] = DEFAULT if nodes and sys.platform == "linux" else ""
    beside = _beside(nodes, node_mode, node_pods, chooses, controls) if nodes or chooses or controls else None
    programs = _programs(places) if places else ()
    try:
        uvloop.run(run(Config(**flags), programs, not only_kinds, beside))
    except (DataDirError, NotServed, StorageError, TokenFileError, OSError, ValueError) as error:
        raise click.ClickException(str(error)) from error


def _programs(places: tuple[str, ...]) -> Sequence[Program]:
    """The kinds that a user has declared in Python."""
    from orlop.declared.errors import DeclarationError
    from orlop.declared.finding import NotFound, find
    from orlop.declared.program import programs

    try:
        return programs(find(places))
    except (NotFound, DeclarationError) as error:
        raise click.ClickException(str(error)) from error


def _beside(nodes: int, mode: str, pods: int, scheduler: bool, workloads: bool) -> Beside:
    """What is asked for besides the server."""
    from orlop.node.api import APIUnavailable
    from orlop.node.beside import Plan, cluster_beside
    from orlop.node.registration import NodeUnregistered
    from orlop.node.settings import PROCESS_WARNING

    plan = Plan(nodes, mode, pods, scheduler, workloads)

    @contextlib.asynccontextmanager
    async def cluster(server: Running) -> AsyncIterator[None]:
        try:
            async with cluster_beside(server, plan) as made:
                if mode == "process" and made:
                    names = ", ".join(one.settings.name for one in made)
                    print(PROCESS_WARNING.format(names=names), file=sys.stderr, flush=True)
                yield
        except (APIUnavailable, NodeUnregistered) as error:
            raise click.ClickException(str(error)) from error

    return cluster
