"""The dependencies of a cached package, each fetched once and kept by its sha256 (contracts/cloudfoundry-staging.md §2.2)."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from stagewright.buildpacks.fetching.policy import FetchPolicy
from stagewright.buildpacks.packaging.manifest import Dependency
from stagewright.buildpacks.packaging.problems import CannotPackage, DependencyMismatch, DependencyUnreachable
from stagewright.buildpacks.remotes import parse_remote
from stagewright.model.credentials import without_credentials
from stagewright.model.digest import Digest
from stagewright.model.quantities import show_size
from stagewright.model.references import ArchiveUrlRef
from stagewright.ports.progress import Progress
from stagewright.trees.files import file_digest
from stagewright.trees.private import make_private
from stagewright.trees.problems import reason_of, writing

_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Sources:
    """Where dependencies may come from."""

    buildpack: Path
    """``file:`` URLs may only name what lies in this directory: a stranger's manifest must not bring a private file into a
    package that is given away."""
    any_file: bool = False
    """A person said that every ``file:`` URL is meant."""
    policy: FetchPolicy = field(default_factory=FetchPolicy)


@dataclass(frozen=True)
class DependencyFiles:
    """``directory`` holds one file per sha256. Safe for several processes: a file appears by one rename."""

    directory: Path

    def kept(self, dependency: Dependency) -> Path | None:
        """The file, where it is here and still what it was; it counts as used just now."""
        path = self.directory / dependency.sha256.hex
        try:
            if path.is_symlink() or file_digest(path) != dependency.sha256:
                return None
            os.utime(path)
        except OSError:
            return None
        return path

    def obtain(self, dependency: Dependency, sources: Sources, progress: Progress) -> Path:
        """The file, fetched where it is not here.

        Raises DependencyUnreachable, DependencyMismatch, CannotPackage, DiskFull, TreeFailure.
        """
        path = self.kept(dependency)
        if path is not None:
            return path
        make_private(self.directory)
        with writing(self.directory):
            handle, name = tempfile.mkstemp(prefix=".incoming-", dir=self.directory)
            os.close(handle)
        incoming = Path(name)
        try:
            found = _bring(dependency, sources, incoming, progress)
            if found != dependency.sha256:
                shown = without_credentials(dependency.uri)
                raise DependencyMismatch(str(dependency), shown, dependency.sha256.hex, found.hex)
            with writing(self.directory):
                return incoming.replace(self.directory / dependency.sha256.hex)
        finally:
            with suppress(FileNotFoundError):
                incoming.unlink()


def _bring(dependency: Dependency, sources: Sources, into: Path, progress: Progress) -> Digest:
    if urlsplit(dependency.uri).scheme == "file":
        return _copy(dependency, _local(dependency, sources), into, sources.policy.largest, progress)
    return _download(dependency, sources.policy, into, progress)


def _download(dependency: Dependency, policy: FetchPolicy, into: Path, progress: Progress) -> Digest:
    """Of the shared downloader, with what it raises told of a dependency instead of a buildpack."""
    from stagewright.buildpacks.fetching.download import download  # what fetches nothing does not pay for HTTP and TLS
    from stagewright.buildpacks.fetching.problems import (
        SourceRefused,
        SourceUnreachable,
        TookTooLong,
        TooMuch,
        UntrustedCertificate,
    )

    shown = without_credentials(dependency.uri)
    try:
        came = download(ArchiveUrlRef(parse_remote(dependency.uri)), into, policy, progress)
    except (SourceUnreachable, SourceRefused, UntrustedCertificate) as problem:
        raise DependencyUnreachable(str(dependency), shown, problem.reason) from problem
    except TookTooLong as problem:
        raise DependencyUnreachable(str(dependency), shown, f"it took more than {policy.timeout:.0f} s") from problem
    except TooMuch as problem:
        raise DependencyUnreachable(
            str(dependency), shown, f"it is larger than {show_size(policy.largest)}"
        ) from problem
    except ValueError as error:
        raise CannotPackage(f"the uri of {dependency} cannot be used: {error}") from error
    assert came is not None  # noqa: S101 - nothing was known of it
    return came.digest


def _local(dependency: Dependency, sources: Sources) -> Path:
    path = Path(unquote(urlsplit(dependency.uri).path)).resolve()
    if not sources.any_file and not path.is_relative_to(sources.buildpack.resolve()):
        raise CannotPackage(
            f"the uri of {dependency} names a file outside the buildpack, {path}",
            "If you trust the manifest, give --allow-file-uris.",
        )
    return path


def _copy(dependency: Dependency, path: Path, into: Path, largest: int, progress: Progress) -> Digest:
    try:
        descriptor = os.open(path, _READ)
    except OSError as error:
        raise DependencyUnreachable(str(dependency), str(path), reason_of(error)) from error
    seen, done = hashlib.sha256(), 0
    with os.fdopen(descriptor, "rb") as source:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > largest:
            raise DependencyUnreachable(str(dependency), str(path), f"it is no file of at most {show_size(largest)}")
        with writing(into.parent):
            target = into.open("wb")
        with target:
            while chunk := source.read(_CHUNK):
                seen.update(chunk)
                with writing(into.parent):
                    target.write(chunk)
                done += len(chunk)
                progress(done, status.st_size)
    return Digest(seen.hexdigest())
