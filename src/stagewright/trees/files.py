"""Single files: their digest, and bringing one to another place whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from stagewright.model.digest import Digest


def file_digest(path: Path) -> Digest:
    """The SHA-256 of a file's bytes. Raises OSError."""
    with path.open("rb") as file:
        return Digest(hashlib.file_digest(file, "sha256").hexdigest())


def install_copy(source: Path, destination: Path) -> None:
    """Make ``destination`` the same file as ``source``, by a link where that is possible; it appears by one rename."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    part = destination.with_name(f".{destination.name}.{os.getpid()}.part")
    part.unlink(missing_ok=True)
    try:
        try:
            os.link(source, part)
        except OSError:
            shutil.copyfile(source, part)
        part.replace(destination)
    finally:
        part.unlink(missing_ok=True)
