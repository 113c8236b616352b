"""Buildpacks that are not directories of this machine: brought into the store once, and known again by what they are.

An archive with a pin and a repository with a full commit need no network once they are here. A branch or a tag costs one
``ls-remote``, a URL one conditional request.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from stagewright.buildpacks.fetching import FetchPolicy, fetch_archive, fetch_git, fetch_into, look_up
from stagewright.buildpacks.fetching.archives import check_pin
from stagewright.buildpacks.fetching.problems import SourceUnreachable, TookTooLong
from stagewright.buildpacks.known import look_at_file
from stagewright.buildpacks.remembered import Remembered, digest_in
from stagewright.buildpacks.roots import resolve_root
from stagewright.model.buildpack import ArchiveFileRef, ArchiveUrlRef, GitRef
from stagewright.model.digest import Digest
from stagewright.model.origin import ArchiveOrigin, GitOrigin, parse_git_origin
from stagewright.ports.progress import Progress
from stagewright.trees.removal import remove_tree

Elsewhere = ArchiveFileRef | ArchiveUrlRef | GitRef

_ANSWERED_IN = 60.0
"""Seconds in which a remote must say what a revision is, however long the fetching itself may take."""


@dataclass(frozen=True)
class Bits:
    """A tree in the store, and what it was made of."""

    digest: Digest
    origin: GitOrigin | ArchiveOrigin


@dataclass(frozen=True)
class Bringing:
    """How the store gets what it has not."""

    directory: Path
    """Of the store: what is brought lies in it for a while, on the same disk."""
    remembered: Remembered
    policy: FetchPolicy
    keep: Callable[[Path, str], Digest]
    """Copies the buildpack in a directory into the store; the text is what a person calls it."""
    is_kept: Callable[[Digest | None], bool]
    progress: Progress
    settled_after: float

    def bits(self, ref: Elsewhere) -> Bits:
        """Raises the problems of `fetching`, MalformedBuildpack, and what ``keep`` refuses."""
        if isinstance(ref, ArchiveFileRef):
            return self._file(ref)
        address = f"{ref.remote.scheme} {ref.remote.credentials.basic()} {ref.remote.address}"
        with self.remembered.alone(self.remembered.name("place", address)):
            return self._repository(ref, address) if isinstance(ref, GitRef) else self._url(ref, address)

    def _file(self, ref: ArchiveFileRef) -> Bits:
        name = self.remembered.name("file", ref.path, ref.subdir)
        look = look_at_file(ref.path)
        known = self.remembered.recall(name)
        digest, archive = digest_in(known), digest_in(known, "archive")
        if known.get("fingerprint") == look.fingerprint and digest and archive and self.is_kept(digest):
            check_pin(ref, archive)
            return Bits(digest, ArchiveOrigin(str(ref.path), archive, _text(ref)))
        with self._incoming() as tree:
            fetched = fetch_into(ref, tree, self.policy, self.progress)
            digest = self.keep(resolve_root(tree, str(ref)), str(ref))
        origin = fetched.origin
        if isinstance(origin, ArchiveOrigin) and look.settled(self.settled_after) and look_at_file(ref.path) == look:
            said = {"fingerprint": look.fingerprint, "digest": str(digest), "archive": str(origin.digest)}
            self.remembered.remember(name, said)
        return Bits(digest, origin)

    def _url(self, ref: ArchiveUrlRef, address: str) -> Bits:
        if ref.pin is not None:
            digest = self.remembered.recall_digest(self._archive(ref, ref.pin))
            if digest is not None and self.is_kept(digest):
                return Bits(digest, ArchiveOrigin(str(ref.remote), ref.pin, _text(ref)))
        from stagewright.buildpacks.fetching.download import Validators

        name = self.remembered.name("url", address, ref.subdir)
        known = self.remembered.recall(name)
        digest, archive = digest_in(known), digest_in(known, "archive")
        here = digest is not None and archive is not None and self.is_kept(digest)
        validators = Validators(_word(known.get("etag")), _word(known.get("last_modified"))) if here else None
        with self._incoming() as tree:
            try:
                came = fetch_archive(ref, tree, self.policy, self.progress, validators)
            except SourceUnreachable as problem:
                raise self._with_pin(problem, replace(ref, pin=archive) if here else None) from problem
            if came is None and digest is not None and archive is not None:
                check_pin(ref, archive)
                return Bits(digest, ArchiveOrigin(str(ref.remote), archive, _text(ref)))
            if came is None:
                raise AssertionError("only what is here can be unchanged")
            digest = self.keep(resolve_root(tree, str(ref)), str(ref))
        said = {"digest": str(digest), "archive": str(came.origin.digest)}
        self.remembered.remember(self._archive(ref, came.origin.digest), said)
        self.remembered.remember(name, {**said, **vars(came.validators)})
        return Bits(digest, came.origin)

    def _archive(self, ref: ArchiveUrlRef, archive: Digest) -> str:
        return self.remembered.name("archive", archive, ref.subdir)

    def _repository(self, ref: GitRef, address: str) -> Bits:
        last = self.remembered.name("last", address, ref.revision)
        try:
            tip = look_up(ref, self.directory, replace(self.policy, timeout=min(self.policy.timeout, _ANSWERED_IN)))
        except (SourceUnreachable, TookTooLong) as slow:
            problem = slow if isinstance(slow, SourceUnreachable) else _silent(slow)
            commit = str(self.remembered.recall(last).get("commit", ""))
            pinned = replace(ref, revision=commit) if commit and self._commit(ref, address, commit) else None
            raise self._with_pin(problem, pinned) from slow
        known = str(self.remembered.recall(last).get("commit", ""))
        abbreviated = tip.name is None and known.startswith(tip.commit)
        found = self._commit(ref, address, known if abbreviated else tip.commit)
        if found is not None and isinstance(found.origin, GitOrigin):
            self.remembered.remember(last, {"commit": found.origin.commit})
            return Bits(found.digest, replace(found.origin, branch=tip.branch, tag=tip.tag))
        with self._incoming() as tree:
            origin = fetch_git(ref, tip, tree, self.policy, self.progress)
            digest = self.keep(resolve_root(tree, str(ref)), str(ref))
        said = {"digest": str(digest), "origin": origin.document()}
        self.remembered.remember(self.remembered.name("commit", address, origin.commit, ref.subdir), said)
        self.remembered.remember(last, {"commit": origin.commit})
        return Bits(digest, origin)

    def _commit(self, ref: GitRef, address: str, commit: str) -> Bits | None:
        """The bits of a full commit, where they are here. The revision is what is asked for now."""
        known = self.remembered.recall(self.remembered.name("commit", address, commit, ref.subdir))
        digest = digest_in(known)
        if digest is not None and self.is_kept(digest):
            with suppress(KeyError, TypeError, ValueError):
                origin = parse_git_origin(known["origin"])
                if origin.commit == commit:
                    return Bits(digest, replace(origin, revision=ref.revision, branch=None, tag=None))
        return None

    def _with_pin(self, problem: SourceUnreachable, pinned: ArchiveUrlRef | GitRef | None) -> SourceUnreachable:
        return replace(problem, pinned=str(pinned) if pinned is not None else "")

    @contextmanager
    def _incoming(self) -> Iterator[Path]:
        """A directory that does not exist yet, in one that is removed at the end."""
        incoming = Path(tempfile.mkdtemp(prefix=".incoming-", dir=self.directory))
        try:
            yield incoming / "tree"
        finally:
            remove_tree(incoming)


def _text(ref: ArchiveFileRef | ArchiveUrlRef) -> str | None:
    return str(ref.subdir) if ref.subdir is not None else None


def _silent(slow: TookTooLong) -> SourceUnreachable:
    return SourceUnreachable(slow.reference, f"nobody answered within {slow.allowed:g} s")


def _word(value: object) -> str | None:
    return value if isinstance(value, str) else None
