"""What libbuildpack would do for buildpacks that do not know deps: the platform does it for them (shared design, "Mixed").

Rule: contracts/cloudfoundry-staging.md §2.4. Scripts wrote all that is read and written here, so no link of theirs is followed:
every directory is opened below the one before it, and a file is always a new one.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from stagewright.model.plan import Turn
from stagewright.model.tree import Owner
from stagewright.staging.problems import TooMuchSupplied

_SEARCHED = (
    ("PATH", "bin"),
    ("LD_LIBRARY_PATH", "lib"),
    ("LIBRARY_PATH", "lib"),
    ("CPATH", "include"),
    ("PKG_CONFIG_PATH", "pkgconfig"),
)
_AT_LAUNCH = ("PATH", "LD_LIBRARY_PATH", "LIBRARY_PATH")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LARGEST_VALUE = 64 << 10
_LARGEST_ENV = 1 << 20
"""Characters in the env files of all together: half of what the kernel starts a program with, as a rule."""
_LARGEST_SCRIPT = 1 << 20
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def staging_variables(
    deps: Path, shown: PurePosixPath, earlier: Iterable[Turn], environment: Mapping[str, str]
) -> dict[str, str]:
    """What ``environment`` becomes for a script after ``earlier`` had their turns (lowest index first): their bin, lib, include
    and pkgconfig are searched, the highest index first, and each file in their env is a variable.

    ``shown`` is where the script sees ``deps``. Raises TooMuchSupplied for more variables than a program can be started with.
    """
    changed: dict[str, str] = {}
    left = _LARGEST_ENV
    for turn in earlier:
        index = turn.index
        for name, directory in _SEARCHED:
            if _is_directory(deps, index, directory):
                before = changed.get(name, environment.get(name, ""))
                changed[name] = f"{shown / index / directory}" + (f":{before}" if before else "")
        supplied = _env_files(deps, index)
        left -= sum(len(name) + len(value) for name, value in supplied.items())
        if left < 0:
            raise TooMuchSupplied(str(turn.buildpack), f"deps/{index}/env", _LARGEST_ENV)
        changed.update(supplied)
    return changed


def write_launch_profile(
    deps: Path, profile_d: Path, indices: tuple[str, ...], script: str, owner: Owner | None
) -> tuple[str, ...]:
    """Make what buildpacks of ``indices`` supplied be found at run time; returns the names of what was written to ``profile_d``.

    ``profile_d/SCRIPT`` puts their bin and lib on the search paths, the highest index first, and each of their profile.d/F
    becomes ``profile_d/INDEX_F``. Raises OSError where what scripts left is in the way: a name
    that is too long with its index, a directory that is closed to us.
    """
    written = []
    with _opened(profile_d) as target:
        lines = [
            f'export {name}="$DEPS_DIR/{index}/{directory}${{{name}:+:${name}}}"\n'
            for index in indices
            for name, directory in _SEARCHED
            if name in _AT_LAUNCH and _is_directory(deps, index, directory)
        ]
        if lines:
            _write(target, script, "".join(lines).encode(), 0o644, owner)
            written.append(script)
        for index in indices:
            for name, content, mode in _files(deps, (index, "profile.d"), _LARGEST_SCRIPT):
                _write(target, f"{index}_{name}", content, mode, owner)
                written.append(f"{index}_{name}")
    return tuple(written)


def _env_files(deps: Path, index: str) -> dict[str, str]:
    return {
        name: content.decode("utf-8", "surrogateescape")
        for name, content, _ in _files(deps, (index, "env"), _LARGEST_VALUE)
        if _NAME.fullmatch(name) and b"\0" not in content
    }


def _files(deps: Path, below: tuple[str, ...], largest: int) -> Iterator[tuple[str, bytes, int]]:
    """Name, content and mode of the plain files of a directory, by name; what is larger than ``largest`` bytes is left out."""
    with suppress(OSError), _opened(deps, *below) as directory:
        with os.scandir(directory) as entries:
            names = sorted(entry.name for entry in entries)
        for name in names:
            with suppress(OSError):
                descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
                with os.fdopen(descriptor, "rb") as file:
                    status = os.fstat(descriptor)
                    if stat.S_ISREG(status.st_mode) and status.st_size <= largest:
                        yield name, file.read(largest), stat.S_IMODE(status.st_mode) & 0o755


def _is_directory(root: Path, *below: str) -> bool:
    with suppress(OSError), _opened(root, *below):
        return True
    return False


@contextmanager
def _opened(root: Path, *below: str) -> Iterator[int]:
    """A directory, opened without following a link on the way from ``root``. Raises OSError."""
    descriptor = os.open(root, _DIRECTORY)
    try:
        for name in below:
            inner = os.open(name, _DIRECTORY, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def _write(directory: int, name: str, content: bytes, mode: int, owner: Owner | None) -> None:
    """A new file in the place of whatever had its name; a directory of that name stays, and the file is left out."""
    with suppress(IsADirectoryError, FileNotFoundError):
        os.unlink(name, dir_fd=directory)
    with suppress(FileExistsError):
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, 0o600, dir_fd=directory), "wb") as file:
            file.write(content)
            os.fchmod(file.fileno(), mode)
            if owner is not None:
                os.fchown(file.fileno(), owner.uid, owner.gid)
