"""Where a buildpack begins in what was unpacked or cloned, and what makes its scripts programs."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stagewright.errors import BuildpackProblem


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


def resolve_root(directory: Path, reference: str = "") -> Path:
    """``directory`` where it has ``bin``; else the one thing in it, where that has ``bin``, as in archives that GitHub makes
    (contracts/cloudfoundry-staging.md §1.1). ``reference`` is what a person calls it. Raises MalformedBuildpack.
    """
    if (directory / "bin").is_dir():
        return directory
    within = _only_entry(directory)
    if within is not None and not within.is_symlink() and (within / "bin").is_dir():
        return within
    raise MalformedBuildpack(reference or str(directory), "it has no directory 'bin'")


def below(directory: Path, subdir: PurePosixPath, reference: str) -> Path:
    """``subdir`` of what was fetched to ``directory``, or of the one thing in it. No link is followed on the way.

    Raises MalformedBuildpack.
    """
    for start in (directory, _only_entry(directory)):
        if start is None or start.is_symlink():
            continue
        path = start
        for part in subdir.parts:
            path /= part
            if path.is_symlink() or not path.is_dir():
                break
        else:
            return path
    raise MalformedBuildpack(reference, f"it has no directory {str(subdir)!r}")


def make_scripts_executable(tree: Path) -> None:
    """Let the scripts of ``bin`` run, where nothing in ``tree`` can: then its archive was made where files have no modes, as on
    Windows. Only files below a ``bin`` that begin with ``#!`` become executable; no other mode changes.
    """
    scripts = []
    for directory, _, names in os.walk(tree):
        for name in names:
            path = Path(directory) / name
            status = path.lstat()
            if not stat.S_ISREG(status.st_mode):
                continue
            if status.st_mode & 0o111:
                return
            if Path(directory).name == "bin":
                scripts.append(path)
    for path in scripts:
        with path.open("rb") as file:
            is_script = file.read(2) == b"#!"
        if is_script:
            path.chmod(0o755)


def _only_entry(directory: Path) -> Path | None:
    with os.scandir(directory) as entries:
        first, second = next(entries, None), next(entries, None)
    return Path(first.path) if first is not None and second is None else None
