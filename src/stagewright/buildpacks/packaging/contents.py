"""What of a copied buildpack becomes an entry of its zip (contracts/cloudfoundry-staging.md §2.2).

``include_files`` names all of it; without that everything goes in but ``exclude_files``, the form of the old packager. A
program of a stranger may have been at work in the copy, so nothing is read through a link that leads out.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from stagewright.buildpacks.packaging.manifest import NAME, Dependency, Manifest
from stagewright.buildpacks.packaging.problems import CannotPackage
from stagewright.model.quantities import show_size
from stagewright.model.tree import Bounds
from stagewright.trees.entries import EntryKind
from stagewright.trees.names import escape_name
from stagewright.trees.walk import walk
from stagewright.trees.zip_writer import ZipEntry

VERSION_FILE = "VERSION"
_NEVER = frozenset({".git", "tests"})
_OWN = frozenset({PurePosixPath(NAME), PurePosixPath(VERSION_FILE)})


def left_out_of_copies(path: str, is_directory: bool) -> bool:
    """What is not even copied: ``.git`` and ``tests`` at the top."""
    del is_directory
    return path in _NEVER


@dataclass(frozen=True)
class Contents:
    """A copy of a buildpack, and what is to be packaged of it."""

    root: Path
    manifest: Manifest

    def entries(
        self, document: bytes, version: str, files: Mapping[Dependency, Path], bounds: Bounds
    ) -> list[ZipEntry]:
        """All entries, with ``document`` as manifest.yml and the dependencies in ``files``. Raises CannotPackage."""
        found = {entry.at: entry for entry in self._of_copy() if entry.at not in _OWN}
        size = sum(entry.content.lstat().st_size for entry in found.values() if isinstance(entry.content, Path))
        if size > bounds.bytes:  # a sparse file takes no disk, and no end to read
            raise CannotPackage(f"its files have {show_size(size)}, more than {show_size(bounds.bytes)}")
        found[PurePosixPath(NAME)] = ZipEntry(PurePosixPath(NAME), content=document)
        found[PurePosixPath(VERSION_FILE)] = ZipEntry(PurePosixPath(VERSION_FILE), content=version.encode())
        for dependency, file in files.items():
            found[dependency.cached_at] = ZipEntry(dependency.cached_at, content=file, deflated=False)
        return list(found.values())

    def _of_copy(self) -> Iterator[ZipEntry]:
        if self.manifest.include_files is None:
            yield from self._whole()
            return
        for path in self.manifest.include_files:
            if path not in _OWN:
                yield from self._included(path)

    def _included(self, path: PurePosixPath) -> Iterator[ZipEntry]:
        """One of ``include_files``; a directory with all that it holds."""
        place = self._inside(path)
        try:
            status = place.stat()
        except OSError as error:
            raise CannotPackage(
                f"include_files names {str(path)!r}, which is not there",
                "Let pre_package make it, or take it out of the list.",
            ) from error
        if stat.S_ISDIR(status.st_mode):
            yield from self._below(path, place)
        else:
            yield self._file(path, place, status.st_mode)

    def _whole(self) -> Iterator[ZipEntry]:
        earlier = re.compile(re.escape(self.manifest.language) + r"_buildpack.*-v.*\.zip")
        excluded = self.manifest.exclude_files or ()
        for entry in self._below(PurePosixPath(), self.root, excluded):
            is_earlier = len(entry.at.parts) == 1 and earlier.fullmatch(entry.at.name) is not None
            if not is_earlier:
                yield entry

    def _below(
        self, at: PurePosixPath, directory: Path, excluded: tuple[PurePosixPath, ...] = ()
    ) -> Iterator[ZipEntry]:
        def ignored(path: bytes, is_directory: bool) -> bool:
            del is_directory
            return _is_excluded(PurePosixPath(os.fsdecode(path)), excluded)

        for found in walk(directory, ignored=ignored):
            path = at / os.fsdecode(found.path)
            kind = stat.S_IFMT(found.status.st_mode)
            if kind == stat.S_IFDIR:
                yield ZipEntry(path, EntryKind.DIRECTORY, mode=stat.S_IMODE(found.status.st_mode) & 0o777)
            elif kind == stat.S_IFLNK:
                yield self._link(path, directory / os.fsdecode(found.path))
            else:
                yield self._file(path, directory / os.fsdecode(found.path), found.status.st_mode)

    def _link(self, path: PurePosixPath, place: Path) -> ZipEntry:
        """A link to a file becomes that file, as with the reference; one to a directory stays what it is."""
        target = self._inside_place(path, place)
        if target.is_file():
            return self._file(path, target, target.stat().st_mode)
        return ZipEntry(path, EntryKind.LINK, os.fsencode(place.readlink()), 0o777)

    def _file(self, path: PurePosixPath, place: Path, mode: int) -> ZipEntry:
        """Programs in ``bin`` can be run, whatever they were: an author on a system without modes forgot it."""
        kept = stat.S_IMODE(mode) & 0o777
        return ZipEntry(path, content=place, mode=kept | 0o755 if path.parts[0] == "bin" else kept)

    def _inside(self, path: PurePosixPath) -> Path:
        return self._inside_place(path, self.root / path)

    def _inside_place(self, path: PurePosixPath, place: Path) -> Path:
        try:
            resolved = place.resolve()
        except (OSError, RuntimeError) as error:
            raise CannotPackage(f"{escape_name(os.fsencode(path))!r} is a link that leads nowhere") from error
        if not resolved.is_relative_to(self.root.resolve()):
            raise CannotPackage(f"{escape_name(os.fsencode(path))!r} leads out of the buildpack")
        return resolved


def _is_excluded(path: PurePosixPath, excluded: Iterable[PurePosixPath]) -> bool:
    """A pattern of one part names what is called so wherever it lies; one of several parts is a path from the root."""
    return any(fnmatchcase(path.name if len(one.parts) == 1 else str(path), str(one)) for one in excluded)
