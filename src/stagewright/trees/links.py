"""Where links lead, told from what an archive says, without touching the disk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from stagewright.trees.damage import Forbidden

_EXPANSIONS = 40
"""Links in links that Linux follows before it gives up (path_resolution(7))."""

_STEPS = 2_000_000
"""Parts of paths that are looked at in all, a second or so, before the links are refused as a maze."""

_Directory: TypeAlias = "dict[bytes, _Directory | bytes]"
"""What lies in a directory: directories, and links as their targets. Files and directories without links do not matter."""


def require_inside(targets: Mapping[bytes, bytes]) -> None:
    """Follow every link as Linux would. Raises Forbidden for the first that leads out of the tree.

    It is not enough to count the ``..`` of a target: ``d -> a/..`` is harmless by its text alone, yet where ``a`` is
    itself a link to a directory higher up, it is not. What does not exist is taken for a directory.
    """
    top = _tree_of(targets)
    budget = _STEPS
    for path in targets:
        budget -= _follow(path, top, budget)


def _tree_of(targets: Mapping[bytes, bytes]) -> _Directory:
    top: _Directory = {}
    for path, target in targets.items():
        *directories, name = path.split(b"/")
        at = top
        for directory in directories:
            below = at.setdefault(directory, {})
            if not isinstance(below, dict):
                raise Forbidden(path, "its path leads through a link")
            at = below
        at[name] = target
    return top


def _follow(path: bytes, top: _Directory, budget: int) -> int:
    """Follow ``path`` to its end; returns how many steps that took."""
    here: list[_Directory] = []
    ahead = path.split(b"/")[::-1]
    expansions = steps = 0
    while ahead:
        steps += 1
        if steps > budget:
            raise Forbidden(path, "it is a link in a maze of links")
        part = ahead.pop()
        if part in (b"", b"."):
            continue
        if part == b"..":
            if not here:
                raise Forbidden(path, "it is a link that leads out of the tree")
            here.pop()
            continue
        found = (here[-1] if here else top).get(part, {})
        if isinstance(found, dict):
            here.append(found)
            continue
        expansions += 1
        if found.startswith(b"/"):
            raise Forbidden(path, "it is a link that leads out of the tree")
        if expansions > _EXPANSIONS:
            break
        parts = found.split(b"/")
        steps += len(parts)
        ahead.extend(reversed(parts))
    return steps
