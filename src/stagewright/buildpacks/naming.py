"""The name of a buildpack from where it came: short, safe in a path, and the same for its next version, whose cache it shares."""

from __future__ import annotations

import re
from pathlib import PurePosixPath
from urllib.parse import unquote

from stagewright.buildpacks.remotes import ARCHIVE_SUFFIXES
from stagewright.model.buildpack import ArchiveFileRef, ArchiveUrlRef, BuildpackRef, BuiltinRef, DirectoryRef, GitRef

_VERSION = re.compile(r"[-_.]v?\d+(\.\d+)+([-+.][0-9A-Za-z.-]+)?$|[-_][0-9a-f]{40}$|[-_]v\d+$")
_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]+")
_LONGEST = 100


def name_of(ref: BuildpackRef) -> str:
    """The last part of what is named, without ``.git``, the ending of an archive and a version."""
    if isinstance(ref, BuiltinRef):
        return ref.name
    if isinstance(ref, DirectoryRef):
        return ref.path.name
    if ref.subdir is not None:
        return _safe(ref.subdir.name)
    if isinstance(ref, GitRef):
        return _safe(_last(ref.remote.path.rstrip("/").removesuffix("/.git")).removesuffix(".git"))
    if isinstance(ref, ArchiveFileRef):
        return _safe(_without_version(ref.path.name))
    return _safe(_archive_name(ref))


def _archive_name(ref: ArchiveUrlRef) -> str:
    """Archives that GitHub and GitLab make are named after a branch or a tag: there the repository has the name."""
    parts = [part for part in unquote(ref.remote.path).split("/") if part]
    if "archive" in parts[:-1]:
        repository = [part for part in parts[: parts.index("archive")] if part != "-"]
        if repository:
            return repository[-1].removesuffix(".git")
    return _without_version(parts[-1]) if parts else ""


def _without_version(name: str) -> str:
    for suffix in ARCHIVE_SUFFIXES:
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
            break
    return _VERSION.sub("", name) or name


def _last(path: str) -> str:
    return PurePosixPath(unquote(path.replace(":", "/"))).name


def _safe(name: str) -> str:
    return _UNSAFE.sub("-", name).strip(".-")[:_LONGEST] or "buildpack"
