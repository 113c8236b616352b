"""What git knows of a directory of this machine: the commit, the last few, and whether something is not as committed.

The directory may be a stranger's, and the configuration of its repository with it: filters, a file system monitor, a signature
program would run as soon as git looks at a file. So git looks with a repository of ours, which borrows the objects alone.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from stagewright.buildpacks.fetching import git_settings
from stagewright.buildpacks.fetching.git_answers import LOG_FORMAT, commits_of
from stagewright.buildpacks.fetching.git_command import GitRunner
from stagewright.buildpacks.fetching.policy import Deadline, FetchPolicy
from stagewright.errors import Problem
from stagewright.model.origin import DirectoryOrigin, WorkTree
from stagewright.trees.removal import remove_tree

_ALLOWED = 60.0
_LARGEST = 1 << 30


def origin_of_directory(path: Path, policy: FetchPolicy | None = None) -> DirectoryOrigin:
    """What git knows of ``path``; just the path where that is nothing, or git is not there. Reads every file: for traces only."""
    scratch = Path(tempfile.mkdtemp(prefix="stagewright-"))
    try:
        return DirectoryOrigin(path, _work_tree(path, scratch, policy or FetchPolicy()))
    except (Problem, OSError, ValueError):
        return DirectoryOrigin(path)
    finally:
        remove_tree(scratch)


def _work_tree(path: Path, scratch: Path, policy: FetchPolicy) -> WorkTree | None:
    look = _Look(path, GitRunner(str(path), Deadline.after(_ALLOWED), _LARGEST, scratch), policy)
    places = look.there("rev-parse", "--path-format=absolute", "--show-toplevel", "--git-common-dir").split("\n")
    commit = look.there("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
    if len(places) != 2 or not commit:
        return None
    top, common = Path(places[0]), Path(places[1])
    repository = scratch / "repository"
    look.here("init", "--quiet", "--bare", str(repository))
    (repository / "objects" / "info" / "alternates").write_text(f"{common / 'objects'}\n")
    if (common / "shallow").is_file():
        (repository / "shallow").write_bytes((common / "shallow").read_bytes())
    at = git_settings.repository(repository)
    log = look.here(at, "log", "-5", "--no-color", "--encoding=UTF-8", "--no-mailmap", LOG_FORMAT, commit)
    look.here(at, "read-tree", commit)
    exclude = f"core.excludesFile={common / 'info' / 'exclude'}"
    tree = f"--work-tree={top}"
    status = look.here(
        "-c", exclude, at, tree, "status", "--porcelain", "-z", "--no-renames", "--ignore-submodules", "--", str(path)
    )
    # Against the empty branch of our own repository everything is "added": the second column tells of the files.
    dirty = any(len(entry) > 2 and entry[1:2] != b" " for entry in status.split(b"\0"))
    return WorkTree(commit, look.there("symbolic-ref", "--quiet", "--short", "HEAD") or None, commits_of(log), dirty)


class _Look:
    """Runs git for the directory: `there` in its own repository, for what names things and runs nothing; `here` in ours."""

    def __init__(self, path: Path, runner: GitRunner, policy: FetchPolicy) -> None:
        self._path = path
        self._runner = runner
        self._policy = policy

    def there(self, *arguments: str) -> str:
        environment = git_settings.offline(self._policy, GIT_CEILING_DIRECTORIES="/")
        ended = self._runner.run(arguments, environment, cwd=self._path)
        return ended.output.decode("utf-8", "surrogateescape").strip("\n") if not ended.code else ""

    def here(self, *arguments: str) -> bytes:
        ended = self._runner.run(arguments, git_settings.offline(self._policy))
        if ended.code:
            raise ValueError(ended.errors)
        return ended.output
