"""What outlives a build: its working place while it runs, caches, records."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Protocol

from stagewright.model.digest import Digest
from stagewright.model.names import AppName, BuildId


@dataclass(frozen=True)
class Workspace:
    """The directories of one running build."""

    root: Path
    home: Path
    """Where scripts are at home; it may hold the four below, or they lie elsewhere."""
    app: Path
    deps: Path
    profile_d: Path
    cache: Path
    tmp: Path
    scratch: Path
    """The platform's own corner: no script sees it."""

    @classmethod
    def below(cls, root: Path) -> Workspace:
        """All of them below one directory."""
        home = root / "home"
        return cls(
            root=root,
            home=home,
            app=home / "app",
            deps=home / "deps",
            profile_d=home / "profile.d",
            cache=home / "cache",
            tmp=root / "tmp",
            scratch=root / "scratch",
        )

    def called(self, path: Path) -> str:
        """What a path below one of them is called in a droplet: ``app/index.html``, wherever each of them lies."""
        for name, place in (
            ("app", self.app),
            ("deps", self.deps),
            ("profile.d", self.profile_d),
            ("cache", self.cache),
        ):
            if path.is_relative_to(place):
                return (PurePosixPath(name) / path.relative_to(place)).as_posix()
        return path.name

    @property
    def env(self) -> Path:
        """Heroku's ENV_DIR."""
        return self.home / "env"

    @property
    def lifecycle(self) -> Path:
        """What becomes /lifecycle where an app is tested in the container that built it."""
        return self.root / "lifecycle"

    @property
    def buildpacks(self) -> Path:
        """Copies of buildpacks whose scripts may write where they lie."""
        return self.root / "buildpacks"


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


@dataclass(frozen=True)
class KeptBuild:
    """One build of which something is kept, newest first where there are several. ``kept`` is seconds since the epoch."""

    build: BuildId
    kept: float


class BuildRecords(Protocol):
    """What a build writes down. Documents are plain JSON values; they hold no secret."""

    def save(self, build: BuildId, document: Mapping[str, object]) -> None: ...

    def keep_trace(self, build: BuildId, document: Mapping[str, object]) -> None:
        """Keep the trace of a build, in place of an earlier one of the same build. Of many the oldest are forgotten."""
        ...


class Records(BuildRecords, Protocol):
    """What was asked, planned and made."""

    def builds(self) -> tuple[KeptBuild, ...]:
        """The builds that were saved, newest first; older ones are forgotten."""
        ...

    def trace(self, build: BuildId) -> bytes | None:
        """The trace as JSON text: its reader has bounds of its own. None where none is kept."""
        ...

    def traces(self) -> tuple[tuple[KeptBuild, Mapping[str, object]], ...]:
        """The builds with a trace, newest first, each with the plain fields of its trace, such as ``app`` and ``started``."""
        ...

    def remember(self, key: Digest, document: Mapping[str, object]) -> None:
        """Keep a result under the key of all that went in (``--if-changed``)."""
        ...

    def recall(self, key: Digest) -> Mapping[str, object] | None: ...

    def installation_key(self) -> bytes:
        """32 secret bytes of this installation: secrets enter keys by HMAC with it, never by a plain hash."""
        ...
