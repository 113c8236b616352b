"""What runs in the namespaces of a `workshop`: one job a process, described in JSON, told in lines of JSON.

As root of a namespace it sees the owners that a root shall have, whoever the caller is; and it can change its root directory, so
that no link of a foreign root leads out.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

from stagewright import trees
from stagewright.errors import Problem
from stagewright.model.tree import Bounds, Owner
from stagewright.stacks.definition import Directory, User
from stagewright.stacks.finishing import finish
from stagewright.trees.layers import LayeredTree

_EVERY = 0.1
"""Seconds between two tellings of progress."""

_PASSING = ("dev", "proc", "sys", "run", "tmp")

Job = Mapping[str, Any]
"""As parsed from JSON; `workshop` writes it."""


def main() -> None:
    """Do the job in the first argument; the result is the last line."""
    job = json.loads(sys.argv[1])
    try:
        result = _JOBS[job["job"]](job)
    except Problem as problem:
        _tell(
            problem={
                "brief": problem.brief(),
                "hint": problem.hint(),
                "details": problem.details(),
                "fault": problem.whose_fault().value,
            }
        )
    except OSError as error:
        _tell(problem={"brief": f"The root cannot be made: {error}.", "hint": "", "details": "", "fault": "platform"})
    else:
        _tell(result=result)


def _finish(job: Job) -> Job:
    users = [User(**user) for user in job["users"]]
    directories = [Directory(**directory) for directory in job["directories"]]
    sources: Mapping[str, str] | None = job["sources"]
    os.chroot(job["root"])
    os.chdir("/")
    return asdict(finish(Path("/"), users, directories, sources))


def _weigh(job: Job) -> Job:
    """The digests and the size of a root, and its layer where one is asked for."""
    root = Path(job["root"])
    result: dict[str, Any] = {"size": _size(root)}
    if job["layer"]:
        packed = trees.pack(
            [trees.Placed(root, PurePosixPath())], Path(job["layer"]), keep_owner=True, progress=_Progress()
        )
        result["layer"] = {"digest": str(packed.digest), "size": packed.size}
        result["digest"] = str(packed.diff_id)
    else:
        result["digest"] = str(trees.tree_digest(root, keep_owner=True))
    if job["give_up_owners"]:
        trees.chown_tree(root, Owner(0, 0))
        result["content"] = str(trees.tree_digest(root))
    return result


def _lay(job: Job) -> Job:
    """Lay what is to be imported at a new root, with its owners."""
    into = Path(job["root"])
    bounds = Bounds(**job["bounds"])
    if job["kind"] == "layout":
        from stagewright.images import LayoutPlace, RefName, read_layout, unpack_image

        place = LayoutPlace(Path(job["source"]), RefName(job["tag"]) if job["tag"] else None)
        unpack_image(read_layout(place), into, bounds=bounds, keep_owner=True, progress=_Progress())
    elif job["kind"] == "directory":
        archive = into.with_suffix(".tar")
        _pack_directory(Path(job["source"]), archive)
        _lay_archive(archive, into, bounds)
        archive.unlink()
    else:
        _lay_archive(Path(job["source"]), into, bounds)
    return {}


def _pack_directory(source: Path, archive: Path) -> None:
    """What a root file system holds at rest: not what is mounted, nor devices, nor what lives as long as a boot."""
    placed = [trees.Placed(path, PurePosixPath(path.name)) for path in source.iterdir() if path.name not in _PASSING]
    trees.pack(placed, archive, compression=trees.Compression.NONE, keep_owner=True)


def _lay_archive(archive: Path, into: Path, bounds: Bounds) -> None:
    kind = trees.archive_kind(archive)
    if kind is None or kind is trees.ArchiveKind.ZIP:
        raise trees.UnreadableArchive(archive, "it is no tar")
    with LayeredTree(into, bounds=bounds, keep_owner=True) as tree, archive.open("rb") as file:
        tree.apply(file.fileno(), kind.compressed, archive, _Progress())
        tree.settle()


def _remove(job: Job) -> Job:
    trees.remove_tree(Path(job["path"]))
    return {}


def _size(root: Path) -> int:
    """Bytes of the files of a root, each once."""
    seen: dict[int, int] = {}
    for parent, _, files in os.walk(root):
        for name in files:
            status = Path(parent, name).lstat()
            if stat.S_ISREG(status.st_mode):
                seen[status.st_ino] = status.st_size
    return sum(seen.values())


class _Progress:
    def __init__(self) -> None:
        self._next = 0.0

    def __call__(self, done: int, total: int | None) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _EVERY
            _tell(progress=[done, total])


def _tell(**message: object) -> None:
    print(json.dumps(message), flush=True)


_JOBS: Mapping[str, Callable[[Job], Job]] = {"finish": _finish, "weigh": _weigh, "lay": _lay, "remove": _remove}

if __name__ == "__main__":
    main()
