"""A directory, zip, tar, jar or war becomes a package: a clean tree of its own, with a digest."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path

from stagewright.errors import AppProblem, UsageProblem
from stagewright.model.build import Package
from stagewright.model.tree import Bounds, Owner
from stagewright.packages.ignoring import ignore_rules
from stagewright.ports.progress import Progress, silent
from stagewright.trees import LinkPolicy, archive_kind, chown_tree, copy_tree, tree_digest, unpack
from stagewright.trees.problems import shown


@dataclass(eq=False)
class NoSuchSource(UsageProblem):
    """PATH names nothing."""

    path: Path

    def brief(self) -> str:
        return f"There is nothing at {shown(self.path)}."

    def hint(self) -> str:
        return "Give the app's directory, or a zip, tar, jar or war of it."


@dataclass(eq=False)
class NotASource(AppProblem):
    """PATH is a file of no kind that is known, or holds nothing."""

    path: Path
    says: str

    def brief(self) -> str:
        return f"{shown(self.path)} cannot be staged: {self.says}."

    def hint(self) -> str:
        return "Give the app's directory, or a zip, tar, jar or war of it."


def receive(
    source: Path,
    into: Path,
    *,
    bounds: Bounds,
    owner: Owner | None,
    left_out: frozenset[str] = frozenset(),
    progress: Progress = silent,
) -> Package:
    """Bring the source of an app into the empty directory ``into``.

    Links are data and are kept as they are, never followed (contracts: "in an upload a link is data"). A directory leaves out
    what .cfignore and .slugignore name, and the relative paths of ``left_out``; an archive is taken as it was packed.
    Raises NoSuchSource, NotASource and what `trees` refuses.
    """
    if _is_directory(source):
        rules = ignore_rules(source)

        def ignored(path: str, is_directory: bool) -> bool:
            return path in left_out or rules(path, is_directory)

        keep = LinkPolicy.KEEP
        brought = copy_tree(source, into, ignored=ignored, bounds=bounds, links=keep, owner=owner, progress=progress)
    else:
        brought = unpack(source, into, bounds=bounds, links=LinkPolicy.KEEP, owner=owner, progress=progress)
    if brought.entries == 0:
        raise NotASource(source, "it holds no file, or all of them are ignored")
    if owner is not None:
        chown_tree(into, owner)
    return Package(into, tree_digest(into), brought.entries, brought.bytes)


def _is_directory(source: Path) -> bool:
    """Whether the source is a directory; False is an archive. Raises NoSuchSource and NotASource for anything else."""
    try:
        mode = source.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NoSuchSource(source) from error
    except OSError as error:
        raise NotASource(source, (error.strerror or str(error)).lower()) from error
    if stat.S_ISDIR(mode):
        return True
    if not stat.S_ISREG(mode):
        raise NotASource(source, "it is neither a directory nor a plain file")
    if archive_kind(source) is None:
        raise NotASource(source, "it is neither a directory nor a zip, tar, jar or war")
    return False
