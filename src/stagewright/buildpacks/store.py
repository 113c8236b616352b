"""Buildpacks by content. A build uses bits from here, so nobody can change a buildpack under a running build, and two builds that
used the same bits can be told to have done so."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from stagewright.buildpacks.catalogue import Catalogue
from stagewright.buildpacks.dialects import dialect_of, scripts_of
from stagewright.buildpacks.known import SETTLED_AFTER, KnownSources, look_at
from stagewright.errors import BuildpackProblem
from stagewright.model.buildpack import Buildpack, BuildpackRef, BuiltinRef
from stagewright.model.digest import Digest
from stagewright.model.tree import Bounds
from stagewright.trees import LinkPolicy, copy_tree, remove_tree, tree_digest
from stagewright.trees.private import make_private
from stagewright.trees.problems import writing

_IGNORED = frozenset({".git", "__pycache__"})
IN_USE = ".in-use"
"""The name of the lock file."""


@dataclass(eq=False)
class MalformedBuildpack(BuildpackProblem):
    """A directory is not a buildpack."""

    reference: str
    says: str

    def brief(self) -> str:
        return f"The buildpack {self.reference} is malformed: {self.says}."

    def hint(self) -> str:
        return (
            "A buildpack is a directory with bin/supply and bin/finalize, or bin/detect, bin/compile and bin/release."
        )


@dataclass(frozen=True)
class BuildpackStore:
    """``directory`` holds one directory per content digest, ``.known`` what was copied from where, ``.in-use`` the lock.

    Safe for several processes: an entry appears by one rename.
    """

    directory: Path
    catalogue: Catalogue
    bounds: Bounds
    settled_after: float = SETTLED_AFTER

    def obtain(self, ref: BuildpackRef) -> Buildpack:
        """The buildpack that ``ref`` names, copied here if its content is new. Raises MalformedBuildpack and what
        `trees` refuses."""
        source = self.catalogue.directory(ref) if isinstance(ref, BuiltinRef) else ref.path
        if not (source / "bin").is_dir():
            raise MalformedBuildpack(str(ref), "it has no directory 'bin'")
        if not scripts_of(source):
            raise _without_scripts(ref)
        with self.hold():
            return self._obtained(ref, source)

    @contextmanager
    def hold(self) -> Iterator[None]:
        """While it is open nobody removes what is kept here, nor the layers that a build makes of it.

        A build holds the store from before it obtains its first buildpack to its end. Waits for a removal that is
        under way. Raises DiskFull, TreeFailure.
        """
        make_private(self.directory)
        with self._locked(fcntl.LOCK_SH):
            yield

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether no build holds the store; if so, those that begin wait until the end."""
        make_private(self.directory)
        with ExitStack() as held:
            try:
                held.enter_context(self._locked(fcntl.LOCK_EX | fcntl.LOCK_NB))
                free = True
            except BlockingIOError:
                free = False
            yield free

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """The lock file stays for good: a lock on one that was removed would keep nobody out."""
        with writing(self.directory):
            descriptor = os.open(self.directory / IN_USE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)

    def _obtained(self, ref: BuildpackRef, source: Path) -> Buildpack:
        builtin = isinstance(ref, BuiltinRef)
        known = KnownSources(self.directory / ".known", self.settled_after)
        look = look_at(source, _ignored, (builtin, self.bounds))
        digest = known.recall(source, look)
        if digest is None or not self._kept(digest).is_dir():
            digest = self._copied(source, builtin)
            if look_at(source, _ignored, (builtin, self.bounds)) == look:
                known.remember(source, look, digest)
        # What is collected by age is what was not used for long, not what was made long ago.
        os.utime(self._kept(digest))
        return _buildpack(ref, source, self._kept(digest), digest)

    def _kept(self, digest: Digest) -> Path:
        return self.directory / digest.hex

    def _copied(self, source: Path, builtin: bool) -> Digest:
        incoming = Path(tempfile.mkdtemp(prefix=".incoming-", dir=self.directory))
        try:
            return self._keep(source, incoming, builtin)
        finally:
            remove_tree(incoming)

    def _keep(self, source: Path, incoming: Path, builtin: bool) -> Digest:
        bits = incoming / "bits"
        # A built-in may link to what it shares with its neighbours; anybody else's link must stay inside.
        links = LinkPolicy.KEEP if builtin else LinkPolicy.INSIDE
        bits.mkdir()
        copy_tree(source, bits, ignored=_ignored, bounds=self.bounds, links=links, owner=None)
        if builtin:
            _make_whole(bits, source)
        _readable_by_all(bits)
        digest = tree_digest(bits)
        kept = self._kept(digest)
        if not kept.is_dir():
            try:
                bits.rename(kept)
            except OSError:
                if not kept.is_dir():
                    raise
        return digest


def _buildpack(ref: BuildpackRef, source: Path, kept: Path, digest: Digest) -> Buildpack:
    scripts = scripts_of(kept)
    if not scripts:  # a link in its ``bin`` may have led to what was not copied
        raise _without_scripts(ref)
    return Buildpack(
        key=source.name,
        name=source.name,
        version=_version(kept),
        digest=digest,
        root=kept,
        dialect=dialect_of(kept, scripts),
        scripts=scripts,
    )


def _without_scripts(ref: BuildpackRef) -> MalformedBuildpack:
    return MalformedBuildpack(str(ref), "its 'bin' holds none of detect, supply, finalize, compile, release")


def _ignored(path: str, is_directory: bool) -> bool:
    return is_directory and path.rpartition("/")[2] in _IGNORED


def _make_whole(bits: Path, source: Path) -> None:
    """Put what a built-in shares with its neighbours in the place of the link to it, so that the copy stands alone."""
    for directory, _, files in os.walk(bits):
        for name in files:
            path = Path(directory) / name
            if path.is_symlink():
                shared = source / path.relative_to(bits)
                content, mode = shared.read_bytes(), shared.stat().st_mode
                path.unlink()
                path.write_bytes(content)
                path.chmod(mode & 0o755)


def _readable_by_all(bits: Path) -> None:
    """Scripts run as another user than the one who wrote them: what the owner may read and run, everybody may."""
    for directory, directories, files in os.walk(bits):
        for name in (*directories, *files):
            path = Path(directory) / name
            if not path.is_symlink():
                mode = path.stat().st_mode & 0o777
                path.chmod(0o755 if path.is_dir() or mode & 0o100 else 0o644)
    bits.chmod(0o755)


def _version(root: Path) -> str | None:
    """The VERSION file (contracts/cloudfoundry-staging.md §2.3), where there is one of a sensible form."""
    path = root / "VERSION"
    if path.is_symlink() or not path.is_file():
        return None
    with path.open("rb") as file:
        text = file.read(100).decode("utf-8", "replace").strip()
    return text if text and text.isprintable() else None
