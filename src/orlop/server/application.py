"""A whole API server without a socket: storage at the bottom, a handler at the top.

`server.run` (sockets, signals) and embedding programs make one from a started storage; `start` loads the caches,
`handler` answers requests. The order of construction is the order of the floors, bottom up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from orlop.admission.chain import Chain
from orlop.admission.interface import Plugin
from orlop.api.context import RequestInfo, User
from orlop.api.gvk import GroupVersion, GroupVersionKind
from orlop.api.http import Request, Response
from orlop.auth.anonymous import AnonymousAuthenticator
from orlop.auth.authorizer_chain import AuthorizerChain, RulesChain
from orlop.auth.bearer import BearerAuthenticator, WebSocketBearerAuthenticator
from orlop.auth.forbidden import refusal
from orlop.auth.interface import (
    ALLOWED,
    Attributes,
    Authenticator,
    Authorizer,
    Decision,
    TokenAuthenticator,
    VisibleRules,
)
from orlop.auth.masters import MastersAuthorizer
from orlop.auth.rbac import RBACAuthorizer
from orlop.auth.rules import RuleResolver
from orlop.auth.service_account_keys import KeySet
from orlop.auth.service_accounts import ServiceAccountTokens, TokenIssuer
from orlop.auth.token_review import TokenReviewer
from orlop.auth.tokens import StaticTokens
from orlop.auth.union import AuthenticatorChain
from orlop.auth.x509 import CertificateAuthenticator
from orlop.endpoints.discovery import Discovery
from orlop.endpoints.installer import install
from orlop.endpoints.openapi import OpenAPI
from orlop.endpoints.root import Index, Version
from orlop.endpoints.router import Router
from orlop.endpoints.scope import Scope
from orlop.endpoints.watch import Watches
from orlop.kinds import catalog
from orlop.kinds.conversion import CONVERSIONS
from orlop.kinds.custom.program import Program
from orlop.kinds.declaration import Resource
from orlop.kinds.defaults import DEFAULTERS
from orlop.kinds.field_managers import FieldManagers
from orlop.kinds.generic import MainStrategy
from orlop.kinds.makers import MAKERS
from orlop.kinds.printers import printer
from orlop.kinds.reviews import review_makers
from orlop.kinds.rooms import RestOptions, form, prefix, rooms
from orlop.kinds.selectors import field_selectors
from orlop.registry.error_mapping import interpret
from orlop.registry.store import FUTURE_REVISION_WAIT, Outside, Store, attributes_of
from orlop.schema.interface import Schema
from orlop.schema.kind import Types, builtin
from orlop.schema.release import Release
from orlop.server.admission_plugins import AdmissionPlugins
from orlop.server.config import Config
from orlop.server.custom_documents import CustomDocuments
from orlop.server.custom_kind_maker import CustomKindMaker
from orlop.server.custom_kinds import CustomKinds
from orlop.server.custom_scopes import CustomScopes
from orlop.server.filter_chain import FilterChain
from orlop.server.handler import Handler
from orlop.server.health import Health
from orlop.server.in_flight import InFlight
from orlop.server.kubelet_client import KubeletClient, PodTransport
from orlop.server.metrics import RequestMetrics
from orlop.server.minimum import described, minimum
from orlop.server.paths import Paths
from orlop.server.stored_objects import StoredObjects, StoredRoles
from orlop.storage.errors import StorageError
from orlop.storage.interface import Storage
from orlop.storage.watch_cache import WatchCache

log = logging.getLogger(__name__)

_ALSO_ACCEPTED = {("", "pods", "eviction"): (GroupVersion("policy", "v1beta1"),)}
"""Older versions of a subresource's body that are taken as well."""
_DELETE_OPTIONS = GroupVersionKind("", "v1", "DeleteOptions")


class Application:
    """`keys` signs service-account tokens; `tokens` are the static bearer tokens by their text; `programs` go with
    definitions that Python programs declare. Without `kubelet`, kubelets and pods cannot be reached; without `builtins`
    only a minimum of built-in kinds is served."""

    def __init__(self, storage: Storage, config: Config, outside: Outside, keys: KeySet,
                 tokens: Mapping[str, User], programs: Sequence[Program] = (),
                 kubelet: KubeletClient | None = None, builtins: bool = True) -> None:
        self.kubelet, self.pod_transport = kubelet, PodTransport(config.twin) if kubelet is not None else None
        self._programs = {program.name: program for program in programs}
        self.storage, self.config, self.outside, self.keys = storage, config, outside, keys
        release = Release.load(config.kubernetes_version)
        self.types = builtin() if release is None else Types.load(release)
        self.field_managers = FieldManagers(self.types, self.schema)
        self.resources = catalog.available(None if release is None else release.kinds)
        self.caches: dict[str, WatchCache] = {}
        self.watches, self.router, self.health = Watches(config.min_request_timeout), Router(), Health()
        self.metrics = RequestMetrics(outside.clock, self.router.knows)
        self._shown = self.resources if builtins else minimum(self.resources)
        self.discovery = Discovery(resources=self._shown)
        self.openapi = OpenAPI(config.kubernetes_version, clock=outside.clock, older=release,
                               described=None if builtins else described)
        self.stores: dict[tuple[str, str], Store] = {}
        self._objects = StoredObjects(self.stores)
        self.issuer = TokenIssuer(keys, config.service_account_issuer, outside.clock, outside.entropy)
        self._tokens: list[TokenAuthenticator] = [
            StaticTokens(tokens, config.audiences),
            ServiceAccountTokens(keys, (config.service_account_issuer,), config.audiences, self._objects,
                                 outside.clock),
        ]
        self.bootstrapped = self.ending = False
        """What /readyz waits for, and what ends it; set by whoever runs the application."""
        self._late = _Late()
        self.authorizer: Authorizer = self._late
        self.authenticator = self._make_authenticator()
        self._make_stores()
        self._authorize()
        self._install()
        self.custom = self._custom_kinds()
        self.handler: Handler = self._make_chain().handle

    # --- callers -------------------------------------------------------------------------------------------------

    def _make_authenticator(self) -> AuthenticatorChain:
        self.bearer = BearerAuthenticator(self._tokens, self.config.audiences)
        chain: list[Authenticator] = [CertificateAuthenticator(self.outside.clock), self.bearer,
                                      WebSocketBearerAuthenticator(self.bearer)]
        return AuthenticatorChain(chain, AnonymousAuthenticator() if self.config.anonymous_auth else None)

    def _authorize(self) -> None:
        """One of several modes that allows is enough, as in upstream's union."""
        self._roles = StoredRoles(self.stores)
        self.resolver = RuleResolver(self._roles)
        rbac = RBACAuthorizer(self.resolver)
        if "AlwaysAllow" in self.config.authorization_mode:
            self._late.chain = AuthorizerChain([MastersAuthorizer(), _AlwaysAllow()])
        else:
            self._late.chain = AuthorizerChain([MastersAuthorizer(), rbac])
        self._late.rules = RulesChain([rbac] if "RBAC" in self.config.authorization_mode else [])

    def authorize_create(self, user: User, info: RequestInfo) -> None:
        """A PUT or PATCH that creates needs the right to create. Raises 403."""
        attributes = Attributes.of(user, info)
        decision = self.authorizer.authorize(attributes)
        if not decision.allowed:
            raise refusal(attributes, decision.reason)

    # --- stores --------------------------------------------------------------------------------------------------

    def schema(self, kind: GroupVersionKind) -> Schema:
        return self.types.kind(kind)

    def cache(self, resource: Resource) -> WatchCache:
        """The one cache of a storage prefix; two resources may share it (events of both groups)."""
        place = prefix(resource)
        found = self.caches.get(place)
        if found is None:
            selectors = field_selectors(resource.group, resource.storage_version.version, resource.plural)
            strategy = MainStrategy(form(resource, self._options))
            strategy.fields = selectors.values
            found = self.caches[place] = WatchCache(self.storage, place, attributes_of(strategy),
                                                    clock=self.outside.clock, namespaced=resource.namespaced)
        return found

    def _make_stores(self) -> None:
        config = self.config
        settings: dict[str, Any] = {
            "service_cluster_ip_range": config.service_cluster_ip_range,
            "service_node_port_range": config.service_node_port_range,
            "event_ttl": config.event_ttl,
            "token_issuer": self.issuer,
            "audiences": config.audiences,
            "authorizer": self.authorizer,
            "token_authenticators": self._tokens,
            "resolver": lambda: self.resolver,
            "storage_ready": self.storage.ready,
            "kubelet": self.kubelet,
            "kubelet_preferred_address_types": config.kubelet_preferred_address_types,
            "proxy_transport": self.pod_transport,
        }
        self._options = RestOptions(self.cache, self.schema, self.outside, settings, self.stores, self.storage)
        reviews = review_makers(self.authorizer, self._late, TokenReviewer(self.bearer, config.anonymous_auth),
                                self.outside.clock)
        makers = {**MAKERS, **reviews}
        self.rooms = {r.group_resource: rooms(r, self._options, makers) for r in self.resources}
        self.chain = Chain(self._plugins())

    def _plugins(self) -> Sequence[Plugin]:
        config = self.config
        catch_up = None if self.storage.exclusive else self.catch_up
        quotas = catalog.resource("", "resourcequotas")
        owners = partial(self.field_managers.make, quotas, quotas.storage_kind, "status") if quotas else None
        minor = int(config.kubernetes_version.partition(".")[2])
        self.admission = AdmissionPlugins(self.stores, self.authorizer, catch_up, self.outside.entropy, minor, owners)
        for name in self.admission.unknown(config.enable_admission_plugins):
            log.warning("admission plugin %s is asked for and does not exist here", name)
        return self.admission.enabled(config.enable_admission_plugins, config.disable_admission_plugins)

    # --- routes --------------------------------------------------------------------------------------------------

    def _install(self) -> None:
        for resource in self._shown:
            made = self.rooms[resource.group_resource]
            for version in resource.versions:
                for name, storage in made.items():
                    self._install_one(resource, version, name, storage)

    def _install_one(self, resource: Resource, version: str, subresource: str, storage: Any) -> None:
        declared = resource.subresource(subresource) if subresource else None
        kind = resource.subresource_kind(declared, version) if declared else resource.in_version(version)
        same = kind.group_kind == resource.group_kind
        conversion = CONVERSIONS.get(kind) if same else None
        selectors = field_selectors(resource.group, version, resource.plural)
        scope = Scope(
            kind=kind, resource=resource.resource_in(version), subresource=subresource,
            namespaced=resource.namespaced, storage=storage, load_schema=partial(self.schema, kind),
            chain=self.chain, field_label=selectors.convert,
            printer=partial(printer, kind.group, kind.version, resource.plural if same else kind.kind.lower()),
            hub=resource.storage_version, clock=self.outside.clock, watches=self.watches,
            list_kind=resource.list_kind, to_hub=conversion[0] if conversion else None,
            from_hub=conversion[1] if conversion else None, defaults=defaults, authorize=self.authorize_create,
            warning=_warning(resource, version),
            accepts=_ALSO_ACCEPTED.get((resource.group, resource.plural, subresource), ()),
            preserves_metadata=getattr(storage, "preserves_metadata", False), knows=self.types.knows,
            delete_options_schema=partial(self.schema, _DELETE_OPTIONS))
        if self.types.knows(kind):
            scope.load_field_manager = partial(self.field_managers.make, resource, kind, subresource)
        install(self.router, scope, frozenset(declared.verbs if declared else resource.verbs))

    def _custom_kinds(self) -> CustomKinds:
        scopes = CustomScopes(self.chain, self.outside.clock, self.watches, self.authorize_create,
                              partial(self.schema, _DELETE_OPTIONS), self.schema, self.field_managers.make,
                              self.types.knows)
        maker = CustomKindMaker(self.storage, self.outside, self.field_managers.metadata, self.stores,
                                self._programs)
        return CustomKinds(self.router, self.stores, self.caches, scopes,
                           CustomDocuments(self.discovery, self.openapi), maker.cache, maker.kind)

    # --- plain paths ---------------------------------------------------------------------------------------------

    def _make_chain(self) -> FilterChain:
        paths = self.paths = Paths(self.discovery.serve)
        for root in ("/healthz", "/livez", "/readyz"):
            paths.add(root, self.health.serve)
            paths.add(root + "/", self.health.serve)
        paths.add("/metrics", self.metrics.serve)
        version = Version(f"{self.config.kubernetes_version}.0")
        paths.add("/version", version.serve)
        paths.add("/version/", version.serve)
        for place in ("/openapi/v2", "/openapi/v3", "/openapi/v3/"):
            paths.add(place, self.openapi.serve)
        paths.add("/.well-known/openid-configuration", self._serve_configuration)
        paths.add("/openid/v1/jwks", self._serve_keys)
        index = Index(self.discovery.paths, self.health.paths)
        index.add("/metrics")
        paths.add("/", index.serve)
        paths.add("/index.html", index.serve)
        self.health.add("etcd", self.storage.ready, live=True)
        self.health.add("informer-sync", self._caches_ready)
        self.health.add("poststarthook/rbac/bootstrap-roles", lambda: "" if self.bootstrapped else "not finished")
        self.health.add("shutdown", lambda: "process is shutting down" if self.ending else "")
        self._gauges()
        config = self.config
        in_flight = InFlight(config.max_requests_inflight, config.max_mutating_requests_inflight)
        self.metrics.gauge("apiserver_current_inflight_requests", "Requests under way.", ("request_kind",),
                           lambda: {("readOnly",): in_flight.reading, ("mutating",): in_flight.mutating})
        return FilterChain(self.router, paths, self.authenticator, self.authorizer, in_flight,
                           None if self.storage.exclusive else self.catch_up)

    def _serve_configuration(self, request: Request) -> Response:
        issuer = self.config.service_account_issuer
        body = self.keys.configuration(issuer, f"{issuer}/openid/v1/jwks")
        return Response(200, body, "application/json", (("Cache-Control", "public, max-age=3600"),))

    def _serve_keys(self, request: Request) -> Response:
        from orlop.endpoints import accept

        accept.require(request, ("application/jwk-set+json",))
        return Response(200, self.keys.jwks(), "application/jwk-set+json",
                        (("Cache-Control", "public, max-age=3600"),))

    def _gauges(self) -> None:
        about = "Number of stored objects at the time of last check split by kind."
        stores = self.stores
        self.metrics.gauge("apiserver_storage_objects", about, ("resource",),
                           lambda: {(str(store.resource),): len(store.cache) for store in stores.values()})
        self.metrics.gauge("apiserver_resource_objects", about, ("group", "resource"),
                           lambda: {kind: len(store.cache) for kind, store in stores.items()})
        self.metrics.gauge("apiserver_longrunning_requests", "Open watches.", ("verb",),
                           lambda: {("WATCH",): len(self.watches)})
        version = self.config.kubernetes_version
        major, _, minor = version.partition(".")
        self.metrics.gauge("kubernetes_build_info", "A metric with a constant '1' value labeled by major, minor and "
                           "git version.", ("major", "minor", "git_version"),
                           lambda: {(major, minor, f"v{version}.0"): 1})

    async def catch_up(self) -> None:
        """Return when every cache shows what anybody was told of before this call; for storages where others write
        too. Raises APIError."""
        namespaces = self.stores[("", "namespaces")]
        try:
            await namespaces.cache.catch_up(FUTURE_REVISION_WAIT)
        except StorageError as error:
            raise interpret(error, namespaces.resource, "") from None

    def _caches_ready(self) -> str:
        return next((reason for cache in self.caches.values() if (reason := cache.ready())), "")

    # --- life ----------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Load the caches; the storage must be started."""
        await asyncio.gather(*(cache.start() for cache in self.caches.values()))
        self._roles.follow()
        self.admission.follow()
        await self.custom.start()

    async def tick(self) -> None:
        """Housekeeping, about once a second: expiry and compaction."""
        await self.storage.tick()
        for cache in list(self.caches.values()):
            await cache.tick()

    def end(self) -> None:
        """Say that the end is near; requests are still answered."""
        self.ending = True

    async def close(self) -> None:
        self.watches.drain()
        if self.kubelet is not None:
            await self.kubelet.close()
        if self.pod_transport is not None:
            await self.pod_transport.close()
        await self.custom.stop()
        for cache in self.caches.values():
            await cache.close()


class _Late:
    """The authorizers, complete only after the stores they read are made."""

    def __init__(self) -> None:
        self.chain = AuthorizerChain([MastersAuthorizer()])
        self.rules = RulesChain([])

    def authorize(self, attributes: Attributes) -> Decision:
        return self.chain.authorize(attributes)

    def rules_for(self, user: User, namespace: str) -> VisibleRules:
        return self.rules.rules_for(user, namespace)


class _AlwaysAllow:
    """--authorization-mode=AlwaysAllow."""

    def authorize(self, attributes: Attributes) -> Decision:
        return ALLOWED


def defaults(schema: Schema) -> Callable[[dict[str, Any]], None]:
    """What completes the objects of a kind."""
    return schema.compile_defaults(DEFAULTERS)


def _warning(resource: Resource, version: str) -> str:
    """The deprecation warning of a whole resource."""
    if resource.group_resource == ("", "endpoints"):
        return "v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice"
    if resource.group_resource == ("", "componentstatuses"):
        return "v1 ComponentStatus is deprecated in v1.19+"
    return ""
