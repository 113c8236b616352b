"""The buildpacks of a Cloud Foundry cell: the platform has put them where their keys say, or a key is a URL to fetch from.

Rule: contracts/cloudfoundry-staging.md §1.1 (directories, root resolution) and §1.7 (URLs).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from stagewright.buildpacks.dialects import dialect_of, scripts_of, strictly_cloudfoundry
from stagewright.buildpacks.dialects.cloudfoundry import key_directory
from stagewright.buildpacks.fetching import FetchPolicy, fetch_into
from stagewright.buildpacks.references import parse_reference
from stagewright.buildpacks.roots import MalformedBuildpack, resolve_root
from stagewright.errors import Fault, PlatformProblem, Problem
from stagewright.model.buildpack import ArchiveUrlRef, Buildpack, GitRef
from stagewright.model.credentials import shown_reference
from stagewright.model.digest import Digest
from stagewright.trees import remove_tree


@dataclass(eq=False)
class MalformedKey(MalformedBuildpack):
    """What lies where a key says is no buildpack; the message is the reference's, which operators search their logs for."""

    post: bool = False
    """Whether it should have been a post-buildpack."""

    def brief(self) -> str:
        return f"malformed {'post-' if self.post else ''}buildpack does not contain a /bin dir: {shown_reference(self.reference)}"


@dataclass(eq=False)
class NotFetched(PlatformProblem):
    """What a URL names could not be brought; the first words are the reference's (§1.7)."""

    address: str
    repository: bool
    cause: Problem

    def brief(self) -> str:
        if self.repository:
            return f"Failed to clone git repository at {self.address}"
        return f"Failed to download buildpack '{self.address}': {self.cause.brief()}"

    def hint(self) -> str:
        return self.cause.hint()

    def details(self) -> str:
        said = self.cause.details()
        return f"{self.cause.brief()}\n{said}" if said else self.cause.brief()

    def whose_fault(self) -> Fault:
        return self.cause.whose_fault()


@dataclass(frozen=True)
class CellBuildpacks:
    """``given`` holds what the platform brought, ``downloads`` what is fetched here."""

    given: Path
    downloads: Path
    policy: FetchPolicy

    def fetch(self, key: str) -> int | None:
        """Bring what an absolute URL names; bytes of what came as an archive, None where nothing was or no archive.

        Raises the problems of `fetching`, BadReference.
        """
        if not _is_url(key):
            return None
        ref = parse_reference(key, (), self.downloads)
        if not isinstance(ref, ArchiveUrlRef | GitRef):
            raise MalformedKey(key, "it is no URL of a buildpack")
        into = self._directory(key)
        remove_tree(into)
        try:
            fetched = fetch_into(ref, into, self.policy)
        except Problem as problem:
            raise NotFetched(str(ref).partition("#")[0], isinstance(ref, GitRef), problem) from problem
        return fetched.size

    def obtain_post(self, key: str) -> Buildpack:
        """A post-buildpack, as `obtain` does. Raises MalformedKey, which says so."""
        try:
            return self.obtain(key)
        except MalformedKey as malformed:
            raise replace(malformed, post=True) from malformed

    def obtain(self, key: str) -> Buildpack:
        """The buildpack of a key, where it lies. Raises MalformedKey.

        Its identity is the key, which holds the digest of what an administrator uploaded (§1.1): nothing is read to make another.
        """
        root = self._root(key)
        scripts = scripts_of(root)
        found = Buildpack(
            key=key,
            name=shown_reference(key),
            version=None,
            digest=Digest.of(key.encode("utf-8", "surrogateescape")),
            root=root,
            dialect=dialect_of(root, scripts),
            scripts=scripts,
            in_place=True,
        )
        return strictly_cloudfoundry(found)

    def _root(self, key: str) -> Path:
        directory = self._directory(key)
        legacy = directory.with_name(
            hashlib.md5(key.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
        )
        for candidate in (directory, legacy):
            if (candidate / "bin").is_dir():
                return candidate
        for candidate in (directory, legacy):
            if candidate.is_dir() and any(candidate.iterdir()):
                try:
                    return resolve_root(candidate, key)
                except MalformedBuildpack as malformed:
                    raise MalformedKey(key, malformed.says) from malformed
        raise MalformedKey(key, "nothing lies where its key says")

    def _directory(self, key: str) -> Path:
        return (self.downloads if _is_url(key) else self.given) / key_directory(key)


def _is_url(key: str) -> bool:
    """An absolute URL, or git's short form of one (``git@host:path``), which the reference refuses."""
    try:
        absolute = bool(urlsplit(key).scheme) and "://" in key
    except ValueError:
        absolute = "://" in key
    user, at, rest = key.partition("@")
    return absolute or bool(at and user and "/" not in user and ":" in rest)
