"""A server from start to end: start order, graceful end, and, as a process, signals. The one place that owns background
tasks.

Called by the CLI (`serve`) and by `orlop.embedding` (`running`). Start: data directory and lock, credentials, storage,
caches, bootstrap objects, listener, kubeconfig, controllers; only then is the server ready. End: controllers stop, the
listener drains (watches end cleanly, answers under way are finished), storage commits what it accepted.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import random
import signal
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from orlop.api.context import User
from orlop.api.gvk import GroupResource
from orlop.auth.identities import with_authenticated
from orlop.auth.service_account_keys import KeySet
from orlop.auth.tokens import load_token_file
from orlop.controllers.bootstrap import Addresses, Bootstrap, first_service_ip
from orlop.controllers.custom_api_services import CustomAPIServices
from orlop.controllers.definition_conditions import DefinitionController
from orlop.controllers.definition_deletion import DefinitionDeletionController
from orlop.controllers.definition_status import DefinitionStatus
from orlop.controllers.endpoint_lease import EndpointLease
from orlop.controllers.flow_configuration import FlowConfiguration
from orlop.controllers.flow_schema_status import FlowSchemaStatusController
from orlop.controllers.garbage_collector import GarbageCollector
from orlop.controllers.interface import Controller
from orlop.controllers.leader_election import LeaderElection
from orlop.controllers.namespace_content import NamespaceContentController
from orlop.controllers.namespaces import NamespaceController
from orlop.controllers.resource_quota import ResourceQuotaController
from orlop.controllers.role_aggregation import RoleAggregationController
from orlop.controllers.service_cidrs import ServiceCIDRController
from orlop.controllers.service_repair import ServiceRepairController
from orlop.controllers.volume_protection import VolumeProtectionController
from orlop.controllers.writer import Writer
from orlop.kinds.custom.program import Program
from orlop.registry import times
from orlop.registry.store import Outside
from orlop.server.access_log import AccessLog
from orlop.server.application import Application, defaults
from orlop.server.config import Config
from orlop.server.data_dir import DataDir, DataDirLock
from orlop.server.declared_kinds import serve_declared
from orlop.server.handler import Observer
from orlop.server.kubelet_client import KubeletClient
from orlop.server.kubelet_dial import Credentials
from orlop.server.listener import Listener
from orlop.server.pki import KUBELET_CLIENT
from orlop.server.snapshots import Snapshot
from orlop.server.storage_metrics import add_election, add_reload, add_storage
from orlop.server.storages import Protection, make_storage, protection
from orlop.server.tls import server_context
from orlop.storage.interface import Storage
from orlop.storage.memory import MemoryStorage
from orlop.world.clock import SystemClock
from orlop.world.entropy import RandomEntropy

log = logging.getLogger(__name__)

ADMIN = with_authenticated(User("orlop-admin", ("system:masters",)))
CONTROLLERS = "orlop-controllers"
"""The Lease (in kube-system) of the server that runs the built-in controllers."""
TICK = 1.0
"""Seconds between two rounds of housekeeping."""
GC_THRESHOLDS = (10_000, 10, 1000)
"""Objects live long and are not cyclic: the young are looked through in small portions, the old hardly ever; what
start-up made is frozen."""


class Running:
    """A server that answers. `url`, `port` and the files of `directory` tell how to reach it; `port` is 0 for one that
    does not listen."""

    def __init__(self, application: Application, directory: DataDir, port: int) -> None:
        self.application, self.directory, self.port = application, directory, port

    @property
    def url(self) -> str:
        address = self.application.config.bind_address
        host = "127.0.0.1" if address in ("0.0.0.0", "::") else address
        return f"https://[{host}]:{self.port}" if ":" in host else f"https://{host}:{self.port}"


@contextlib.asynccontextmanager
async def running(config: Config, *, listen: bool = True, outside: Outside | None = None,
                  beginning: Snapshot | None = None, programs: Sequence[Program] = (),
                  builtins: bool = True) -> AsyncIterator[Running]:
    """Start a server, give it out ready, end it gracefully. Without `listen` nobody can connect; `application.handler`
    answers all the same. With a `beginning` it has the objects and credentials of that, and keeps objects in memory.
    `programs` are kinds that are served from the start; without `builtins` only a minimum is served beside them.
    Raises DataDirError, TokenFileError, StorageError, NotServed and OSError with texts for people."""
    async with contextlib.AsyncExitStack() as stack:
        directory = DataDir(config.data_dir or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="orlop-"))))
        directory.make()
        stack.enter_context(DataDirLock(directory.path))
        outside = outside or Outside(SystemClock(), RandomEntropy())
        service_ip = first_service_ip(config.service_cluster_ip_range)
        if beginning is not None:
            beginning.furnish(directory.path)
        directory.open(outside.clock, _names(config, service_ip))
        protected = protection(config, outside.clock)
        if beginning is None:
            storage = make_storage(config, directory.path, outside.clock, protected.encryption)
        else:
            storage = MemoryStorage(outside.clock, state=beginning.state)
        await storage.start()
        stack.push_async_callback(storage.close)
        application = _application(storage, config, outside, directory, programs, builtins)
        stack.push_async_callback(application.close)
        add_storage(application.metrics, storage)
        if protected.reload is not None:
            add_reload(application.metrics, protected.reload)
        await application.start()
        writer = Writer(application.stores, application.schema, defaults, application.field_managers,
                        application.outside.clock.now)
        bootstrap = _bootstrap(application, writer)
        if beginning is None:
            await bootstrap.policy()
            await bootstrap.authentication(directory.credentials.ca_certificate.decode())
            await bootstrap.service_ranges(config.service_cluster_ip_range)
        server = Running(application, directory, await _listen(application, directory, stack) if listen else 0)
        if listen:
            application.discovery.set_server_address(f"{_address(config)}:{server.port}")
            directory.write_kubeconfig(server.url)
        repair = ServiceRepairController(writer, storage, config.service_node_port_range, outside.clock.now)
        await repair.repair()
        repair.start()
        stack.push_async_callback(repair.stop)
        port = server.port or config.secure_port
        await bootstrap.service(Addresses(_address(config), port, service_ip))
        if storage.exclusive:
            await bootstrap.endpoints(port, [_address(config)])
        else:
            lease = EndpointLease(storage, _address(config), partial(bootstrap.endpoints, port))
            lease.start()
            stack.push_async_callback(lease.stop)
        await stack.enter_async_context(_controlling(application, writer, directory, port))
        await serve_declared(writer, application.custom, programs)
        ticking = asyncio.create_task(_tick(application, protected))
        stack.callback(ticking.cancel)
        application.bootstrapped = True
        yield server


def _names(config: Config, service_ip: str) -> list[str]:
    names = ["localhost", "127.0.0.1", "::1", "kubernetes", "kubernetes.default", "kubernetes.default.svc",
             "kubernetes.default.svc.cluster.local", service_ip, socket.gethostname(), *config.extra_names]
    if config.bind_address not in ("0.0.0.0", "::"):
        names.append(config.bind_address)
    return list(dict.fromkeys(names))


def _address(config: Config) -> str:
    return "127.0.0.1" if config.bind_address in ("0.0.0.0", "::") else config.bind_address


def _application(storage: Storage, config: Config, outside: Outside, directory: DataDir,
                 programs: Sequence[Program], builtins: bool) -> Application:
    found = directory.credentials
    keys = KeySet(found.service_account_key, (found.service_account_public_key,))
    tokens = {directory.admin_token: ADMIN}
    if config.token_auth_file is not None:
        tokens |= load_token_file(config.token_auth_file)
    own = directory.path / f"{KUBELET_CLIENT}.crt"
    certificate = config.kubelet_client_certificate or own
    key = config.kubelet_client_key or certificate.with_suffix(".key")
    kubelet = KubeletClient(Credentials(certificate, key, config.kubelet_certificate_authority), config.twin)
    return Application(storage, config, outside, keys, tokens, programs, kubelet, builtins)


async def _listen(application: Application, directory: DataDir, stack: contextlib.AsyncExitStack) -> int:
    """The port bound."""
    found, config = directory.credentials, application.config
    context = server_context(found.certificate_file, found.key_file, (found.ca_file,))
    observe: Observer = application.metrics.observe
    if config.access_log is not None:
        access_log = AccessLog(stack.enter_context(config.access_log.open("ab")), application.outside.clock)
        stack.callback(access_log.close)
        observe = _both(observe, access_log.observe)
    listener = Listener(application.handler, ssl_context=context, clock=application.outside.clock, observe=observe)
    listener.on_drain.append(application.watches.drain)
    stack.push_async_callback(listener.drain, config.shutdown_grace)
    port = await listener.start(config.bind_address, config.secure_port)
    stack.callback(application.end)
    return port


def _both(first: Observer, second: Observer) -> Observer:
    def observe(*figures: object) -> None:
        first(*figures)  # type: ignore[arg-type]
        second(*figures)  # type: ignore[arg-type]

    return observe


def _bootstrap(application: Application, writer: Writer) -> Bootstrap:
    statuses = {plural: rooms["status"] for (_, plural), rooms in application.rooms.items() if "status" in rooms}
    return Bootstrap(writer, statuses, lambda: times.text(application.outside.clock.now()))


@contextlib.asynccontextmanager
async def _controlling(application: Application, writer: Writer, directory: DataDir,
                       port: int) -> AsyncIterator[None]:
    """The built-in controllers, in this server or, where several share a storage, in the one that is elected."""
    config = application.config
    elect = not application.storage.exclusive if config.leader_elect is None else config.leader_elect
    if not elect:
        async with _controllers(application, writer, directory):
            yield
        return
    outside = application.outside
    election = LeaderElection(writer, CONTROLLERS, f"{socket.gethostname()}:{port}_{outside.entropy.uid()}",
                              outside.clock, lambda: _controllers(application, writer, directory), random.random)
    add_election(application.metrics, CONTROLLERS, election)
    electing = asyncio.create_task(election.run(), name="leader-election")
    try:
        yield
    finally:
        electing.cancel()
        await asyncio.gather(electing, return_exceptions=True)


@contextlib.asynccontextmanager
async def _controllers(application: Application, writer: Writer, directory: DataDir) -> AsyncIterator[None]:
    config = application.config
    async with contextlib.AsyncExitStack() as stack:
        for controller in _wanted(application, writer, directory, config):
            controller.start()
            stack.push_async_callback(controller.stop)
        yield


def _wanted(application: Application, writer: Writer, directory: DataDir, config: Config) -> Iterator[Controller]:
    if config.namespace_controller:
        rooms = application.rooms[GroupResource("", "namespaces")]
        yield NamespaceController(writer, rooms["finalize"], rooms["status"],
                                  lambda: times.text(application.outside.clock.now()),
                                  config.namespace_deletion_grace)
    if config.garbage_collector_controller:
        yield GarbageCollector(writer, application.resources, application.outside.clock.now, application.custom)
    status = application.rooms[GroupResource("apiextensions.k8s.io", "customresourcedefinitions")]["status"]
    definitions = DefinitionStatus(writer, status)
    yield CustomAPIServices(writer, application.custom)
    yield DefinitionController(definitions)
    yield DefinitionDeletionController(definitions, application.custom.delete_instances)
    yield FlowConfiguration(writer)
    levels = application.rooms[GroupResource("flowcontrol.apiserver.k8s.io", "flowschemas")]
    yield FlowSchemaStatusController(writer, levels["status"])
    if config.service_cidr_controller:
        statuses = application.rooms[GroupResource("networking.k8s.io", "servicecidrs")]
        yield ServiceCIDRController(writer, statuses["status"], application.outside.clock.now)
    if config.resource_quota_controller:
        status = application.rooms[GroupResource("", "resourcequotas")]["status"]
        yield ResourceQuotaController(writer, status, application.admission.quota_parts)
    if config.volume_protection_controller:
        yield VolumeProtectionController(writer)
    if config.role_aggregation_controller:
        yield RoleAggregationController(writer)
    if config.service_account_controller or config.root_ca_controller:
        certificate = directory.credentials.ca_certificate.decode() if config.root_ca_controller else ""
        yield NamespaceContentController(writer, certificate, config.service_account_controller)


async def _tick(application: Application, protected: Protection) -> None:
    while True:
        await asyncio.sleep(TICK)
        protected.tick()
        try:
            await application.tick()
        except Exception:
            log.exception("housekeeping failed; it will be tried again")


Beside = Callable[[Running], contextlib.AbstractAsyncContextManager[object]]
"""What lives as long as a server, and uses it as its clients do."""


async def serve(config: Config, programs: Sequence[Program] = (), builtins: bool = True,
                beside: Beside | None = None) -> None:
    """Run until SIGTERM or SIGINT, saying on standard output when and where the server is ready. A second signal ends
    the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)

    def on_signal() -> None:
        stop.set()
        for number in signals:
            loop.remove_signal_handler(number)

    for number in signals:
        loop.add_signal_handler(number, on_signal)
    async with running(config, programs=programs, builtins=builtins) as server, (
            contextlib.nullcontext() if beside is None else beside(server)):
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        kubeconfig = server.directory.path / "admin.kubeconfig"
        print(f"orlop is ready at {server.url} (export KUBECONFIG={kubeconfig})", flush=True)
        await stop.wait()
