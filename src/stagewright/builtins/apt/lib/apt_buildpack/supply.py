"""From an Aptfile to our deps directory."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill

from buildpack import (
    BuildpackError,
    CommandError,
    Staging,
    capture,
    detail,
    fail,
    own_version,
    step,
    warn,
    write_config,
    write_profile,
)
from cache import Cache, download
from debian import Apt, Resolution, content_key, file_sha256
from debian_tree import copy_tree, remove, unpack

from apt_buildpack.alternatives import link_alternatives
from apt_buildpack.aptfile import Aptfile, Download, read_aptfile
from apt_buildpack.exposing import expose
from apt_buildpack.fixes import complete, launch_lines

TREE = "apt"
"""The directory of deps/<index> that holds the packages as a root would."""
RECORD = "packages.txt"
"""The file of deps/<index> that lists the packages: name, version and SHA-256 of each."""
WIDTH = 110
"""Characters of a long line of the log."""


def supply(staging: Staging) -> None:
    """Raises ``BuildpackError`` for an Aptfile that is not understood, and for what apt cannot bring."""
    aptfile = read_aptfile(staging.build)
    write_config(staging, "apt")
    if not aptfile.names and not aptfile.downloads:
        step("The Aptfile asks for nothing")
        return
    step("Debian packages of the Aptfile")
    cache = Cache(staging.cache_directory, "apt")
    apt = Apt(cache)
    apt.refresh()
    files = {wanted: fetch_file(wanted, cache.directory_for("files")) for wanted in aptfile.downloads}
    given = list(files.values())
    resolution = apt.resolve(aptfile.names, given)
    say(aptfile, resolution)

    def make(place: Path) -> None:
        make_deps([*apt.fetch(aptfile.names, given, resolution), *given], place)

    key = content_key(resolution.archives, own_version(), *map(file_sha256, given))
    made = cache.have("packages", key, make, shown="the unpacked packages")
    for name in ("bin", "lib", "include", "pkgconfig", TREE):
        remove(staging.own / name)
        if (made / name).exists():
            copy_tree(made / name, staging.own / name)
    tidy(cache, given)
    write_record(staging, resolution, files)
    write_variables(staging, aptfile)


def tidy(cache: Cache, given: Sequence[Path]) -> None:
    """Only what this staging used stays in the cache."""
    cache.forget(("apt", "archives", "files", "packages"))
    for file in cache.directory_for("files").iterdir():
        if file not in given:
            file.unlink()


def write_record(staging: Staging, resolution: Resolution, files: Mapping[Download, Path]) -> None:
    lines = [f"{archive.package} {archive.version} {archive.sha256}" for archive in resolution.archives]
    lines += [f"{wanted.shown} {file_sha256(file)}" for wanted, file in files.items()]
    (staging.own / RECORD).write_text("".join(f"{line}\n" for line in sorted(lines)), encoding="utf-8")


def say(aptfile: Aptfile, resolution: Resolution) -> None:
    """What was asked for, in its version; the rest is a number here and a list in ``packages.txt``."""
    asked = {re.split("[=/]", name)[0] for name in aptfile.names}
    if resolution.present:
        detail(f"On the stack already: {', '.join(resolution.present)}")
    for archive in resolution.archives:
        if archive.package in asked:
            detail(f"{archive.package} {archive.version}")
    others = [archive for archive in resolution.archives if archive.package not in asked]
    if others:
        detail(f"and what they need: {len(others)} more (listed in {RECORD})")
    if resolution.recommended:
        left_out = ", ".join(resolution.recommended)
        detail(
            fill(f"Only recommended, so left out; name them to have them: {left_out}", WIDTH, break_on_hyphens=False)
        )


def make_deps(archives: Sequence[Path], place: Path) -> None:
    """All that our deps directory is to hold, in a directory of the cache; nothing in it knows where it lies."""
    tree = place / TREE
    tree.mkdir()
    unpack(archives, tree)
    alternatives = link_alternatives(archives, tree)
    if alternatives:
        detail(f"Alternatives: {', '.join(alternatives)}")
    expose(place, tree)
    complete(tree, place / "lib")


def write_variables(staging: Staging, aptfile: Aptfile) -> None:
    lines = list(launch_lines(staging.own / TREE, f"{staging.own_at_run}/{TREE}", python=aptfile.names_python()))
    if lines:
        write_profile(
            staging, "apt.sh", "\n".join(["# Written by the apt buildpack: where these packages lie.", *lines])
        )


def fetch_file(wanted: Download, into: Path) -> Path:
    """The .deb of a URL, compared with the digest of the Aptfile; without one the digest that came is said."""
    file = into / f"{(wanted.sha256 or 'unchecked')[:16]}-{wanted.file}"
    if wanted.sha256 and file.is_file() and file_sha256(file) == wanted.sha256:
        detail(f"Reusing {wanted.file} from the cache")
        return file
    detail(f"Fetching {wanted.shown}")
    try:
        download(wanted.url, file, wanted.sha256)
    except BuildpackError as failure:
        fail(
            failure.message,
            "Compare it with the publisher's, and mend the Aptfile." if "SHA-256" in failure.message else failure.hint,
        )
    check_architecture(file, wanted)
    if wanted.sha256 is None:
        warn(
            f"{wanted.file} is not checked. To pin it, write in the Aptfile:\n{wanted.shown} sha256={file_sha256(file)}"
        )
    return file


def check_architecture(file: Path, wanted: Download) -> None:
    """Raises ``BuildpackError`` for what is no Debian package, or one of another processor."""
    try:
        found = capture(["dpkg-deb", "--field", file, "Architecture"]).strip()
    except CommandError:
        fail(f"{wanted.shown} is not a Debian package.", "Does the address lead to a page instead of the file?")
    own = capture(["dpkg", "--print-architecture"]).strip()
    if found not in (own, "all"):
        fail(f"{wanted.shown} is a package for {found}, and the stack is {own}.")
