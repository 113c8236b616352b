"""What the bits of a buildpack were made of: enough to tell a person which commit ran, and to get the same bits again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stagewright.model.digest import Digest


@dataclass(frozen=True)
class Commit:
    """One commit, as a log line tells it. Nothing of it is trusted: control characters were taken out."""

    sha: str
    date: str
    """ISO 8601, of the commit."""
    author: str
    subject: str


@dataclass(frozen=True)
class GitOrigin:
    """Bits from a git repository."""

    remote: str
    """Without credentials."""
    revision: str | None
    """The branch, tag or commit that was asked for; None was the default branch."""
    commit: str
    commits: tuple[Commit, ...]
    """That commit and up to four before it."""
    subdir: str | None = None
    branch: str | None = None
    """The branch that ``commit`` was the tip of, where one was asked for or is the default."""
    tag: str | None = None

    def document(self) -> dict[str, object]:
        return {
            "kind": "git",
            "remote": self.remote,
            "revision": self.revision,
            "branch": self.branch,
            "tag": self.tag,
            "commit": self.commit,
            "subdir": self.subdir,
            "commits": [vars(commit) for commit in self.commits],
        }


@dataclass(frozen=True)
class ArchiveOrigin:
    """Bits from an archive."""

    place: str
    """The URL without credentials, or the path of the file."""
    digest: Digest
    """Of the archive as it came."""
    subdir: str | None = None

    def document(self) -> dict[str, object]:
        return {"kind": "archive", "place": self.place, "digest": str(self.digest), "subdir": self.subdir}


@dataclass(frozen=True)
class WorkTree:
    """The state of a git work tree, in which a directory lies."""

    commit: str
    branch: str | None
    commits: tuple[Commit, ...]
    dirty: bool
    """Whether something below the directory is not as that commit has it."""


@dataclass(frozen=True)
class DirectoryOrigin:
    """Bits from a directory of this machine."""

    path: Path
    work_tree: WorkTree | None = None
    """None where it lies in none, and where nobody looked: that costs, so `origin_of_directory` does it when asked."""

    def document(self) -> dict[str, object]:
        document: dict[str, object] = {"kind": "directory", "path": str(self.path)}
        tree = self.work_tree
        if tree is not None:
            commits = [vars(commit) for commit in tree.commits]
            document |= {"commit": tree.commit, "branch": tree.branch, "dirty": tree.dirty, "commits": commits}
        return document


Origin = GitOrigin | ArchiveOrigin | DirectoryOrigin


def parse_git_origin(document: Mapping[str, Any]) -> GitOrigin:
    """What `GitOrigin.document` wrote. Raises KeyError, TypeError, ValueError for anything else."""
    commits = tuple(Commit(**{name: str(commit[name]) for name in _COMMIT}) for commit in document["commits"])
    texts = {name: _optional(document[name]) for name in ("revision", "subdir", "branch", "tag")}
    return GitOrigin(remote=str(document["remote"]), commit=str(document["commit"]), commits=commits, **texts)


_COMMIT = ("sha", "date", "author", "subject")


def _optional(value: object) -> str | None:
    return None if value is None else str(value)
