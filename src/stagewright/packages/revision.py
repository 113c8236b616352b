"""The commit that a source directory stands at, read from git's own files: Heroku's SOURCE_VERSION (contracts/heroku.md §4.1).

No git is run on a directory of somebody else's for that; gitrepository-layout(5) says where it is written.
"""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_REF = re.compile(r"ref: (refs/[A-Za-z0-9._/+-]{1,200})")
_LARGEST = 4 << 20


def source_revision(source: Path) -> str:
    """The commit that HEAD of the work tree ``source`` names; empty where that is not said plainly."""
    git = source / ".git"
    head = _text(git / "HEAD")
    if _COMMIT.fullmatch(head):
        return head
    ref = _REF.fullmatch(head)
    if ref is None or ".." in ref[1]:
        return ""
    loose = _text(git / ref[1])
    if _COMMIT.fullmatch(loose):
        return loose
    for line in _text(git / "packed-refs").splitlines():
        commit, _, name = line.partition(" ")
        if name == ref[1] and _COMMIT.fullmatch(commit):
            return commit
    return ""


def _text(path: Path) -> str:
    with suppress(OSError, ValueError):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                return file.read(_LARGEST).decode("utf-8", "replace").strip()
    return ""
