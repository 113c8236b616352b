"""Buildpacks from elsewhere come to this machine: what a reference names is brought into a directory, and nothing more.

policy      how far it may go, and what came of it
download    one file over HTTP
archives    zip and tar, from a URL or a file
git         repositories and their submodules; git_command alone starts processes
checking    what was brought is looked at before anybody uses it
work_tree   what git knows of a directory of this machine
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from stagewright.buildpacks.fetching.archives import check_pin, download_archive, unpack_archive
from stagewright.buildpacks.fetching.checking import check_tree
from stagewright.buildpacks.fetching.policy import Fetched, FetchPolicy
from stagewright.buildpacks.fetching.problems import UnusableBits
from stagewright.buildpacks.roots import below
from stagewright.model.buildpack import ArchiveFileRef, ArchiveUrlRef, GitRef
from stagewright.model.origin import ArchiveOrigin, GitOrigin
from stagewright.ports.progress import Progress, silent
from stagewright.trees.files import file_digest
from stagewright.trees.problems import reason_of, writing
from stagewright.trees.removal import remove_tree

if TYPE_CHECKING:
    from stagewright.buildpacks.fetching.download import Validators
    from stagewright.buildpacks.fetching.git import Tip

__all__ = ["FetchPolicy", "Fetched", "FetchedArchive", "fetch_archive", "fetch_git", "fetch_into", "look_up"]


@dataclass(frozen=True)
class FetchedArchive:
    """An archive that was brought, and how its server knows it again."""

    origin: ArchiveOrigin
    validators: Validators
    size: int
    """Bytes, as it came."""


def fetch_into(
    ref: ArchiveFileRef | ArchiveUrlRef | GitRef, directory: Path, policy: FetchPolicy, progress: Progress = silent
) -> Fetched:
    """Make ``directory``, which is missing or empty, what ``ref`` names (its ``subdir``, where it has one). The buildpack's own
    root in it is `resolve_root`'s to find.

    Whatever happens, ``directory`` is whole or as it was, and nothing else is left behind. Raises the problems of `fetching`,
    MalformedBuildpack, DiskFull, TreeFailure.
    """
    if isinstance(ref, GitRef):
        return Fetched(fetch_git(ref, None, directory, policy, progress))
    if isinstance(ref, ArchiveUrlRef):
        came = fetch_archive(ref, directory, policy, progress)
        if came is None:
            raise AssertionError("without validators there is no 'unchanged'")
        return Fetched(came.origin, came.size)
    with _scratch(directory) as scratch:
        try:
            digest = file_digest(ref.path)
        except OSError as error:
            raise UnusableBits(str(ref), f"it cannot be read: {reason_of(error)}") from error
        check_pin(ref, digest)
        unpack_archive(ref, ref.path, scratch / "tree", policy, progress)
        _place(ref, scratch / "tree", directory)
    return Fetched(ArchiveOrigin(str(ref.path), digest, _subdir(ref)), ref.path.stat().st_size)


def look_up(ref: GitRef, directory: Path, policy: FetchPolicy) -> Tip:
    """What the revision of ``ref`` is now. ``directory`` may be written in meanwhile. Raises what `GitFetch.tip` does."""
    from stagewright.buildpacks.fetching.git import GitFetch

    with _scratch(directory / "tip") as scratch:
        return GitFetch(ref, policy, scratch).tip()


def fetch_git(
    ref: GitRef, tip: Tip | None, directory: Path, policy: FetchPolicy, progress: Progress = silent
) -> GitOrigin:
    """As `fetch_into`, for a repository of which ``tip`` may be known already."""
    from stagewright.buildpacks.fetching.git import GitFetch

    with _scratch(directory) as scratch:
        fetch = GitFetch(ref, policy, scratch, progress)
        origin = fetch.bring(tip or fetch.tip(), scratch / "tree")
        _place(ref, scratch / "tree", directory)
        return origin


def fetch_archive(
    ref: ArchiveUrlRef,
    directory: Path,
    policy: FetchPolicy,
    progress: Progress = silent,
    known: Validators | None = None,
) -> FetchedArchive | None:
    """As `fetch_into`; None where the archive is still what ``known`` describes."""
    with _scratch(directory) as scratch:
        came = download_archive(ref, scratch / "archive", policy, progress, known)
        if came is None:
            return None
        unpack_archive(ref, scratch / "archive", scratch / "tree", policy, progress)
        _place(ref, scratch / "tree", directory)
        return FetchedArchive(ArchiveOrigin(str(ref.remote), came.digest, _subdir(ref)), came.validators, came.size)


@contextmanager
def _scratch(directory: Path) -> Iterator[Path]:
    """An empty directory beside ``directory``, on the same disk, removed at the end."""
    with writing(directory.parent):
        directory.parent.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".incoming-", dir=directory.parent))
    try:
        yield scratch
    finally:
        remove_tree(scratch)


def _place(ref: ArchiveFileRef | ArchiveUrlRef | GitRef, tree: Path, directory: Path) -> None:
    chosen = tree if ref.subdir is None else below(tree, ref.subdir, str(ref))
    check_tree(chosen, str(ref))
    with writing(directory.parent):
        chosen.rename(directory)


def _subdir(ref: ArchiveFileRef | ArchiveUrlRef) -> str | None:
    return str(ref.subdir) if ref.subdir is not None else None
