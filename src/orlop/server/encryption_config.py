"""The operator's encryption file (`--encryption-provider-config`), read and checked.

Called by `run` at start and by `encryption_reload` when the file has changed; hands on the plan for
`storage.encryption`. The pieces: `encryption_document` (types), `encryption_rules` (values), `encryption_plan` (keys,
places). Behaviour and texts: apiserver `pkg/server/options/encryptionconfig/config.go` LoadEncryptionConfig.
"""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path
from typing import Final, NamedTuple

from orlop.api.field import aggregate
from orlop.server import encryption_document, encryption_plan, encryption_rules
from orlop.server.config import ConfigError
from orlop.storage.encryption import Plan

_log: Final = logging.getLogger(__name__)

_FOR_OTHERS: Final = 0o004


class EncryptionConfig(NamedTuple):
    """`digest` is that of the file: enough to see a change without keeping the keys."""

    plan: Plan
    digest: str


def load(path: Path) -> EncryptionConfig:
    """Raises ConfigError."""
    content, digest = _read(path)
    try:
        config = encryption_document.decode(content)
    except encryption_document.DocumentError as error:
        raise ConfigError("error while parsing file: error decoding encryption provider configuration file "
                          f'"{path}": {error}') from None
    except encryption_document.WrongKind as error:
        raise ConfigError(f"error while parsing file: {error}") from None
    if complaints := encryption_rules.check(config):
        raise ConfigError(f"error while parsing file: {aggregate(complaints)}")
    try:
        plan = encryption_plan.build(config)
    except encryption_plan.PlanError as error:
        raise ConfigError(f"error while building transformers: {error}") from None
    _warn_of_mode(path)
    return EncryptionConfig(plan, digest)


def digest_of(path: Path) -> str:
    """Of the file as it is now, whatever is in it. Raises ConfigError."""
    return _read(path)[1]


def _read(path: Path) -> tuple[bytes, str]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigError("error while parsing file: error while loading file: error reading encryption provider "
                          f'configuration file "{path}": open {path}: {(error.strerror or str(error)).lower()}'
                          ) from None
    if not content:
        raise ConfigError("error while parsing file: error while loading file: encryption provider configuration file "
                          f'"{path}" is empty')
    return content, f"sha256:{hashlib.sha256(content).hexdigest()}"


def _warn_of_mode(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # the file was there a moment ago, and what was read of it is good
    if mode & _FOR_OTHERS:
        _log.warning("%s can be read by everybody on this machine, and the encryption keys are in it", path)
