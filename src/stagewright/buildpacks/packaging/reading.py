"""manifest.yml becomes a `Manifest`. All that is wrong is found at once; entries with something wrong are left out.

Rule: contracts/cloudfoundry-staging.md §2.1, both packagers' forms. Keys that neither knows are ignored.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import TypeVar
from urllib.parse import urlsplit

import yaml

from stagewright.buildpacks.packaging.flaws import Flaw, error, errors_in
from stagewright.buildpacks.packaging.manifest import (
    NAME,
    DefaultVersion,
    Dependency,
    Deprecation,
    Manifest,
    Profile,
)
from stagewright.buildpacks.packaging.nodes import Notes, Piece, is_null
from stagewright.buildpacks.packaging.problems import BadManifest
from stagewright.documents import LARGEST, NotReadable, load_nodes
from stagewright.model.digest import Digest
from stagewright.model.names import StackName

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
LANGUAGE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")
"""It is a part of the name of a file."""
PROFILE_NAME = re.compile(r"[a-z0-9_-]{1,100}")
"""As the reference has it: it becomes a part of the name of a file, too."""
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
SCHEMES = ("http", "https", "file")
_MOST = {"dependencies": 2000}
_MOST_OF_OTHERS = 200
"""Entries of a list: every default is matched with every version of its name. The longest manifest known has 90."""
T = TypeVar("T")


@dataclass(frozen=True)
class Reading:
    """What manifest.yml says, and what is wrong with it."""

    manifest: Manifest | None
    """Without the entries that are malformed; None where nothing of it can be read."""
    flaws: tuple[Flaw, ...]
    root: yaml.MappingNode | None = None
    """The document itself, to be written again with little changed."""


def read_manifest(directory: Path) -> Reading:
    """Read ``directory/manifest.yml``, which may be anybody's. Never raises; a file that is not there is a flaw as well."""
    try:
        descriptor = os.open(directory / NAME, _READ)
    except OSError as failure:
        return Reading(None, (error(NAME, f"it cannot be read: {(failure.strerror or str(failure)).lower()}"),))
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return Reading(None, (error(NAME, "it is not a file"),))
        try:
            return parse_manifest(file.read(LARGEST + 1))
        except OSError as failure:
            return Reading(None, (error(NAME, f"it cannot be read: {(failure.strerror or str(failure)).lower()}"),))


def require_manifest(directory: Path) -> tuple[Manifest, yaml.MappingNode]:
    """The manifest of a directory and its document. Raises BadManifest, which tells all errors at once."""
    reading = read_manifest(directory)
    errors = errors_in(reading.flaws)
    if errors or reading.manifest is None or reading.root is None:
        raise BadManifest(directory, errors)
    return reading.manifest, reading.root


def parse_manifest(text: bytes) -> Reading:
    """Read the text of a manifest.yml. Never raises."""
    try:
        node = load_nodes(text)
    except NotReadable as failure:
        return Reading(None, (error(NAME, str(failure)),))
    if node is None or is_null(node):
        return Reading(None, (error(NAME, "it is empty"),))
    if not isinstance(node, yaml.MappingNode):
        return Reading(None, (error(NAME, "it is not a map"),))
    notes = Notes()
    manifest = _manifest(Piece(node, "", notes))
    return Reading(manifest, tuple(notes.flaws), node)


def _manifest(top: Piece) -> Manifest:
    return Manifest(
        language=_language(top),
        stack=_parsed(top.get("stack"), StackName),
        dependencies=_entries(top, "dependencies", _dependency),
        defaults=_entries(top, "default_versions", _default),
        deprecations=_entries(top, "dependency_deprecation_dates", _deprecation),
        include_files=_paths(top, "include_files"),
        exclude_files=_paths(top, "exclude_files"),
        pre_package=_pre_package(top),
        profiles=_profiles(top),
    )


def _language(top: Piece) -> str:
    language = top.required("language")
    if language is not None and not LANGUAGE.fullmatch(language):
        place = top.get("language") or top
        place.wrong(
            f"{language[:100]!r} is no name: use letters, digits, '.', '_', '+' and '-', a letter or digit first"
        )
    return language or ""


def _entries(top: Piece, key: str, read: Callable[[Piece], T | None]) -> tuple[T, ...]:
    pieces = top.list_of(key)
    most = _MOST.get(key, _MOST_OF_OTHERS)
    if len(pieces) > most:
        top.notes.wrong(pieces[most].place, f"{key} has {len(pieces)} entries; only {most} are read")
    found = (read(piece) for piece in pieces[:most] if _is_map(piece))
    return tuple(one for one in found if one is not None)


def _is_map(piece: Piece) -> bool:
    if isinstance(piece.node, yaml.MappingNode):
        return True
    piece.wrong("it is not a map")
    return False


def _dependency(piece: Piece) -> Dependency | None:
    name, version = piece.required("name"), piece.required("version")
    uri = piece.required("uri")
    if uri is not None and not _is_uri(uri):
        piece.wrong(f"uri must be an http, https or file URL, not {_shown(uri)}")
        uri = None
    sha256 = piece.required("sha256")
    try:
        digest = Digest(sha256) if sha256 is not None else None
    except ValueError:
        piece.wrong("sha256 must have 64 hexadecimal digits, in lower case")
        digest = None
    stacks = tuple(_parsed(stack, StackName) for stack in piece.list_of("cf_stacks"))
    file = piece.get("file")
    path = _path(file) if file is not None else None
    if name is None or version is None or uri is None or digest is None or None in stacks or (file and path is None):
        return None
    on = tuple(stack for stack in stacks if stack is not None)
    return Dependency(piece.place, piece.number, name, version, uri, digest, on, path)


def _is_uri(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port_is_sound = parts.port is None or parts.port > 0
    except ValueError:
        return False
    if any(character.isspace() for character in text) or not port_is_sound:
        return False
    if parts.scheme == "file":
        return parts.netloc in ("", "localhost") and parts.path.startswith("/")
    return parts.scheme in SCHEMES and bool(parts.hostname)


def _shown(uri: str) -> str:
    return repr(re.sub(r"//[^/@]*@", "//***@", uri)[:200])


def _default(piece: Piece) -> DefaultVersion | None:
    name, version = piece.required("name"), piece.required("version")
    return DefaultVersion(piece.place, name, version) if name is not None and version is not None else None


def _deprecation(piece: Piece) -> Deprecation | None:
    line, day = piece.required("version_line"), piece.required("date")
    name = piece.optional("name")
    if line is None or day is None:
        return None
    try:
        if not _DAY.fullmatch(day):
            raise ValueError(day)
        return Deprecation(piece.place, name, line, date.fromisoformat(day), piece.optional("link"))
    except ValueError:
        piece.wrong(f"date must be a day as in 2026-12-31, not {day[:40]!r}")
        return None


def _paths(top: Piece, key: str) -> tuple[PurePosixPath, ...] | None:
    if top.get(key) is None:
        return None
    found = (_path(piece) for piece in top.list_of(key))
    return tuple(path for path in found if path is not None)


def _path(piece: Piece) -> PurePosixPath | None:
    """A path that stays in the buildpack; None, with a note, for another."""
    text = piece.text()
    if text is None:
        return None
    path = PurePosixPath(text)
    if not path.parts or path.is_absolute() or ".." in path.parts or "\n" in text:
        piece.wrong(f"{text[:100]!r} is no path inside the buildpack")
        return None
    return path


def _pre_package(top: Piece) -> str:
    program = top.optional("pre_package").strip()
    if ".." in PurePosixPath(program).parts or program.startswith("/"):
        (top.get("pre_package") or top).wrong(f"{program[:100]!r} is no program inside the buildpack")
    return program


def _profiles(top: Piece) -> dict[str, Profile]:
    found = top.get("packaging_profiles")
    profiles: dict[str, Profile] = {}
    for name, piece in found.pairs() if found is not None else ():
        if not PROFILE_NAME.fullmatch(name):
            piece.wrong("the name of a profile has lower-case letters, digits, '_' and '-' only")
        elif _is_map(piece):
            exclude = tuple(text for one in piece.list_of("exclude") if (text := one.text()))
            profiles[name] = Profile(piece.place, piece.optional("description"), exclude)
    return profiles


def _parsed(piece: Piece | None, parse: Callable[[str], T]) -> T | None:
    """What ``parse`` makes of a text that may be missing; None, with a note, where it raises ValueError."""
    text = piece.text() if piece is not None else None
    if piece is None or text is None:
        return None
    try:
        return parse(text)
    except ValueError as failure:
        piece.wrong(str(failure))
        return None
