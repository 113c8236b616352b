"""What lifecycle.tgz is made of: a tree of Debian packages that were extracted and never installed, and three wheels."""

from __future__ import annotations

import re
import subprocess
import tarfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from urllib.parse import unquote

LOADER = "ld-linux-x86-64.so.2"
_FOUND = re.compile(r"^\s*\S+ => (/.+) \(0x[0-9a-f]+\)$", re.MULTILINE)


@dataclass(frozen=True)
class Material:
    """``debian`` is a root in which nothing can be run but by the loader in it; that is how its compiler is run, too."""

    debian: Path
    wheels: Path

    @property
    def stdlib(self) -> Path:
        return self.debian / "usr/lib/python3.11"

    @property
    def python(self) -> Path:
        return self.debian / "usr/bin/python3.11"

    @property
    def loader(self) -> Path:
        return self._libraries[0] / LOADER

    @property
    def _libraries(self) -> tuple[Path, Path]:
        return (self.debian / "lib/x86_64-linux-gnu", self.debian / "usr/lib/x86_64-linux-gnu")

    def run(self, program: str, *arguments: Path | str) -> str:
        """What a program of the material prints. Raises CalledProcessError."""
        return self._load(self.debian / "usr" / program, *map(str, arguments))

    def needed_by(self, file: Path) -> list[Path]:
        """The shared libraries that ``file`` and those themselves need. Raises CalledProcessError where one is missing."""
        return [Path(found) for found in _FOUND.findall(self._load("--list", file))]

    def _load(self, *arguments: Path | str) -> str:
        search = ":".join(map(str, self._libraries))
        call = [self.loader, "--inhibit-cache", "--library-path", search, *arguments]
        return subprocess.run(call, check=True, stdout=subprocess.PIPE, text=True).stdout

    def packages_of(self, files: list[Path]) -> dict[str, str]:
        """The version of every Debian package that one of ``files``, below ``debian``, is of."""
        wanted = {path.resolve().relative_to(self.debian.resolve()) for path in files}
        return {package: version for (package, version), held in self._held.items() if held & wanted}

    @cached_property
    def _held(self) -> dict[tuple[str, str], frozenset[Path]]:
        """The files of every package, by its name and version."""
        held = {}
        for deb in sorted((self.debian / "var/cache/apt/archives").glob("*.deb")):
            package, version, _ = unquote(deb.name).split("_")
            with (
                subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as listing,
                tarfile.open(fileobj=listing.stdout, mode="r|") as tar,
            ):
                held[package, version] = frozenset(Path(member.name) for member in tar)
        return held
