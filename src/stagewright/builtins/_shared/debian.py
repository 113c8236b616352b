"""Debian packages without root: what is missing on the stack, from signed lists, into a directory of the buildpack's cache.

Linked into a buildpack as ``lib/debian.py``; ``debian_tree.py`` beside it unpacks what is fetched here. apt runs with its state
and its archives below the cache, and reads the stack's own sources, keys and settings: signatures are checked as everywhere.

What counts as installed is what the *run* root holds, since a library that only the build root has would be missing at run
time. The platform names that root's package status in STAGEWRIGHT_RUN_DPKG_STATUS; without it (on Cloud Foundry, where both are
one) it is dpkg's own.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import urllib.parse
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from buildpack import BuildpackError, detail, scratch, warn
from cache import Cache
from debian_trouble import explain

DPKG_STATUS = Path("/var/lib/dpkg/status")

OF_THE_STACK = frozenset(
    (
        *("libc6", "libc-bin", "libc-l10n", "libc6-dev", "libc-dev-bin", "linux-libc-dev"),
        *("libcrypt-dev", "libnsl-dev", "libtirpc-dev", "rpcsvc-proto"),
    )
)
"""The C library is never brought along: a second one beside the stack's loader makes every program crash."""

FORMAT = 1
"""Raised when the meaning of what lies in the cache changes."""

INSTALL = (
    "--yes",
    "--no-install-recommends",
    "--no-remove",
    "--allow-downgrades",
    "-o=Acquire::ForceHash=SHA256",
)


@dataclass(frozen=True)
class Archive:
    """One .deb as the signed lists describe it. ``file`` is its name in apt's archives directory, ``size`` is in bytes."""

    file: str
    size: int
    sha256: str

    @property
    def package(self) -> str:
        return self.file.split("_")[0]

    @property
    def version(self) -> str:
        return urllib.parse.unquote(self.file.split("_")[1])


@dataclass(frozen=True)
class Resolution:
    """What a request comes to on this stack, by the present lists."""

    archives: tuple[Archive, ...]
    present: tuple[str, ...] = ()
    """Asked for, and on the stack already."""
    recommended: tuple[str, ...] = ()
    """Recommended by what is brought, but left out."""

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> Resolution:
        facts = json.loads(text)
        archives = tuple(Archive(**archive) for archive in facts["archives"])
        return cls(archives, tuple(facts["present"]), tuple(facts["recommended"]))


def content_key(archives: Iterable[Archive], *others: str) -> str:
    """A short name for a set of packages: what was made from it is the same as long as this is."""
    facts = [FORMAT, sorted(archive.sha256 for archive in archives), others]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def file_sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        for block in iter(lambda: stream.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


class Apt:
    """apt-get with a state of its own. ``assumed``: packages that are to count as installed though they are not."""

    def __init__(self, cache: Cache, assumed: Sequence[str] = ()) -> None:
        self._state = cache.directory_for("apt")
        self._archives = cache.directory_for("archives")
        self._assumed = tuple(assumed)
        for directory in (self._state / "lists" / "partial", self._archives / "partial"):
            directory.mkdir(parents=True, exist_ok=True)

    # -------------------------------------------------------------------------------------------------------------- the verbs
    def refresh(self) -> None:
        """Bring the package lists up to date. Without network those of the last staging serve, which is said."""
        status, output = self._run(
            "apt-get", "update", "-o=pkgCacheFile::Generate=false", "-o=APT::Update::Error-Mode=any"
        )
        problems = [line for line in output.splitlines() if line.startswith("E: ")]
        if status == 0 and not problems:
            fetched = len(re.findall(r"^Get:\d+ .* Packages \[", output, re.MULTILINE))
            kept = len(list((self._state / "lists").glob("*_Packages*"))) - fetched
            said = [f"{fetched} fetched" if fetched else "", f"{kept} reused from the cache" if kept > 0 else ""]
            detail(f"Package lists: {', '.join(filter(None, said)) or 'none'}")
            return
        only_unreachable = all(re.match(r"E: (Failed to fetch|Some index files failed)", line) for line in problems)
        if only_unreachable and any((self._state / "lists").glob("*_Packages*")):
            warn("The package lists could not be refreshed; those of the last staging are used.")
            return
        raise BuildpackError(
            "The package lists of Debian could not be fetched:\n" + ("\n".join(problems) or output[-2000:]),
            "Is the network of the build cut off, or the stack's apt source not reachable?" if only_unreachable else "",
        )

    def resolve(self, names: Sequence[str], files: Sequence[Path] = ()) -> Resolution:
        """The archives that the named packages, and the .deb ``files``, need on this stack; the files themselves left out.

        The answer is kept: the same request of the same lists on the same stack is not worked out again.
        """
        self._write_status()
        kept, key = self._state / "resolution.json", self._request_key(names, files)
        known = read_resolution(kept, key)
        if known is not None:
            return known
        with scratch("no-archives") as empty:
            (Path(empty) / "partial").mkdir()
            status, output = self._run(
                "apt-get",
                "install",
                *INSTALL,
                "--print-uris",
                f"-o=Dir::Cache::archives={empty}/",
                *names,
                *map(str, files),
            )
        if status != 0:
            raise explain(output, known=self._known_names, versions=self._versions)
        resolution = parse_uris(output)
        kept.write_text(json.dumps({"key": key, "resolution": resolution.to_json()}), encoding="utf-8")
        return resolution

    def fetch(self, names: Sequence[str], files: Sequence[Path], resolution: Resolution) -> list[Path]:
        """The archives of a resolution on disk, each compared with the digest of the signed lists."""
        wanted = {archive.file: archive for archive in resolution.archives}
        for file in self._archives.glob("*.deb"):
            if file.name not in wanted or file_sha256(file) != wanted[file.name].sha256:
                file.unlink()
        missing = [archive for archive in wanted.values() if not (self._archives / archive.file).is_file()]
        if len(missing) < len(wanted):
            detail(f"Archives: {len(wanted) - len(missing)} reused from the cache")
        if missing:
            detail(f"Archives: {len(missing)} to fetch, {sum(archive.size for archive in missing) / 1e6:.1f} MB")
            self._download(names, files)
        for archive in missing:
            self._check(archive)
        return [self._archives / archive.file for archive in resolution.archives]

    # -------------------------------------------------------------------------------------------------------------- the inside
    def _download(self, names: Sequence[str], files: Sequence[Path]) -> None:
        status, output = self._run("apt-get", "install", *INSTALL, "--download-only", *names, *map(str, files))
        if status != 0:
            raise explain(output, known=self._known_names, versions=self._versions)

    def _check(self, archive: Archive) -> None:
        file = self._archives / archive.file
        found = file_sha256(file) if file.is_file() else "nothing"
        if found != archive.sha256:
            file.unlink(missing_ok=True)
            raise BuildpackError(
                f"{archive.file} is not what the signed lists promise: SHA-256 {found}, expected {archive.sha256}",
                "Stage again; if it stays so, the mirror of the packages is broken.",
            )

    def _known_names(self) -> list[str]:
        return self._run("apt-cache", "pkgnames")[1].split()

    def _versions(self, package: str) -> list[str]:
        rows = [line.split("|") for line in self._run("apt-cache", "madison", package)[1].splitlines()]
        return [row[1].strip() for row in rows if len(row) == 3]

    def _run(self, program: str, verb: str, *arguments: str) -> tuple[int, str]:
        """A command of apt and what it said on both streams."""
        options = {
            "Dir::State": self._state,
            "Dir::State::lists": self._state / "lists",
            "Dir::State::status": self._state / "status",
            "Dir::Cache": self._state,
            "Dir::Cache::archives": f"{self._archives}/",
            "Dir::Cache::pkgcache": "",
            "Dir::Cache::srcpkgcache": "",
            "Dir::Log": self._state / "log",
            "Acquire::GzipIndexes": "true",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "",
            "Debug::NoLocking": "true",
        }
        flags = [f"-o={name}={value}" for name, value in options.items()]
        try:
            process = subprocess.run(
                [program, "--quiet", *flags, verb, *arguments],
                env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                check=False,
            )
        except OSError as error:
            raise BuildpackError(
                f"{program} cannot be run: {error.strerror}", "The build root of the stack must hold apt."
            ) from error
        return process.returncode, process.stdout.decode("utf-8", "replace")

    def _write_status(self) -> None:
        """A copy of the run root's status, with the assumed packages as installed in a version that satisfies everyone."""
        source = Path(os.environ.get("STAGEWRIGHT_RUN_DPKG_STATUS") or DPKG_STATUS)
        try:
            text = source.read_text(encoding="utf-8", errors="surrogateescape").rstrip("\n") + "\n"
        except OSError as error:
            raise BuildpackError(
                f"The package status of the stack, {source}, cannot be read: {error.strerror}"
            ) from error
        for package in self._assumed:
            text += (
                f"\nPackage: {package}\nStatus: install ok installed\nPriority: optional\nSection: misc\n"
                f"Maintainer: none\nArchitecture: all\nMulti-Arch: foreign\nVersion: 9999\nDescription: assumed\n"
            )
        (self._state / "status").write_text(text, encoding="utf-8", errors="surrogateescape")

    def _request_key(self, names: Sequence[str], files: Sequence[Path]) -> str:
        digest = hashlib.sha256(json.dumps([FORMAT, list(names), [file_sha256(file) for file in files]]).encode())
        for file in (self._state / "status", *sorted((self._state / "lists").glob("*Release"))):
            digest.update(f"{file.name} {file_sha256(file)}\n".encode())
        return digest.hexdigest()


def read_resolution(file: Path, key: str) -> Resolution | None:
    """The resolution that was kept for that request; None where there is another one, or none that can be read."""
    try:
        facts = json.loads(file.read_text(encoding="utf-8"))
        return Resolution.from_json(facts["resolution"]) if facts["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


URI = re.compile(r"^'(?P<uri>[^']+)' (?P<file>\S+) (?P<size>\d+) (?P<hash>\S*)$")


def parse_uris(output: str) -> Resolution:
    """What ``apt-get install --print-uris`` says, without the C library and without files that were given by their path."""
    archives = []
    for match in filter(None, map(URI.match, output.splitlines())):
        if match["uri"].startswith(("/", "file:")) and not match["hash"]:
            continue
        if not match["hash"].startswith("SHA256:"):
            raise BuildpackError(
                f"The package lists name no SHA-256 of {match['file']}",
                "The stack's apt source is not a signed, current one.",
            )
        archive = Archive(match["file"], int(match["size"]), match["hash"][len("SHA256:") :])
        if archive.package not in OF_THE_STACK:
            archives.append(archive)
    present = re.findall(r"^(\S+) is already the newest version", output, re.MULTILINE)
    recommended = re.search(r"^Recommended packages:\n((?:  .*\n)+)", output, re.MULTILINE)
    return Resolution(tuple(archives), tuple(present), tuple(recommended[1].split()) if recommended else ())
