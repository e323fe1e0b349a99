"""Chance, passed in: uids and generated names. Tests hand in a seeded source."""

from __future__ import annotations

import os
import random
from typing import Protocol

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
"""Letters and digits that form no words (apimachinery `util/rand`)."""


class Entropy(Protocol):
    def uid(self) -> str:
        """A random (version 4) UUID in its usual text form."""

    def suffix(self, length: int = 5) -> str:
        """Characters for generateName."""


class RandomEntropy:
    """From a generator seeded by the system (or by a test). UUID version 4 needs uniqueness, not secrecy: tokens and
    keys come from the cryptography library instead."""

    def __init__(self, seed: int | None = None) -> None:
        self._random = random.Random(os.urandom(32) if seed is None else seed)

    def uid(self) -> str:
        bits = self._random.getrandbits(128)
        text = f"{(bits & ~(0xF000 << 64) & ~(0xC000 << 48)) | (4 << 76) | (0x8000 << 48):032x}"
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    def suffix(self, length: int = 5) -> str:
        return "".join(self._random.choices(_ALPHABET, k=length))
