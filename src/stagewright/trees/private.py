"""Directories of what is nobody else's: source, buildpacks and what was made of them, on a machine with other users."""

from __future__ import annotations

import os
from pathlib import Path

from stagewright.trees.problems import writing

_PRIVATE = 0o700
_OTHERS = 0o077


def make_private(directory: Path) -> None:
    """Make ``directory``, which is all ours, and the root of the installation above it, where they are missing.

    Both are made with mode 0700. One that others may look into is closed to them, if it is the caller's; the root only
    when it is made, since people may have chosen a directory that holds other things. Raises DiskFull, TreeFailure.
    """
    with writing(directory):
        for place in (directory.parent, directory):
            place.mkdir(parents=True, exist_ok=True, mode=_PRIVATE)
        status = directory.stat()
        if status.st_mode & _OTHERS and status.st_uid == os.geteuid():
            directory.chmod(_PRIVATE)
