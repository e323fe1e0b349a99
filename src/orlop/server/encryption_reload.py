"""A changed encryption file takes effect while the server runs (`--encryption-provider-config-automatic-reload`).

Held by `run`, which calls `tick` about once a second; hands new plans to the storage's `Encryption`. Behaviour:
apiserver `pkg/server/options/encryptionconfig/controller/controller.go`: the content counts, not the time of the file,
and a file that cannot work changes nothing. Upstream looks once a minute.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

from orlop.server.config import ConfigError
from orlop.server.encryption_config import EncryptionConfig, digest_of, load
from orlop.storage.encryption import Encryption
from orlop.world.clock import Clock

_log: Final = logging.getLogger(__name__)

INTERVAL: Final = 10.0
"""Seconds between looks at the file."""


class EncryptionReload:
    """`loaded` is what `encryption` works by at first. `successes` and `failures` count reloads, `last` is the time of
    the latest one, `digest` that of the file in effect (the metrics of upstream's controller)."""

    def __init__(self, path: Path, encryption: Encryption, loaded: EncryptionConfig, clock: Clock) -> None:
        self._path, self._encryption, self._clock = path, encryption, clock
        self._next = clock.monotonic() + INTERVAL
        self._complaint = ""
        self.digest = loaded.digest
        self.successes = self.failures = 0
        self.last = 0.0

    def tick(self) -> None:
        """Look at the file when it is time to. Never raises: the old keys stay until the file is right again."""
        now = self._clock.monotonic()
        if now < self._next:
            return
        self._next = now + INTERVAL
        try:
            if digest_of(self._path) == self.digest:
                self._complaint = ""
                return
            loaded = load(self._path)
        except ConfigError as error:
            self._fail(str(error))
            return
        self._encryption.plan, self.digest = loaded.plan, loaded.digest
        self._complaint = ""
        self.successes += 1
        self.last = self._clock.now()
        _log.info("took over the changed encryption configuration %s (%s)", self._path, self.digest)

    def _fail(self, complaint: str) -> None:
        """Each look counts, but what has been said is not said again."""
        self.failures += 1
        self.last = self._clock.now()
        if complaint != self._complaint:
            self._complaint = complaint
            _log.error("error processing encryption config file %s, the old one stays in effect: %s", self._path,
                       complaint)
