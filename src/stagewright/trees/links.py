"""Where links lead, told from what an archive says, without touching the disk."""

from __future__ import annotations

from collections.abc import Mapping

from stagewright.trees.names import escape_name

_EXPANSIONS = 40
"""Links in links that Linux follows before it gives up (path_resolution(7))."""

_STEPS = 5_000_000
"""Parts of paths that are looked at in all before an archive is refused as a maze."""


def leads_out(targets: Mapping[bytes, bytes]) -> str | None:
    """The first link, escaped, that leads out of the tree when it is followed as Linux would; None if there is none.

    It is not enough to count the ``..`` of a target: ``d -> a/..`` is harmless by its text alone, yet where ``a`` is
    itself a link to a directory higher up, it is not. What does not exist is taken for a directory.
    """
    budget = _STEPS
    for path in targets:
        taken = _steps_inside(path, targets, budget)
        if taken is None:
            return escape_name(path)
        budget -= taken
    return None


def _steps_inside(path: bytes, targets: Mapping[bytes, bytes], budget: int) -> int | None:
    """How many steps it took to follow ``path`` to its end inside the tree; None if it leads out (or never seems to end)."""
    here: list[bytes] = []
    ahead = path.split(b"/")[::-1]
    expansions = steps = 0
    while ahead:
        steps += 1
        if steps > budget:
            return None
        part = ahead.pop()
        if part in (b"", b"."):
            continue
        if part == b"..":
            if not here:
                return None
            here.pop()
            continue
        target = targets.get(b"/".join([*here, part]))
        if target is None:
            here.append(part)
            continue
        expansions += 1
        if target.startswith(b"/"):
            return None
        if expansions > _EXPANSIONS:
            return steps
        ahead.extend(target.split(b"/")[::-1])
    return steps
