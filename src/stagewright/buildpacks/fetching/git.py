"""A git repository becomes a directory: its tree and that of its submodules, without history and without ``.git``.

Nothing is cloned in git's own sense. A bare repository of ours takes the commit, its tree is listed and weighed, and only then
checked out; submodules are found, judged and fetched one by one in the same way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path

from stagewright.buildpacks.fetching import git_settings
from stagewright.buildpacks.fetching.git_answers import (
    LOG_FORMAT,
    TreeListing,
    TreeReader,
    commits_of,
    failure,
    is_about_depth,
    modules_of,
)
from stagewright.buildpacks.fetching.git_command import Ended, GitRunner
from stagewright.buildpacks.fetching.policy import Deadline, FetchPolicy
from stagewright.buildpacks.fetching.problems import NoSuchRevision, SourceRefused, TooMuch, UnusableBits
from stagewright.buildpacks.fetching.submodules import BadSubmodule, submodule_ref
from stagewright.model.buildpack import GitRef
from stagewright.model.origin import Commit, GitOrigin
from stagewright.model.references import is_hex
from stagewright.ports.progress import Progress, silent

_ASKED = "refs/stagewright/asked"
_HISTORY = 5
"""Commits that are fetched, and shown in traces."""
_HEADS = "refs/heads/"
_TAGS = "refs/tags/"
_BRANCH = re.compile(r"refs/heads/[^\x00-\x20\x7f~^:?*\[\\]+")
"""A server may say anything; what it says becomes a part of what is asked for."""


@dataclass(frozen=True)
class Tip:
    """What a revision means at this moment. Without ``name`` only the commit itself can be asked for."""

    commit: str
    """Full, unless ``name`` is None and the revision is an abbreviated one."""
    name: str | None = None
    """The full name of the ref."""

    @property
    def branch(self) -> str | None:
        return self.name.removeprefix(_HEADS) if self.name is not None and self.name.startswith(_HEADS) else None

    @property
    def tag(self) -> str | None:
        return self.name.removeprefix(_TAGS) if self.name is not None and self.name.startswith(_TAGS) else None


@dataclass
class GitFetch:
    """One reference on its way. ``scratch`` is an empty directory that the caller makes and removes."""

    ref: GitRef
    policy: FetchPolicy
    scratch: Path
    progress: Progress = silent
    _entries: int = 0
    _bytes: int = 0
    _repositories: int = 0
    _own: Mapping[str, str] | None = None
    _runner: GitRunner = field(init=False)

    def __post_init__(self) -> None:
        deadline = Deadline.after(self.policy.timeout)
        credentials = self.ref.remote.credentials
        self._runner = GitRunner(str(self.ref), deadline, self.policy.largest, self.scratch, credentials, self.progress)

    def tip(self) -> Tip:
        """Ask the remote what the revision means: one ``ls-remote``, none for a full commit.

        A branch comes before a tag of the same name, as for git clone; what is neither may be an abbreviated commit.
        Raises SourceUnreachable, SourceRefused, UntrustedCertificate, NoSuchRevision, TookTooLong, TooMuch, GitMissing.
        """
        if self.ref.commit is not None:
            return Tip(self.ref.commit)
        revision = self.ref.revision
        if revision is None:
            names = ["HEAD"]
        elif revision.startswith("refs/"):
            names = [revision, f"{revision}^{{}}"]
        else:
            names = [f"{_HEADS}{revision}", f"{_TAGS}{revision}", f"{_TAGS}{revision}^{{}}"]
        found, head = self._listed("--symref", names)
        if revision is None and "HEAD" in found:
            return Tip(found["HEAD"], head or "HEAD")
        for name in names:
            if name in found and not name.endswith("^{}"):
                return Tip(found.get(f"{name}^{{}}", found[name]), name)
        if revision is not None and 4 <= len(revision) <= 64 and is_hex(revision):
            return Tip(revision.lower())
        raise NoSuchRevision(str(self.ref), revision or "HEAD", self._near(revision))

    def bring(self, tip: Tip, into: Path) -> GitOrigin:
        """Make ``into``, a missing directory, the tree of ``tip``. Raises what `tip` does, UnusableBits, UsesGitLfs, DiskFull."""
        into.mkdir(0o755)
        repository, commit = self._check_out(self.ref, tip, into, 0)
        return GitOrigin(
            remote=str(self.ref.remote),
            revision=self.ref.revision,
            commit=commit,
            commits=self._log(repository),
            subdir=str(self.ref.subdir) if self.ref.subdir is not None else None,
            branch=tip.branch,
            tag=tip.tag,
        )

    def _listed(self, option: str, names: list[str]) -> tuple[dict[str, str], str | None]:
        """Commits by name, and what HEAD leads to."""
        ended = self._online(self.ref, ["ls-remote", option, "--", self.ref.remote.address, *names])
        if ended.code:
            raise failure(self.ref, str(self.ref), ended)
        found: dict[str, str] = {}
        head: str | None = None
        for line in ended.output.decode("utf-8", "replace").splitlines():
            value, _, name = line.partition("\t")
            if value.startswith("ref: ") and name == "HEAD":
                target = value.removeprefix("ref: ")
                head = target if _BRANCH.fullmatch(target) and target.isprintable() else None
            elif is_hex(value):
                found.setdefault(name, value)
        return found, head

    def _near(self, revision: str | None) -> tuple[str, ...]:
        if revision is None:
            return ()
        found, _ = self._listed("--refs", [f"{_HEADS}*", f"{_TAGS}*"])
        names = [name.removeprefix(_HEADS).removeprefix(_TAGS) for name in found]
        return tuple(name for name in get_close_matches(revision, names[:5000], n=3) if name.isprintable())

    def _check_out(self, ref: GitRef, tip: Tip, into: Path, depth: int) -> tuple[Path, str]:
        self._repositories += 1
        repository = self.scratch / f"repository-{self._repositories}"
        self._offline(["init", "--quiet", "--bare", str(repository)])
        self._take(ref, tip, repository)
        at = git_settings.repository(repository)
        commit = self._offline([at, "rev-parse", "--verify", f"{_ASKED}^{{commit}}"]).output.decode().strip()
        listing = self._list(repository, commit)
        tree = f"--work-tree={into}"
        self._offline([at, tree, "checkout", "--quiet", "--force", "--detach", commit, "--"], cwd=into)
        if listing.submodules and listing.has_modules_file:
            self._submodules(ref, repository, commit, listing, into, depth)
        return repository, commit

    def _take(self, ref: GitRef, tip: Tip, repository: Path) -> None:
        """Get the commit with a little history; with all of it where the server gives no part."""
        if tip.name is not None:
            wanted: list[str] | None = [f"+{tip.name}:{_ASKED}"]
        else:
            wanted = [f"+{tip.commit}:{_ASKED}"] if len(tip.commit) in (40, 64) else None
        ended = None
        if wanted is not None:
            ended = self._fetch(ref, repository, [f"--depth={_HISTORY}"], wanted)
            if ended.code and is_about_depth(ended) and tip.name is not None:
                ended = self._fetch(ref, repository, [], wanted)
            if not ended.code:
                return
            if tip.name is not None or not is_about_depth(ended):
                raise failure(ref, str(self.ref), ended)
        every = [f"+{_HEADS}*:refs/stagewright/heads/*", f"+{_TAGS}*:refs/stagewright/tags/*"]
        ended = self._fetch(ref, repository, [], every)
        if ended.code:
            raise failure(ref, str(self.ref), ended)
        at = git_settings.repository(repository)
        environment = git_settings.offline(self.policy)
        found = self._runner.run([at, "rev-parse", "--verify", f"{tip.commit}^{{commit}}"], environment)
        if found.code:
            raise NoSuchRevision(str(self.ref), tip.commit, evidence=found.errors)
        self._offline([at, "update-ref", _ASKED, found.output.decode().strip()])

    def _fetch(self, ref: GitRef, repository: Path, options: list[str], refspecs: list[str]) -> Ended:
        plain = ["--progress", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--force"]
        at = git_settings.repository(repository)
        return self._online(ref, [at, "fetch", *plain, *options, "--", ref.remote.address, *refspecs])

    def _list(self, repository: Path, commit: str) -> TreeListing:
        reader = TreeReader(str(self.ref), self.policy.bounds, self._spend)
        at = git_settings.repository(repository)
        environment = git_settings.offline(self.policy)
        ended = self._runner.run(
            [at, "ls-tree", "-r", "-l", "-z", "--full-tree", commit], environment, take=reader.take
        )
        self._require(ended)
        return reader.listing()

    def _spend(self, entries: int, size: int) -> tuple[int, int]:
        """Bounds hold for a repository and its submodules together."""
        self._entries += entries
        self._bytes += size
        return self._entries, self._bytes

    def _submodules(
        self, ref: GitRef, repository: Path, commit: str, listing: TreeListing, into: Path, depth: int
    ) -> None:
        at = git_settings.repository(repository)
        said = self._offline([at, "config", f"--blob={commit}:.gitmodules", "--list", "-z"])
        modules = modules_of(said.output)
        for path, wanted in listing.submodules:
            if path not in modules:
                continue  # a commit of another repository without an address: git leaves an empty directory
            if depth >= self.policy.submodule_depth:
                raise TooMuch(str(self.ref), f"{self.policy.submodule_depth} submodules in one another")
            if self._repositories > self.policy.submodules:
                raise TooMuch(str(self.ref), f"{self.policy.submodules} submodules")
            try:
                inner = submodule_ref(modules[path], ref, self.ref)
            except BadSubmodule as bad:
                raise UnusableBits(str(self.ref), f"of its submodule {path!r}, {bad}") from bad
            place = into / path
            if not place.is_dir() or place.resolve() != into.resolve() / path:
                raise UnusableBits(str(self.ref), f"of its submodule {path!r}, the place is no directory of its own")
            self._check_out(inner, Tip(wanted), place, depth + 1)

    def _log(self, repository: Path) -> tuple[Commit, ...]:
        arguments = ["log", f"-{_HISTORY}", "--no-color", "--encoding=UTF-8", "--no-mailmap", LOG_FORMAT, _ASKED]
        return commits_of(self._offline([git_settings.repository(repository), *arguments]).output)

    def _online(self, ref: GitRef, arguments: list[str]) -> Ended:
        environment = git_settings.online(ref.remote, ref.trusted, self.policy, self._personal())
        runner = self._runner
        if ref is not self.ref:
            runner = replace(runner, credentials=ref.remote.credentials or runner.credentials)
        return runner.run(arguments, environment)

    def _offline(self, arguments: list[str], cwd: Path | None = None) -> Ended:
        ended = self._runner.run(arguments, git_settings.offline(self.policy), cwd=cwd)
        self._require(ended)
        return ended

    def _require(self, ended: Ended) -> None:
        if ended.code:
            lines = ended.errors.split("\n")
            raise SourceRefused(
                str(self.ref), f"git ended with exit code {ended.code}", lines[-1] if lines else "", ended.errors
            )

    def _personal(self) -> Mapping[str, str]:
        """What the person configured of the way out; asked once."""
        if self._own is None:
            arguments = ["config", "--includes", "-z", "--get-regexp", git_settings.PERSONAL]
            ended = self._runner.run(arguments, git_settings.personal(self.policy))
            pairs = (entry.partition("\n") for entry in ended.output.decode("utf-8", "replace").split("\0") if entry)
            self._own = {name: value for name, _, value in pairs}
        return self._own
