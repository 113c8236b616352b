"""What goes where in an archive."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stagewright.model.tree import Owner

ROOT = Owner(0, 0)


@dataclass(frozen=True)
class Placed:
    """Something at a path of the archive: a directory with all that is below it, a file, a link, or new content.

    ``at`` may be ``.`` for a directory: then its content lies at the top and the directory itself is not written.
    With neither ``source`` nor ``content`` it is a new, empty directory.
    """

    source: Path | None
    at: PurePosixPath
    mode: int | None = None
    """Instead of the source's own; new directories have 0755 and new files 0644 unless it says otherwise."""
    content: bytes | None = None
    owner: Owner | None = None
    """Instead of the archive's, for this and all below it, whatever the disk says."""


def in_order(placed: Sequence[Placed], *, parents: bool = False) -> list[Placed]:
    """``placed`` as a walk of the archive meets them; with ``parents``, what leads to each is there too: 0755, root's.

    Raises ValueError where two would bring the same path, or one is no place inside an archive.
    """
    every = list(placed)
    if parents:
        places = {one.at for one in placed}
        above = {parent for one in placed for parent in one.at.parents if parent.parts}
        every += [Placed(None, parent, owner=ROOT) for parent in above - places]
    every.sort(key=lambda one: [os.fsencode(part) for part in one.at.parts])
    _require_apart(every)
    return every


def _require_apart(ordered: Sequence[Placed]) -> None:
    full: set[PurePosixPath] = set()
    seen: set[PurePosixPath] = set()
    for one in ordered:
        if one.at.is_absolute() or ".." in one.at.parts:
            raise ValueError(f"{one.at} is no path inside an archive")
        if not one.at.parts and one.source is None:
            raise ValueError("only a directory of the disk can be placed at the top of an archive")
        if one.at in seen:
            raise ValueError(f"{one.at} was placed twice")
        inside = full.intersection(one.at.parents)
        if inside:
            raise ValueError(f"{one.at} was placed inside {inside.pop()}, which brings its own content")
        seen.add(one.at)
        if one.source is not None or one.content is not None:
            full.add(one.at)
