"""Where a buildpack comes from, as a value. `stagewright.buildpacks.references` reads them; `str()` of none shows credentials."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from stagewright.model.credentials import Credentials, without_credentials
from stagewright.model.digest import Digest


@dataclass(frozen=True, order=True)
class BuiltinRef:
    """A buildpack that comes with Stagewright."""

    name: str

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, order=True)
class DirectoryRef:
    """A buildpack in a directory of this machine."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class Remote:
    """A URL, or git's short form ``user@host:path``, whose user name and password are apart from what is shown."""

    address: str
    """Without credentials; the user of an ssh address is a part of it."""
    scheme: str
    """In lower case; ``ssh`` for the short form."""
    host: str
    path: str
    """As it stands in the address, without query."""
    credentials: Credentials = field(default_factory=Credentials)

    def __str__(self) -> str:
        shown = without_credentials(self.address)
        scheme, mark, rest = shown.partition("://")
        return f"{scheme}{mark}***@{rest}" if self.credentials else shown


@dataclass(frozen=True)
class ArchiveFileRef:
    """A buildpack in a zip or tar on this machine."""

    path: Path
    pin: Digest | None = None
    subdir: PurePosixPath | None = None

    def __str__(self) -> str:
        return f"{self.path}{_fragment(None, self.pin, self.subdir)}"


@dataclass(frozen=True)
class ArchiveUrlRef:
    """A buildpack in a zip or tar that HTTP brings."""

    remote: Remote
    pin: Digest | None = None
    """What the archive must be; such a reference needs no request once it was fetched."""
    subdir: PurePosixPath | None = None
    trusted: bool = True

    def __str__(self) -> str:
        return f"{self.remote}{_fragment(None, self.pin, self.subdir)}"


@dataclass(frozen=True)
class GitRef:
    """A buildpack in a git repository."""

    remote: Remote
    revision: str | None = None
    """A branch, a tag, a full ref name or a commit; None is the default branch of the repository."""
    subdir: PurePosixPath | None = None
    trusted: bool = True
    """Typed by the person at this machine: git may use that person's keys and credential helpers, and ``file://``."""

    @property
    def commit(self) -> str | None:
        """The full commit, where the revision is one: such a reference never changes what it means."""
        whole = self.revision is not None and len(self.revision) in (40, 64) and is_hex(self.revision)
        return self.revision.lower() if whole and self.revision is not None else None

    def __str__(self) -> str:
        return f"{self.remote}{_fragment(self.revision, None, self.subdir)}"


BuildpackRef = BuiltinRef | DirectoryRef | ArchiveFileRef | ArchiveUrlRef | GitRef
RemoteRef = ArchiveUrlRef | GitRef
"""References that need a network."""


def is_hex(text: str) -> bool:
    return bool(text) and all(character in "0123456789abcdefABCDEF" for character in text)


def _fragment(revision: str | None, pin: Digest | None, subdir: PurePosixPath | None) -> str:
    parts = [quote(revision, safe="/@+=:,!~$()*;'") if revision is not None else None]
    parts += [f"sha256={pin.hex}" if pin is not None else None]
    parts += [f"subdir={quote(str(subdir), safe='/@+=:,!~$()*; ')}" if subdir is not None else None]
    said = "&".join(part for part in parts if part is not None)
    return f"#{said}" if said else ""
