"""How far fetching may go, as one value, and what came of it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from stagewright.model.origin import ArchiveOrigin, GitOrigin
from stagewright.model.tree import Bounds


@dataclass(frozen=True)
class FetchPolicy:
    """Bounds hold for one reference with all that belongs to it, such as submodules."""

    timeout: float = 600.0
    """Seconds, as Cloud Foundry allows a download (contracts/cloudfoundry-staging.md §1.7)."""
    largest: int = 2 << 30
    """Bytes: of an archive as it comes, and of a repository with its history on disk."""
    tries: int = 3
    retry_delay: float = 1.0
    """Seconds before the second try; each later wait is twice as long."""
    verify_certificates: bool = True
    bounds: Bounds = field(default_factory=Bounds)
    """Of what is unpacked or checked out."""
    submodules: int = 100
    submodule_depth: int = 5
    """Submodules in submodules."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The caller's, for git: its programs, configuration, keys and proxies (`stagewright.settings.outward`)."""


@dataclass(frozen=True)
class Fetched:
    """What a directory was filled with."""

    origin: GitOrigin | ArchiveOrigin
    size: int | None = None
    """Bytes of an archive as it came; None of a repository."""

    @property
    def version(self) -> str | None:
        """The tag, where one was asked for."""
        return self.origin.tag if isinstance(self.origin, GitOrigin) else None


@dataclass(frozen=True)
class Deadline:
    """The moment at which a fetch has taken too long."""

    at: float
    allowed: float
    """Seconds that were allowed in all."""

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        return cls(time.monotonic() + seconds, seconds)

    @property
    def left(self) -> float:
        """Seconds; never negative."""
        return max(0.0, self.at - time.monotonic())
