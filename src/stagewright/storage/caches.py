"""The caches of buildpacks, one an app and stack. A build takes its cache away and gives it back, so nobody shares a tree that a
script is writing: a second build of the same app that runs meanwhile starts with none."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from stagewright.model.digest import Digest
from stagewright.model.names import AppName
from stagewright.model.tree import Owner
from stagewright.ports.keeping import CacheEntry, CacheSlot
from stagewright.trees import chown_tree, disk_use, remove_tree
from stagewright.trees.private import make_private
from stagewright.trees.problems import writing

_TREE = "tree"


@dataclass(frozen=True)
class DiskCaches:
    """``directory`` holds a directory a slot: ``tree`` is the cache, ``slot.json`` says whose it is."""

    directory: Path
    owner: Owner | None
    """Who must own a cache that scripts may write; None: the caller."""

    def take(self, slot: CacheSlot, into: Path) -> str:
        """Move the cache of ``slot`` to ``into``, owned as the sandbox needs it; says what came of it."""
        kept = self._place(slot) / _TREE
        try:
            kept.rename(into)
        except FileNotFoundError:
            return (
                "none yet" if not self._place(slot).exists() else "none: another staging has it, or was cut off with it"
            )
        except OSError as error:
            remove_tree(kept)
            return f"its cache could not be used ({error.strerror})"
        if self.owner is not None and into.stat().st_uid != self.owner.uid:
            chown_tree(into, self.owner)
        return "cache of the last staging"

    def give_back(self, slot: CacheSlot, tree: Path) -> None:
        """Keep ``tree`` for the next build, by one rename. The tree is gone from where it was."""
        with writing(self.directory):
            self._replace(slot, tree)

    def _replace(self, slot: CacheSlot, tree: Path) -> None:
        make_private(self.directory)
        place = self._place(slot)
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        document = {"app": str(slot.app), "stack": str(slot.stack), "apart": slot.apart}
        part = place / f".slot.{os.getpid()}"
        part.write_text(json.dumps(document), encoding="utf-8")
        part.replace(place / "slot.json")
        aside = place / f".old.{os.getpid()}.{time.monotonic_ns()}"
        kept = place / _TREE
        if kept.exists():
            kept.rename(aside)
        tree.rename(kept)
        remove_tree(aside)

    def entries(self) -> tuple[CacheEntry, ...]:
        """All caches, largest first."""
        found = []
        for place in self.directory.glob("*"):
            slot = _slot(place)
            if slot is not None:
                name = f"{slot.app} on {slot.stack.short}" + (f" ({slot.apart})" if slot.apart else "")
                found.append(CacheEntry(name, "app", disk_use(place), (place / "slot.json").stat().st_mtime))
        return tuple(sorted(found, key=lambda entry: (-entry.size, entry.name)))

    def clear(self, app: AppName | None = None, *, unused_since: float | None = None) -> int:
        """Remove the caches of ``app`` (None: of all), or only those not used since that time; returns the bytes
        that were freed."""
        freed = 0
        for place in tuple(self.directory.glob("*")):
            slot = _slot(place)
            used = (place / "slot.json").stat().st_mtime if slot is not None else 0.0
            if app is not None and (slot is None or slot.app != app):
                continue
            if unused_since is not None and used >= unused_since:
                continue
            freed += disk_use(place)
            remove_tree(place)
        return freed

    def _place(self, slot: CacheSlot) -> Path:
        apart = f"-{slot.apart}" if slot.apart else ""
        return self.directory / f"{slot.app}{apart}-{slot.stack.short}"


def _slot(place: Path) -> CacheSlot | None:
    try:
        document = json.loads((place / "slot.json").read_bytes())
        return CacheSlot(AppName(document["app"]), Digest.parse(document["stack"]), str(document["apart"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
