"""Buildpacks by content. A build uses bits from here, so nobody can change a buildpack under a running build, and two builds that
used the same bits can be told to have done so."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from stagewright.buildpacks.catalogue import Catalogue
from stagewright.buildpacks.dialects import dialect_of, scripts_of
from stagewright.buildpacks.elsewhere import Bringing
from stagewright.buildpacks.fetching import FetchPolicy
from stagewright.buildpacks.fetching.checking import blaming
from stagewright.buildpacks.known import SETTLED_AFTER, KnownSources, look_at
from stagewright.buildpacks.naming import name_of
from stagewright.buildpacks.remembered import Remembered
from stagewright.buildpacks.roots import MalformedBuildpack, resolve_root
from stagewright.model.buildpack import Buildpack, BuildpackRef, BuiltinRef, DirectoryRef
from stagewright.model.digest import Digest
from stagewright.model.origin import DirectoryOrigin, GitOrigin, Origin
from stagewright.model.tree import Bounds
from stagewright.ports.progress import Progress, silent
from stagewright.trees import LinkPolicy, copy_tree, remove_tree, tree_digest
from stagewright.trees.private import make_private
from stagewright.trees.problems import writing

_IGNORED = frozenset({".git", "__pycache__"})
IN_USE = ".in-use"
"""The name of the lock file."""


@dataclass(frozen=True)
class BuildpackStore:
    """``directory`` holds one directory per content digest, ``.known`` what was copied from where, ``.in-use`` the lock.

    Safe for several processes: an entry appears by one rename.
    """

    directory: Path
    catalogue: Catalogue
    bounds: Bounds
    settled_after: float = SETTLED_AFTER
    policy: FetchPolicy = field(default_factory=FetchPolicy)
    """How far fetching may go."""

    def obtain(self, ref: BuildpackRef, progress: Progress = silent) -> Buildpack:
        """The buildpack that ``ref`` names, fetched and copied here if its content is new. ``progress`` counts what is fetched.

        Raises MalformedBuildpack, the problems of `fetching`, and what `trees` refuses of a directory.
        """
        if isinstance(ref, BuiltinRef | DirectoryRef):
            root = resolve_root(self.catalogue.directory(ref) if isinstance(ref, BuiltinRef) else ref.path, str(ref))
            if not scripts_of(root):
                raise _without_scripts(str(ref))
            with self.hold():
                return self._obtained(ref, root)
        with self.hold():
            bits = self._bringing(progress).bits(ref)
            os.utime(self._kept(bits.digest))
            tag = bits.origin.tag if isinstance(bits.origin, GitOrigin) else None
            return self._buildpack(ref, bits.digest, bits.origin, tag)

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

    def _bringing(self, progress: Progress) -> Bringing:
        return Bringing(
            directory=self.directory,
            remembered=Remembered(self.directory / ".known"),
            policy=replace(self.policy, bounds=self.bounds),
            keep=self._kept_from,
            is_kept=lambda digest: digest is not None and self._kept(digest).is_dir(),
            progress=progress,
            settled_after=self.settled_after,
        )

    def _kept_from(self, root: Path, reference: str) -> Digest:
        """The digest of the buildpack in ``root``, which was fetched and is here now."""
        if not scripts_of(root):
            raise _without_scripts(reference)
        with blaming(reference):
            return self._copied(root, builtin=False)

    def _obtained(self, ref: BuiltinRef | DirectoryRef, source: Path) -> Buildpack:
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
        return self._buildpack(ref, digest, None if isinstance(ref, BuiltinRef) else DirectoryOrigin(ref.path), None)

    def _buildpack(self, ref: BuildpackRef, digest: Digest, origin: Origin | None, tag: str | None) -> Buildpack:
        kept = self._kept(digest)
        scripts = scripts_of(kept)
        if not scripts:  # a link in its ``bin`` may have led to what was not copied
            raise _without_scripts(str(ref))
        name = name_of(ref)
        return Buildpack(
            key=name,
            name=name,
            version=_version(kept) or tag,
            digest=digest,
            root=kept,
            dialect=dialect_of(kept, scripts),
            scripts=scripts,
            reference=str(ref),
            origin=origin,
            in_place=isinstance(ref, BuiltinRef),
        )

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


def _without_scripts(reference: str) -> MalformedBuildpack:
    return MalformedBuildpack(reference, "its 'bin' holds none of detect, supply, finalize, compile, release")


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
