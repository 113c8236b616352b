"""The verbs of caches: list with sizes, clear, collect what nobody used for long."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from stagewright.buildpacks.store import IN_USE
from stagewright.errors import PlatformProblem
from stagewright.model.names import AppName
from stagewright.model.quantities import show_size
from stagewright.ports.keeping import CacheEntry
from stagewright.services.platform import Platform
from stagewright.trees import disk_use, remove_tree

_SHARED = ("buildpacks", "layers", "dependencies")


@dataclass(eq=False)
class SharedInUse(PlatformProblem):
    """A build is at work with what all apps share."""

    freed: int
    """Bytes of everything else, which was removed."""

    def brief(self) -> str:
        return "The buildpacks, layers and dependencies are in use by a running build: not removed."

    def hint(self) -> str:
        return f"Everything else was removed ({show_size(self.freed)}). Try again when no build is running."


def list_caches(platform: Platform) -> tuple[CacheEntry, ...]:
    """The caches of apps, largest first, then what all apps share: layers, bits of buildpacks, their dependencies."""
    shared = []
    for name in _SHARED:
        directory = platform.settings.cache / name
        if _kept_in(directory):
            shared.append(CacheEntry(name, "shared", disk_use(directory), directory.stat().st_mtime))
    return (*platform.caches.entries(), *shared)


def clear_caches(platform: Platform, app: AppName | None = None) -> int:
    """Remove the cache of one app, or all caches and all that is shared; returns the bytes that were freed.

    Raises SharedInUse where a build uses what is shared, after the caches of apps were removed.
    """
    freed = platform.caches.clear(app)
    return freed if app is not None else freed + _clear_shared(platform, freed)


def collect(platform: Platform, unused_for: float) -> int:
    """Remove what nobody used for ``unused_for`` seconds, and what killed runs left; returns the bytes that were freed.

    Raises SharedInUse where a build uses what is shared, after all else was removed.
    """
    from stagewright.stacks.making import remover
    from stagewright.staging.imaging import remove_dead_parts

    since = time.time() - unused_for
    platform.sweep()
    platform.stacks.sweep(remover)
    freed = platform.caches.clear(unused_since=since)
    freed += remove_dead_parts(platform.settings.cache / "layers")
    return freed + _clear_shared(platform, freed, unused_since=since)


def _clear_shared(platform: Platform, freed: int, *, unused_since: float | None = None) -> int:
    """Remove what all apps share (all of it, or what was not used since that time), unless a build is at work with it."""
    found = [path for name in _SHARED for path in _kept_in(platform.settings.cache / name)]
    unused = [path for path in found if _unused(path, unused_since)]
    if not unused:
        return 0
    with platform.buildpacks.alone() as alone:
        if not alone:
            raise SharedInUse(freed)
        # Looked at again: until now somebody may have used it.
        return sum(_remove(path) for path in unused if _unused(path, unused_since))


def _unused(path: Path, since: float | None) -> bool:
    try:
        return since is None or path.lstat().st_mtime < since
    except FileNotFoundError:
        return False


def _kept_in(directory: Path) -> tuple[Path, ...]:
    """What lies in a shared directory, but for its lock."""
    try:
        return tuple(path for path in directory.iterdir() if path.name != IN_USE)
    except FileNotFoundError:
        return ()


def _remove(path: Path) -> int:
    size = disk_use(path) if path.is_dir() else path.lstat().st_blocks * 512 if path.exists() else 0
    remove_tree(path)
    return size
