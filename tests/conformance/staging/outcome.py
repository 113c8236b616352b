"""What a staging left, in one form whichever builder it was."""

from __future__ import annotations

import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Entry:
    """A file, a directory or a link of a tree."""

    mode: int
    uid: int
    text: str | None = None
    """What a file holds; None for what is no file."""
    link: str | None = None


@dataclass(frozen=True)
class Tree:
    """Entries by name, written as ``tar -t`` does: ``./app/``, ``./app/compiled``."""

    entries: Mapping[str, Entry] = field(default_factory=dict)

    @property
    def names(self) -> frozenset[str]:
        return frozenset(self.entries)

    def text(self, name: str) -> str | None:
        """What the file holds, without its last line end; None where there is no such file."""
        entry = self.entries.get(name)
        return None if entry is None or entry.text is None else entry.text.rstrip("\n")

    def json(self, name: str) -> Any:
        """The JSON value in a file; None where there is no such file."""
        text = self.text(name)
        return None if text is None else json.loads(text)

    def below(self, name: str) -> frozenset[str]:
        """The names of what is in a directory, at any depth."""
        return frozenset(one for one in self.entries if one.startswith(name) and one != name)

    def renamed(self, old: str, new: str) -> Tree:
        """The same tree with the directory ``./old/`` called ``./new/``."""
        return Tree({self._moved(name, f"./{old}/", f"./{new}/"): entry for name, entry in self.entries.items()})

    @staticmethod
    def _moved(name: str, old: str, new: str) -> str:
        return new + name.removeprefix(old) if name.startswith(old) else name


@dataclass(frozen=True)
class Places:
    """Where a builder's scripts find things, as far as that is known before they run."""

    app: str
    cache: str
    cwd: str


@dataclass(frozen=True)
class Outcome:
    """How a staging ended. ``code`` is always the contract's exit code (§1.3), whatever the builder's own is."""

    code: int
    stdout: str
    stderr: str
    places: Places
    keep: Path
    """What a later staging of the same app needs to find this one's cache; its meaning is the builder's."""
    unpack_droplet: Callable[[], Tree]
    unpack_cache: Callable[[], Tree]
    result: Mapping[str, Any] | None = None
    """result.json, where the builder writes one."""
    processes: Mapping[str, str] = field(default_factory=dict)
    sidecars: tuple[Mapping[str, Any], ...] = ()
    buildpacks: tuple[Mapping[str, Any], ...] = ()
    """Of each buildpack what the platform learnt: ``name``, ``version``, ``config``, ``output_metadata``, where there is any."""
    detected: str | None = None

    @property
    def droplet(self) -> Tree:
        return self.unpack_droplet()

    @property
    def cache(self) -> Tree:
        return self.unpack_cache()

    @property
    def lines(self) -> list[str]:
        """Whole lines of standard output."""
        return self.stdout.splitlines()

    @property
    def complaints(self) -> list[str]:
        """Whole lines of standard error."""
        return self.stderr.splitlines()

    def said(self, start: str) -> list[str]:
        """What stands behind ``start`` in the lines of standard output that begin with it."""
        return [line.removeprefix(start) for line in self.lines if line.startswith(start)]


def tree_of_tar(path: Path) -> Tree:
    """What is in a gzipped tar; an empty tree where there is no such file."""
    return Tree(dict(_tar_entries(path))) if path.is_file() and path.stat().st_size else Tree()


def tree_of_directory(path: Path) -> Tree:
    """What is in a directory; an empty tree where there is none."""
    return Tree(dict(_directory_entries(path)))


def _tar_entries(path: Path) -> Iterator[tuple[str, Entry]]:
    with tarfile.open(path, "r:gz") as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isreg() else None
            text = file.read().decode("utf-8", "replace") if file is not None else None
            link = member.linkname if member.issym() else None
            yield f"{member.name}/" if member.isdir() else member.name, Entry(member.mode, member.uid, text, link)


def _directory_entries(root: Path) -> Iterator[tuple[str, Entry]]:
    for path in sorted(root.rglob("*")):
        status = path.lstat()
        mode, uid = status.st_mode & 0o7777, status.st_uid
        name = f"./{path.relative_to(root)}"
        if path.is_symlink():
            yield name, Entry(mode, uid, link=str(path.readlink()))
        elif path.is_dir():
            yield f"{name}/", Entry(mode, uid)
        else:
            yield name, Entry(mode, uid, path.read_text("utf-8", "replace"))
