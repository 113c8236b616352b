"""Content digests, as the OCI image specification writes them (descriptor.md, "Digests")."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Self

_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, order=True)
class Digest:
    """A SHA-256 of some content. ``hex`` is 64 lower-case hexadecimal digits."""

    hex: str

    def __post_init__(self) -> None:
        if not _HEX.fullmatch(self.hex):
            raise ValueError(f"not a SHA-256 in hexadecimal: {self.hex!r}")

    @classmethod
    def of(cls, content: bytes) -> Self:
        """The digest of bytes in memory."""
        return cls(hashlib.sha256(content).hexdigest())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``sha256:<hex>``. Raises ValueError for anything else."""
        algorithm, colon, digits = text.partition(":")
        if algorithm != "sha256" or not colon:
            raise ValueError(f"not a sha256 digest: {text!r}")
        return cls(digits)

    @property
    def short(self) -> str:
        """The first twelve digits: enough for a person, never for identity."""
        return self.hex[:12]

    def __str__(self) -> str:
        return f"sha256:{self.hex}"
