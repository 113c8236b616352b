"""The npm registry of the operator's and the app's settings, asked by npm itself: versions, facts and packed packages.

No host is named here: npm finds it in its own configuration. The app's .npmrc is given as the user's configuration, so that a
private registry and its token hold for node, npm, yarn and pnpm too.
"""

from __future__ import annotations

import hashlib
import json
import os
import tarfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from buildpack import BuildpackError, capture

from nodejs_buildpack.semver import ANY, InvalidRange, Range, Version

PATIENCE = {
    "npm_config_fetch_retries": "2",
    "npm_config_fetch_retry_mintimeout": "1000",
    "npm_config_fetch_retry_maxtimeout": "5000",
    "npm_config_fetch_timeout": "120000",
}
"""For a registry that cannot be reached: seconds, not minutes, until that is said. A setting of the user's wins."""


@dataclass(frozen=True)
class Published:
    version: Version
    node: Range
    """The Node.js that this version says it runs on."""


class Registry:
    """npm, run by a node of ours in an empty directory, as a way to ask and to fetch."""

    def __init__(self, node: Path, npm: Path, directory: Path, environment: Mapping[str, str], npmrc: Path) -> None:
        self._command = (node, npm / "bin" / "npm-cli.js")
        self._directory = directory
        settings = {name: value for name, value in PATIENCE.items() if name.upper() not in environment}
        self._environment = {**settings, **environment, "npm_config_cache": str(directory / "npm-cache")}
        if npmrc.is_file():
            self._environment["npm_config_userconfig"] = str(npmrc)

    def _npm(self, *arguments: str) -> str:
        return capture(
            [*self._command, *arguments, "--json"],
            cwd=self._directory,
            env=self._environment,
            name=f"npm {arguments[0]}",
        )

    def versions(self, package: str) -> list[Version]:
        """All published versions but prereleases. Raises ``CommandError`` where npm cannot tell."""
        found = json.loads(self._npm("view", package, "versions") or "[]")
        texts = found if isinstance(found, list) else [found]
        return sorted(version for version in map(_version, texts) if version is not None and not version.pre)

    def matching(self, package: str, wanted: str) -> list[Published]:
        """The published versions in a range, with what they run on; empty where there is none."""
        answer = self._npm("view", f"{package}@{wanted}", "version", "engines.node").strip()
        found = json.loads(answer) if answer else []
        return [
            published for entry in (found if isinstance(found, list) else [found]) for published in _published(entry)
        ]

    def pack(self, package: str, version: Version) -> Path:
        """The package's archive, whose integrity npm has checked against what the registry says of it."""
        name = package.lstrip("@").replace("/", "-")
        archive = self._directory / f"{name}-{version}.tgz"
        if not archive.is_file():
            self._npm("pack", f"{package}@{version}")
        if not archive.is_file():
            raise BuildpackError(f"npm packed {package} {version}, but not as {archive.name}")
        return archive


def _version(text: object) -> Version | None:
    try:
        return Version.parse(str(text))
    except InvalidRange:
        return None


def _published(entry: object) -> list[Published]:
    facts = entry if isinstance(entry, dict) else {"version": entry}
    version = _version(facts.get("version"))
    if version is None or version.pre:
        return []
    try:
        return [Published(version, Range.parse(str(facts.get("engines.node") or "*")))]
    except InvalidRange:
        return [Published(version, ANY)]


def extract(archive: Path, into: Path, wanted: Callable[[PurePosixPath], bool] = lambda _path: True) -> None:
    """Write the plain files of a packed package whose path below its root is wanted; links and odd names are left out."""
    with tarfile.open(archive, "r:gz") as tar:
        for member in tar:
            path = PurePosixPath(*PurePosixPath(member.name).parts[1:])
            if not member.isfile() or not path.parts or ".." in path.parts or not wanted(path):
                continue
            source = tar.extractfile(member)
            if source is None:
                continue
            file = into / path
            file.parent.mkdir(parents=True, exist_ok=True)
            with source, file.open("wb") as target:
                while block := source.read(1 << 20):
                    target.write(block)
            file.chmod(0o755 if member.mode & 0o111 else 0o644)


def check_hash(archive: Path, algorithm: str, expected: str, named: str) -> None:
    """For ``packageManager: name@version+sha512.…``: the hash that corepack writes there is the archive's, in hex."""
    if algorithm not in hashlib.algorithms_available:
        raise BuildpackError(f"{named} has a hash of the unknown kind {algorithm!r}.", "Use sha512 or sha224.")
    digest = hashlib.new(algorithm)
    with archive.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != expected.lower():
        raise BuildpackError(
            f"{named} does not match its hash in package.json: expected {algorithm} {expected}, got {digest.hexdigest()}.",
            "Write the field anew with `corepack use`, or remove the part that begins with + .",
        )


def program_files(package: Path, names: Sequence[str]) -> Mapping[str, Path]:
    """The programs of an extracted package by the names that are wanted, as its package.json lists them; made executable."""
    facts = json.loads((package / "package.json").read_text(encoding="utf-8"))
    bins = facts.get("bin")
    listed = {facts["name"]: bins} if isinstance(bins, str) else dict(bins or {})
    found = {name: package / os.path.normpath(listed[name]) for name in names if name in listed}
    for file in found.values():
        file.chmod(0o755)
    return found
