"""What outlives a build: its working place while it runs, caches, records."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from stagewright.model.digest import Digest
from stagewright.model.names import AppName, BuildId


@dataclass(frozen=True)
class Workspace:
    """The directories of one running build. ``home`` holds app, deps, profile.d and cache."""

    root: Path

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def app(self) -> Path:
        return self.home / "app"

    @property
    def deps(self) -> Path:
        return self.home / "deps"

    @property
    def profile_d(self) -> Path:
        return self.home / "profile.d"

    @property
    def cache(self) -> Path:
        return self.home / "cache"

    @property
    def tmp(self) -> Path:
        return self.root / "tmp"

    @property
    def scratch(self) -> Path:
        """The platform's own corner: no script sees it."""
        return self.root / "scratch"


class Workspaces(Protocol):
    """Makes working places and removes them, those of killed runs too."""

    def open(self, build: BuildId) -> AbstractContextManager[Workspace]:
        """An empty working place, removed at the end however it ends."""
        ...

    def sweep(self) -> int:
        """Remove what killed runs left; returns how many working places that were."""
        ...


@dataclass(frozen=True)
class CacheSlot:
    """Whose cache: one per app and stack (contracts/cloudfoundry-staging.md §1.6)."""

    app: AppName
    stack: Digest
    apart: str = ""
    """Tells apps of one name apart: a fingerprint of where the source lies, or empty where the name was given."""


@dataclass(frozen=True)
class CacheEntry:
    """One cache as ``stagewright cache list`` shows it. ``used`` is seconds since the epoch."""

    name: str
    kind: str
    size: int
    used: float


class Caches(Protocol):
    """The caches of buildpacks. One running build at a time holds a cache; another starts with none."""

    def take(self, slot: CacheSlot, into: Path) -> str:
        """Move the cache to ``into`` (a path that does not exist); says what came of it, for a person."""
        ...

    def give_back(self, slot: CacheSlot, tree: Path) -> None:
        """Keep ``tree`` as the cache of the next build; an older one that came meanwhile is replaced."""
        ...


class Records(Protocol):
    """What was asked, planned and made. Documents are plain JSON values; they hold no secret."""

    def save(self, build: BuildId, document: Mapping[str, object]) -> None: ...

    def remember(self, key: Digest, document: Mapping[str, object]) -> None:
        """Keep a result under the key of all that went in (``--if-changed``)."""
        ...

    def recall(self, key: Digest) -> Mapping[str, object] | None: ...

    def installation_key(self) -> bytes:
        """32 secret bytes of this installation: secrets enter keys by HMAC with it, never by a plain hash."""
        ...
