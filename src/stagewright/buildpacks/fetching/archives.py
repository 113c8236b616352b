"""Archives, from a URL or a file, become a directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stagewright.buildpacks.fetching.checking import blaming
from stagewright.buildpacks.fetching.policy import FetchPolicy
from stagewright.buildpacks.fetching.problems import PinBroken, UnusableBits
from stagewright.buildpacks.roots import make_scripts_executable
from stagewright.model.buildpack import ArchiveFileRef, ArchiveUrlRef
from stagewright.model.digest import Digest
from stagewright.ports.progress import Progress

if TYPE_CHECKING:
    from stagewright.buildpacks.fetching.download import Download, Validators


def download_archive(
    ref: ArchiveUrlRef, into: Path, policy: FetchPolicy, progress: Progress, known: Validators | None = None
) -> Download | None:
    """The archive of ``ref`` in the file ``into``; None where it is still what ``known`` describes.

    Raises what `download` does, and PinBroken.
    """
    from stagewright.buildpacks.fetching.download import (
        download,
    )  # a staging without URLs does not pay for HTTP and TLS

    came = download(ref, into, policy, progress, known)
    if came is not None:
        check_pin(ref, came.digest)
    return came


def check_pin(ref: ArchiveUrlRef | ArchiveFileRef, found: Digest) -> None:
    """Raise PinBroken where an archive is not the one that the reference asks for."""
    if ref.pin is not None and ref.pin != found:
        raise PinBroken(str(ref), ref.pin.hex, found.hex)


def unpack_archive(
    ref: ArchiveUrlRef | ArchiveFileRef, archive: Path, into: Path, policy: FetchPolicy, progress: Progress
) -> None:
    """Unpack ``archive`` to ``into``, which is missing. Raises UnusableBits, TooMuch, DiskFull, TreeFailure."""
    from stagewright.trees import ArchiveKind, LinkPolicy, archive_kind, unpack

    with blaming(str(ref)):
        kind = archive_kind(archive)
        if kind is None:
            raise UnusableBits(
                str(ref), _not_an_archive(archive), "Name the archive itself, not the page that offers it."
            )
        unpack(archive, into, bounds=policy.bounds, links=LinkPolicy.INSIDE, progress=progress)
    if kind is ArchiveKind.ZIP:
        make_scripts_executable(into)


def _not_an_archive(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(512).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "what came is a web page and no archive"
    return "it is no zip and no tar (plain, gzip, bzip2 or xz)" if start else "it is empty"
