"""The two records that every rule about pod specs is given: what is allowed, and what the spec around has.

Made by `allowances` and `spec`; read everywhere in this package.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from orlop.api.tree import Tree


@dataclass(frozen=True)
class Allowances:
    """`is_pod`: the spec is a pod's own, not a template's. The others let a fault pass that was stored before."""

    is_pod: bool = False
    deletion_cost: bool = False
    selector_values: bool = False
    spread_selectors: bool = False
    node_values: bool = False
    token_paths: bool = False
    host_sysctls: bool = False
    huge_pages: bool = False
    init_restarts: bool = False
    selinux_policies: bool = False

    @cached_property
    def is_usual(self) -> bool:
        """Whether nothing is let pass."""
        return self in (Allowances(True), Allowances(False))


@dataclass(slots=True)
class Surroundings:
    """What the rules of containers must know of their pod: volumes by name, names of its resource claims, the seconds
    of grace, restartPolicy, and whether it shares the host's users. `key` tells all of it but the volumes, for
    remembering; None when that is not worth it."""

    volumes: Mapping[str, Tree]
    claims: frozenset[str]
    grace: int | None
    restart_policy: str
    host_users: bool
    allow: Allowances
    key: tuple[int, str, bool, bool] | None = None

    def __post_init__(self) -> None:
        if not self.claims and self.grace is not None and self.allow.is_usual:
            self.key = (self.grace, self.restart_policy, self.host_users, self.allow.is_pod)
