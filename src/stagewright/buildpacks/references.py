"""What ``--buildpack`` may name, and what a stranger's file may: text becomes a `BuildpackRef`, once, at the door."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from stagewright.buildpacks.remotes import BadRemote, is_archive, looks_remote, parse_remote
from stagewright.errors import AppProblem, UsageProblem
from stagewright.model.buildpack import (
    ArchiveFileRef,
    ArchiveUrlRef,
    BuildpackRef,
    BuiltinRef,
    DirectoryRef,
    GitRef,
    Remote,
)
from stagewright.model.credentials import MASK, shown_reference
from stagewright.model.digest import Digest

ACCEPTED = (
    "A buildpack is a built-in name, a directory, an archive (zip, tar, tgz, tbz, txz; a file or a URL), or a git repository"
    " (https://HOST/REPO.git#BRANCH, ssh://…, git@HOST:REPO.git); #subdir=DIR chooses a directory inside."
)
_URN = "urn:buildpack:"
_NAMESPACED = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}/[a-z0-9][a-z0-9_.-]{0,99}")
_REGISTRY = "https://buildpack-registry.s3.amazonaws.com/buildpacks"
_BAD_REVISION = re.compile(
    r"[\x00-\x20\x7f-\xa0~^:?*\[\\\ud800-\udfff]|\.\.|@\{|//|/$|\.$|\.lock(/|$)|(^|/)\.|^[-/]|^@$"
)
_LONGEST = 2000


@dataclass(eq=False)
class UnknownBuildpack(UsageProblem):
    """A reference names neither a built-in buildpack nor anything on this machine."""

    reference: str
    known: tuple[str, ...]

    def brief(self) -> str:
        shown = shown_reference(self.reference)
        return f"There is no buildpack {shown!r}: it is no built-in name, no directory, no archive and no URL."

    def hint(self) -> str:
        plain = re.sub(r"[-_]?buildpack$", "", self.reference.rpartition("/")[2])
        near = get_close_matches(plain, self.known, n=1)
        meant = f"Did you mean {near[0]!r}? " if near else ""
        return f"{meant}The built-in buildpacks are {', '.join(self.known)}. {ACCEPTED}"


@dataclass(eq=False)
class BadReference(UsageProblem):
    """A reference that cannot be read, or that would mean something else to git than to a person."""

    reference: str
    says: str

    def brief(self) -> str:
        return f"The buildpack {shown_reference(self.reference)[:300]!r} cannot be used: {self.says}."

    def hint(self) -> str:
        return ACCEPTED


@dataclass(eq=False)
class UntrustedReference(AppProblem):
    """A file of the app names something of this machine that is not a part of the app."""

    reference: str

    def brief(self) -> str:
        shown = shown_reference(self.reference)
        return f"The app names the buildpack {shown!r}, which is neither built in nor a part of the app nor a public address."

    def hint(self) -> str:
        return "If you trust it, name it yourself: --buildpack DIRECTORY."


def parse_reference(text: str, builtins: Collection[str], relative_to: Path, *, trusted: bool = True) -> BuildpackRef:
    """Read one reference. A built-in name comes first, a directory or an archive of ``relative_to`` second, Heroku's short
    forms (``heroku/NAME``, ``NAMESPACE/NAME``, ``urn:buildpack:NAMESPACE/NAME``) last.

    ``trusted``: typed by the person at this machine. A manifest, an app.json, a .buildpacks or a variable in a file of the app is
    not; it may name built-ins, addresses of a network, and directories and archives inside of ``relative_to``.
    Raises UnknownBuildpack, BadReference, UntrustedReference.
    """
    if text in builtins:
        return BuiltinRef(text)
    if not text or len(text) > _LONGEST or re.search(r"[\x00-\x1f\x7f\u2028\u2029]", text):
        raise BadReference(text, "it is empty, too long, or holds a control character")
    if text.startswith("-"):
        raise BadReference(text, "it begins with '-'")
    if looks_remote(text.partition("#")[0]):
        return _remote(text, trusted)
    if re.match(r"[A-Za-z0-9+.-]+::", text):
        raise BadReference(text, "git's remote helpers are not used: they run programs")
    local = _local(text, relative_to, trusted)
    if local is not None:
        return local
    short = text.removeprefix(_URN)
    if _NAMESPACED.fullmatch(short) and not is_archive(short):
        return _heroku(short, trusted)
    raise UnknownBuildpack(text, tuple(builtins))


@dataclass(frozen=True)
class _Fragment:
    revision: str | None = None
    pin: Digest | None = None
    subdir: PurePosixPath | None = None


def _remote(text: str, trusted: bool) -> BuildpackRef:
    address, _, rest = text.partition("#")
    try:
        remote = parse_remote(address)
    except BadRemote as bad:
        raise BadReference(text, str(bad)) from bad
    if remote.scheme == "file" and not trusted:
        raise UntrustedReference(text)
    said = _fragment(text, rest)
    if remote.scheme in ("http", "https", "file") and is_archive(remote.path):
        if said.revision is not None:
            raise BadReference(text, "an archive has no branches: what follows '#' may be sha256=HEX and subdir=DIR")
        if remote.scheme == "file":
            return ArchiveFileRef(Path(unquote(remote.path)), said.pin, said.subdir)
        return ArchiveUrlRef(remote, said.pin, said.subdir, trusted)
    if said.pin is not None:
        raise BadReference(text, "sha256 pins an archive; a git repository is pinned by #COMMIT")
    return GitRef(remote, said.revision, said.subdir, trusted)


def _fragment(text: str, rest: str) -> _Fragment:
    """``REVISION``, ``sha256=HEX`` and ``subdir=DIR``, joined by ``&``; a branch may hold every one of these characters but
    ``&``, which is written %26 there."""
    revision: str | None = None
    pin: Digest | None = None
    subdir: PurePosixPath | None = None
    for number, part in enumerate(rest.split("&") if rest else ()):
        name, equals, value = part.partition("=")
        if equals and name == "subdir" and subdir is None:
            subdir = _subdir(text, unquote(value))
        elif equals and name == "sha256" and pin is None:
            pin = _pin(text, value)
        elif number == 0 and part:
            revision = _revision(text, unquote(part))
        else:
            raise BadReference(
                text, f"{_shown_part(part)!r} after '#' is neither subdir=DIR nor sha256=HEX, or is said twice"
            )
    return _Fragment(revision, pin, subdir)


def _revision(text: str, revision: str) -> str:
    if _BAD_REVISION.search(revision) or len(revision.encode("utf-8", "replace")) > 250:
        raise BadReference(text, f"{_shown_part(revision)!r} is no name of a branch, a tag or a commit")
    return revision


def _shown_part(part: str) -> str:
    """A password may hold a '#', and so what stands behind one may be the rest of a password."""
    return re.sub(r".*@", f"{MASK}@", part)


def _pin(text: str, value: str) -> Digest:
    try:
        return Digest(value.lower())
    except ValueError as error:
        raise BadReference(text, "sha256= takes 64 hexadecimal digits") from error


def _subdir(text: str, value: str) -> PurePosixPath | None:
    path = PurePosixPath(value)
    if path.is_absolute() or ".." in path.parts or not value or re.search(r"[\x00-\x1f\x7f]", value):
        raise BadReference(text, "subdir= takes a relative path without '..'")
    if ".git" in (part.lower() for part in path.parts):
        raise BadReference(text, "a directory '.git' is no part of a repository")
    return path if path.parts else None


def _local(text: str, relative_to: Path, trusted: bool) -> BuildpackRef | None:
    """A directory or an archive on this machine; the whole of ``text`` is tried before what may be a fragment is cut off."""
    try:
        path = _resolved(text, relative_to, trusted)
        if path.is_dir() and _allowed(text, path, relative_to, trusted):
            return DirectoryRef(path)
        name, mark, rest = (text, "", "") if path.is_file() else text.partition("#")
        path = _resolved(name, relative_to, trusted)
        if path.is_file() and _allowed(text, path, relative_to, trusted):
            said = _fragment(text, rest)
            if said.revision is not None:
                raise BadReference(
                    text, "an archive has no branches: what follows '#' may be sha256=HEX and subdir=DIR"
                )
            return ArchiveFileRef(path, said.pin, said.subdir)
        if mark and path.is_dir() and _allowed(text, path, relative_to, trusted):
            raise BadReference(
                text, f"{name!r} is a directory; for a revision of the git repository in it, name its file:// URL"
            )
    except (OSError, ValueError, RuntimeError) as error:  # a name too long, a loop of links, no home
        raise BadReference(text, "it is no path that this machine knows") from error
    if not trusted and (text.startswith(("/", "~")) or ".." in PurePosixPath(text).parts):
        raise UntrustedReference(text)
    return None


def _resolved(text: str, relative_to: Path, trusted: bool) -> Path:
    path = Path(text).expanduser() if trusted else Path(text)
    return (relative_to / path).resolve()


def _allowed(text: str, path: Path, relative_to: Path, trusted: bool) -> bool:
    """A stranger's file must not have a private directory copied into a droplet. Raises UntrustedReference."""
    if not trusted and not path.is_relative_to(relative_to.resolve()):
        raise UntrustedReference(text)
    return True


def _heroku(short: str, trusted: bool) -> BuildpackRef:
    """``heroku/NAME`` is a repository of that organisation; other names lie in Heroku's registry of buildpacks."""
    namespace, _, name = short.partition("/")
    if namespace == "heroku":
        return GitRef(_known(f"https://github.com/heroku/heroku-buildpack-{name}"), trusted=trusted)
    return ArchiveUrlRef(_known(f"{_REGISTRY}/{namespace}/{name}.tgz"), trusted=trusted)


def _known(url: str) -> Remote:
    return parse_remote(url)
