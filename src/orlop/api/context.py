"""Who asks for what: the context that travels with one request from the filters down to the registry."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class User:
    """An authenticated caller (apiserver `authentication/user`)."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


@dataclass(slots=True)
class RequestInfo:
    """What a URL asks for (apiserver `endpoints/request/requestinfo.go`).

    `verb` is get, list, watch, create, update, patch, delete, deletecollection or proxy for resources, the lower-case
    method otherwise. `prefix` is "api" or "apis" for resource paths, "" otherwise.
    """

    verb: str
    path: str
    prefix: str = ""
    group: str = ""
    version: str = ""
    namespace: str = ""
    resource: str = ""
    subresource: str = ""
    name: str = ""
    parts: tuple[str, ...] = ()

    @property
    def is_resource(self) -> bool:
        return bool(self.resource)


SYSTEM_USER = User("system:apiserver", ("system:masters", "system:authenticated"))
"""Built-in controllers act as this user, through the same stores as every caller."""


@dataclass(slots=True)
class Context:
    """One request's circumstances. `warnings` become Warning headers, in order, without repeats."""

    user: User = SYSTEM_USER
    info: RequestInfo = field(default_factory=lambda: RequestInfo("get", "/"))
    namespace: str = ""
    user_agent: str = ""
    warnings: list[str] = field(default_factory=list)

    def warn(self, text: str) -> None:
        if text not in self.warnings:
            self.warnings.append(text)
