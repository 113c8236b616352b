"""Debian packages as a directory that can stand anywhere: unpacked without root, its links settled, documentation left out.

Linked into a buildpack as ``lib/debian_tree.py``. Maintainer scripts are not run: they would write to the stack.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from buildpack import BuildpackError

MERGED = ("bin", "sbin", "lib", "lib32", "lib64", "libx32")
"""Directories that are links into usr on the stack; the tree has the same links, so that relative links mean the same."""

LEFT_OUT = ("man", "info", "locale", "lintian", "bug", "doc-base")
"""Below usr/share; of usr/share/doc only the copyright files are kept. The stack's own roots leave out the same."""


def unpack(archives: Sequence[Path], tree: Path) -> None:
    """The content of the archives below ``tree``, in the order of their names; links lead where they would on a root."""
    for name in MERGED:
        (tree / "usr" / name).mkdir(parents=True, exist_ok=True)
        (tree / name).symlink_to(f"usr/{name}")
    for archive in sorted(archives, key=lambda archive: archive.name):
        _unpack_one(archive, tree)
    _prune(tree)
    settle_links(tree)


def _unpack_one(archive: Path, tree: Path) -> None:
    left_out = [f"--exclude=./usr/share/{name}" for name in LEFT_OUT]
    extract = [
        "tar",
        "--extract",
        "--anchored",
        *left_out,
        "--keep-directory-symlink",
        "--no-same-owner",
        f"--directory={tree}",
    ]
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as source:
        target = subprocess.run(extract, stdin=source.stdout, stderr=subprocess.PIPE, check=False)
        said = (source.stderr.read() if source.stderr else b"") + target.stderr
    if source.returncode or target.returncode:
        raise BuildpackError(f"{archive.name} cannot be unpacked: {said.decode('utf-8', 'replace').strip()[-500:]}")


def _prune(tree: Path) -> None:
    """Without documentation but for licences, without empty directories of a merged root, and removable later."""
    documentation = tree / "usr/share/doc"
    for package in documentation.iterdir() if documentation.is_dir() else ():
        for entry in package.iterdir() if package.is_dir() and not package.is_symlink() else ():
            if entry.name != "copyright":
                remove(entry)
    for name in MERGED:
        directory = tree / "usr" / name
        if not any(directory.iterdir()):
            directory.rmdir()
            (tree / name).unlink()
    for directory, _, _ in os.walk(tree):
        mode = Path(directory).stat().st_mode
        if mode & 0o700 != 0o700:
            Path(directory).chmod(mode & 0o7777 | 0o700)


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@dataclass
class Settled:
    """How many links were changed."""

    inward: int = 0
    outward: int = 0


def settle_links(tree: Path, root: Path = Path("/")) -> Settled:
    """Links that stand in the tree as they would on a root.

    An absolute link to what the tree has becomes relative. A relative link to what only the stack has (the ``libz.so`` of a
    -dev package whose library is on the stack) becomes absolute. Others stay as they are.
    """
    settled = Settled()
    for link in _links(tree):
        target = str(link.readlink())
        if target.startswith("/"):
            inside = tree / target.lstrip("/")
            if os.path.lexists(inside):
                _replace(link, os.path.relpath(inside, link.parent))
                settled.inward += 1
        elif not os.path.lexists(link.parent / target):
            outside = root / os.path.normpath(Path("/", link.parent.relative_to(tree), target)).lstrip("/")
            if outside.exists():
                _replace(link, f"/{outside.relative_to(root)}")
                settled.outward += 1
    return settled


def _replace(link: Path, target: str) -> None:
    link.unlink()
    link.symlink_to(target)


def _links(tree: Path) -> Iterator[Path]:
    """Every link of the tree but those of the merged root, in a fixed order."""
    merged = {tree / name for name in MERGED}
    for directory, directories, files in os.walk(tree):
        directories.sort()
        for name in sorted([*directories, *files]):
            path = Path(directory, name)
            if path.is_symlink() and path not in merged:
                yield path


def copy_tree(source: Path, destination: Path) -> None:
    """A copy with links, hard links and modes, made by ``cp`` since it is much the fastest."""
    destination.parent.mkdir(parents=True, exist_ok=True)
    process = subprocess.run(
        ["cp", "--archive", "--no-target-directory", source, destination], stderr=subprocess.PIPE, check=False
    )
    if process.returncode:
        raise BuildpackError(f"{destination} cannot be written: {process.stderr.decode('utf-8', 'replace').strip()}")


def files_below(tree: Path, *directories: str) -> Iterable[Path]:
    """Files and links directly in those directories of the tree, in a fixed order."""
    for name in directories:
        directory = tree / name
        if directory.is_dir():
            yield from sorted(entry for entry in directory.iterdir() if not entry.is_dir())
