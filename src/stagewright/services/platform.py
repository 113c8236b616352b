"""What an installation is made of. Wiring makes one; every verb takes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from stagewright.buildpacks import BuildpackStore, Catalogue
from stagewright.model.names import AppName
from stagewright.model.settings import Settings
from stagewright.ports.keeping import CacheEntry, Caches, Records, Workspaces
from stagewright.ports.sandbox import Sandbox
from stagewright.stacks.store import StackStore


class ListedCaches(Caches, Protocol):
    """Caches that can be shown and cleared, too."""

    def entries(self) -> tuple[CacheEntry, ...]: ...

    def clear(self, app: AppName | None = None, *, unused_since: float | None = None) -> int: ...


@dataclass(frozen=True)
class Platform:
    settings: Settings
    sandbox: Sandbox
    workspaces: Workspaces
    caches: ListedCaches
    records: Records
    stacks: StackStore
    buildpacks: BuildpackStore
    catalogue: Catalogue

    def sweep(self) -> int:
        """Remove what killed runs left: containers first, since they hold the working places; returns how many things went."""
        return self.sandbox.sweep() + self.workspaces.sweep()
