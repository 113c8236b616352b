"""Working places of builds as directories, each held by a lock, so that what a killed run left is told from what is in use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from stagewright.model.names import BuildId
from stagewright.ports.keeping import Workspace
from stagewright.storage.locking import HeldLock
from stagewright.trees import remove_tree
from stagewright.trees.private import make_private
from stagewright.trees.problems import writing


@dataclass(frozen=True)
class DiskWorkspaces:
    """``directory`` holds one directory a running build, and ``NAME.lock`` beside it."""

    directory: Path

    @contextmanager
    def open(self, build: BuildId) -> Iterator[Workspace]:
        """An empty working place with app, deps, profile.d and tmp in it; removed at the end."""
        make_private(self.directory)
        lock_path = self.directory / f"{build}.lock"
        with writing(self.directory):
            lock = HeldLock.make(lock_path)
        workspace = Workspace.below(self.directory / str(build))
        try:
            with writing(self.directory):
                for path in (workspace.app, workspace.deps, workspace.profile_d, workspace.tmp, workspace.scratch):
                    path.mkdir(parents=True)
            yield workspace
        finally:
            _remove(workspace.root, lock_path, lock)

    def sweep(self) -> int:
        """Remove working places whose lock nobody holds any more; returns how many they were."""
        swept = 0
        for lock_path in self.directory.glob("*.lock"):
            lock = HeldLock.inherit(lock_path)
            if lock is None:
                continue
            left = lock_path.with_suffix("")
            # Without a directory it may be a lock that is just being made: nobody is told of that.
            swept += left.exists()
            _remove(left, lock_path, lock)
        return swept


def _remove(root: Path, lock_path: Path, lock: HeldLock) -> None:
    """Remove a working place, its lock last: where something of it stays, the next sweep finds it."""
    try:
        remove_tree(root)
        lock_path.unlink(missing_ok=True)
    finally:
        lock.release()
