"""What an operator's machine says: its environment and its files, read with care and never written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

_LARGEST = 16 << 20
"""Bytes of the largest file that is read: a bundle of certificates holds some 250 KB."""


@dataclass(frozen=True)
class Operator:
    """Where to look. ``system`` is ``/`` but in tests."""

    environ: Mapping[str, str]
    system: Path = Path("/")

    @property
    def home(self) -> Path | None:
        home = self.environ.get("HOME", "")
        return Path(home) if home.startswith("/") else None

    def at(self, absolute: str) -> Path:
        """A place of the system."""
        return self.system / absolute.lstrip("/")

    def named(self, variable: str) -> Path | None:
        """The file that a variable names."""
        value = self.environ.get(variable, "")
        return Path(value) if value.startswith("/") and "\0" not in value else None

    def user_config(self, *names: str) -> Iterator[Path]:
        """A file below the user's configuration directory, by the XDG base directory specification."""
        given = self.environ.get("XDG_CONFIG_HOME", "")
        if given.startswith("/"):
            yield Path(given, *names)
        elif self.home is not None:
            yield Path(self.home, ".config", *names)

    def system_config(self, *names: str) -> Iterator[Path]:
        """The same file below each of the system's configuration directories, the most important first."""
        given = [part for part in self.environ.get("XDG_CONFIG_DIRS", "").split(":") if part.startswith("/")]
        if given:
            yield from (Path(part, *names) for part in given)
        else:
            yield Path(self.at("/etc/xdg"), *names)


def content(path: Path) -> bytes | None:
    """What a regular file holds; None where it is missing, unreadable, something else or far too large."""
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            found = file.read(_LARGEST + 1)
    except (OSError, ValueError):
        return None
    return found if len(found) <= _LARGEST else None


def text(path: Path) -> str | None:
    """The same as text; bytes that are not UTF-8 become replacement characters, which no reader accepts."""
    found = content(path)
    return None if found is None else found.decode("utf-8", "replace").removeprefix("\ufeff")


@dataclass(frozen=True)
class Part:
    """One theme's share of the trust."""

    files: Mapping[PurePosixPath, bytes] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    certificates: tuple[bytes, ...] = ()
    """Bundles of certificates that this theme named, to be added to the one bundle that builds see."""
    notes: tuple[str, ...] = ()
