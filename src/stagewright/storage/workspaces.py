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
from stagewright.trees.problems import writing


@dataclass(frozen=True)
class DiskWorkspaces:
    """``directory`` holds one directory a running build, and ``NAME.lock`` beside it."""

    directory: Path

    @contextmanager
    def open(self, build: BuildId) -> Iterator[Workspace]:
        """An empty working place with app, deps, profile.d and tmp in it; removed at the end."""
        with writing(self.directory):
            self.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock_path = self.directory / f"{build}.lock"
        lock = HeldLock.attempt(lock_path)
        if lock is None:
            raise RuntimeError(f"two builds are named {build}")
        workspace = Workspace(self.directory / str(build))
        try:
            with writing(self.directory):
                for path in (workspace.app, workspace.deps, workspace.profile_d, workspace.tmp, workspace.scratch):
                    path.mkdir(parents=True)
            yield workspace
        finally:
            remove_tree(workspace.root)
            lock_path.unlink(missing_ok=True)
            lock.release()

    def sweep(self) -> int:
        """Remove working places whose lock nobody holds any more; returns how many they were."""
        swept = 0
        for lock_path in self.directory.glob("*.lock"):
            lock = HeldLock.attempt(lock_path)
            if lock is None:
                continue
            remove_tree(lock_path.with_suffix(""))
            lock_path.unlink(missing_ok=True)
            lock.release()
            swept += 1
        return swept
