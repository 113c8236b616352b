"""The verbs of caches: list with sizes, clear, collect what nobody used for long."""

from __future__ import annotations

import time
from pathlib import Path

from stagewright.model.names import AppName
from stagewright.ports.keeping import CacheEntry
from stagewright.services.platform import Platform
from stagewright.trees import disk_use, remove_tree

_SHARED = ("buildpacks", "layers")


def list_caches(platform: Platform) -> tuple[CacheEntry, ...]:
    """The caches of apps, largest first, then what all apps share: layers and bits of buildpacks."""
    shared = []
    for name in _SHARED:
        directory = platform.settings.cache / name
        if directory.is_dir():
            shared.append(CacheEntry(name, "shared", disk_use(directory), directory.stat().st_mtime))
    return (*platform.caches.entries(), *shared)


def clear_caches(platform: Platform, app: AppName | None = None) -> int:
    """Remove the cache of one app, or all caches and all that is shared; returns the bytes that were freed."""
    freed = platform.caches.clear(app)
    if app is None:
        for name in _SHARED:
            freed += _remove(platform.settings.cache / name)
    return freed


def collect(platform: Platform, unused_for: float) -> int:
    """Remove what nobody used for ``unused_for`` seconds, and what killed runs left; returns the bytes that were freed."""
    from stagewright.stacks.making import remover

    since = time.time() - unused_for
    platform.sweep()
    platform.stacks.sweep(remover)
    freed = platform.caches.clear(unused_since=since)
    for name in _SHARED:
        directory = platform.settings.cache / name
        for path in tuple(directory.iterdir()) if directory.is_dir() else ():
            if path.lstat().st_mtime < since:
                freed += _remove(path)
    return freed


def _remove(path: Path) -> int:
    size = disk_use(path) if path.is_dir() else path.lstat().st_blocks * 512 if path.exists() else 0
    remove_tree(path)
    return size
