"""The configuration: what cannot work is refused by name, before anything starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from orlop.server.config import Config, ConfigError


def test_defaults() -> None:
    """They are valid, and kube-apiserver's where it has them."""
    config = Config()
    assert (config.secure_port, config.storage, config.authorization_mode) == (6443, "sqlite", ("RBAC",))
    assert config.audiences == (config.service_account_issuer,)


@pytest.mark.parametrize(("setting", "value"), [
    ("storage", "paper"), ("bind_address", "localhost"), ("secure_port", 70_000), ("secure_port", -1),
    ("authorization_mode", ()), ("authorization_mode", ("rbac",)), ("authorization_mode", ("RBAC", "Webhook")),
    ("service_cluster_ip_range", "10.0.0.0/33"), ("service_cluster_ip_range", "10.0.0.0/30"),
    ("service_cluster_ip_range", "anything"), ("service_node_port_range", "30000"),
    ("service_node_port_range", "9-5"), ("service_node_port_range", "1-70000"), ("kubernetes_version", "v1.36"),
    ("kubernetes_version", "latest"), ("min_request_timeout", 0), ("event_ttl", -1), ("shutdown_grace", -1.0),
    ("max_requests_inflight", -1),
])
def test_refused(setting: str, value: Any) -> None:
    """The text names the setting and the value; an unknown way to authorize never means to allow everything."""
    with pytest.raises(ConfigError) as caught:
        Config(**{setting: value})
    assert str(caught.value).startswith(setting.replace("_", "-")) and repr(value) in str(caught.value)


def test_two_families() -> None:
    """Service ranges may come in a list."""
    assert Config(service_cluster_ip_range="10.0.0.0/24,fd00::/108")


def test_paths_may_be_text() -> None:
    """Programs may give paths as text."""
    assert Config(data_dir="x").data_dir == Path("x")  # type: ignore[arg-type]
