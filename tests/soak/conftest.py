"""Long runs, for `make soak`: only with ORLOP_SOAK=1. ORLOP_SOAK_SECONDS says how long each load lasts."""

from __future__ import annotations

import os

if os.environ.get("ORLOP_SOAK", "") in ("", "0"):
    collect_ignore_glob = ["test_*.py"]
