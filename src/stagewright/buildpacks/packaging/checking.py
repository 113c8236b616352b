"""All that the packager and libbuildpack would stumble over, found without running anything of the buildpack.

Rules: contracts/cloudfoundry-staging.md §2.1 to §2.3; what scripts a buildpack needs is of §1.2.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath

from stagewright.buildpacks.dialects import dialect_of, scripts_of
from stagewright.buildpacks.packaging.contents import VERSION_FILE
from stagewright.buildpacks.packaging.flaws import Flaw, error, warning
from stagewright.buildpacks.packaging.manifest import NAME, Dependency, Manifest
from stagewright.buildpacks.packaging.notices import deprecation_sentence
from stagewright.buildpacks.packaging.ranges import Version, VersionRange
from stagewright.buildpacks.packaging.reading import read_manifest
from stagewright.model.buildpack import Dialect, Script
from stagewright.trees.files import file_digest


@dataclass(frozen=True)
class Checked:
    """What a buildpack is, and what is wrong with it, errors first."""

    dialect: Dialect
    language: str
    """Empty without a manifest.yml that can be read."""
    packaged: bool
    """Whether its manifest says for which stack it was packaged, or holds dependencies."""
    flaws: tuple[Flaw, ...]


def check_buildpack(root: Path, today: date) -> Checked:
    """Look at the buildpack in ``root``, which may be anybody's. Never raises for what it finds there."""
    flaws: list[Flaw] = []
    manifest: Manifest | None = None
    if os.path.lexists(root / NAME):
        reading = read_manifest(root)
        manifest = reading.manifest
        flaws += reading.flaws
    packaged = manifest is not None and (manifest.stack is not None or (root / "dependencies").is_dir())
    flaws += _scripts(root, manifest, packaged)
    if manifest is not None:
        flaws += _Manifest(root, manifest, packaged, today).flaws()
    ordered = sorted(flaws, key=lambda flaw: flaw.weight.value)
    language = manifest.language if manifest is not None else ""
    return Checked(dialect_of(root, scripts_of(root)), language, packaged, tuple(ordered))


def _scripts(root: Path, manifest: Manifest | None, packaged: bool) -> Iterator[Flaw]:
    """Scripts that are missing or no programs. What pre_package may yet make is only a warning."""
    present = scripts_of(root)
    dialect = dialect_of(root, present)
    made_later = manifest is not None and bool(manifest.pre_package) and not packaged
    for missing in _missing(dialect, present):
        says = f"{missing}; pre_package has to make it" if made_later else missing
        yield (warning if made_later else error)("bin", says)
    if Script.DETECT not in present and dialect is not Dialect.CLOUD_NATIVE:
        yield warning("bin/detect", "it is missing, so the buildpack can only be used where it is named")
    for script in sorted(present):
        path = root / "bin" / script
        if not path.resolve().is_relative_to(root.resolve()):
            yield error(f"bin/{script}", "it is a link that leads out of the buildpack")
        elif not path.stat().st_mode & 0o100:
            yield error(f"bin/{script}", "it is not executable (chmod +x)")


def _missing(dialect: Dialect, present: frozenset[Script]) -> Iterator[str]:
    if dialect is Dialect.CLOUD_NATIVE:
        return
    if not present & {Script.SUPPLY, Script.FINALIZE, Script.COMPILE}:
        yield "it holds none of supply, finalize and compile, so there is nothing to run"
    elif dialect is Dialect.HEROKU and Script.COMPILE not in present:
        yield "compile is missing"
    elif not present & {Script.FINALIZE, Script.COMPILE}:
        yield "it has neither finalize nor compile, so it cannot be the last buildpack of an app"


@dataclass(frozen=True)
class _Manifest:
    """The checks of one manifest.yml, in the order of its keys."""

    root: Path
    manifest: Manifest
    packaged: bool
    today: date

    def flaws(self) -> Iterator[Flaw]:
        yield from self._version()
        yield from self._stacks()
        yield from self._defaults()
        yield from self._deprecations()
        yield from self._duplicates()
        yield from self._sources()
        yield from self._files()
        yield from self._program()
        yield from self._profiles()

    def _version(self) -> Iterator[Flaw]:
        if not (self.root / VERSION_FILE).is_file():
            if self.packaged:
                yield error(VERSION_FILE, "it is missing, and libbuildpack does not run without it")
            else:
                yield warning(
                    VERSION_FILE, "it is missing: packaging needs --version, and without it scripts cannot run"
                )

    def _stacks(self) -> Iterator[Flaw]:
        """A stack is said once: by the packager for all, or by the author for each dependency."""
        stack = self.manifest.stack
        if stack is None and not self.manifest.dependencies:
            return
        for entry in self.manifest.dependencies:
            if stack is not None and entry.stacks:
                yield error(str(entry.place), f"it has cf_stacks, while the whole manifest is for the stack {stack}")
            if stack is None and not entry.stacks:
                yield error(str(entry.place), "it has no cf_stacks, so it is found on no stack")

    def _defaults(self) -> Iterator[Flaw]:
        counted = Counter(default.name for default in self.manifest.defaults)
        for name, count in counted.items():
            if count > 1:
                yield error(NAME, f"default_versions has {name} {count} times, and libbuildpack takes one only")
        for default in self.manifest.defaults:
            if all(entry.name != default.name for entry in self.manifest.dependencies):
                yield error(str(default.place), "there is no dependency of this name")
                continue
            if VersionRange.parse(default.version) is None and Version.parse(default.version) is None:
                yield error(str(default.place), f"{default.version!r} is neither a version nor a range")
            yield from self._comparable(default.name)
            for stack in self.manifest.stacks:
                if self.manifest.resolve(default, stack) is None:
                    yield error(
                        str(default.place), f"no dependency for the stack {stack} matches its version {default.version}"
                    )

    def _comparable(self, name: str) -> Iterator[Flaw]:
        """libbuildpack compares all versions of a name, and one that it cannot read fails the look-up of all."""
        for entry in self.manifest.dependencies:
            if entry.name == name and entry.semantic is None:
                yield error(
                    str(entry.place), "its version is no semantic version, which fails the look-up of the default"
                )

    def _deprecations(self) -> Iterator[Flaw]:
        names = {entry.name for entry in self.manifest.dependencies}
        for one in self.manifest.deprecations:
            sentence = deprecation_sentence(one, self.today)
            if sentence is not None:
                yield warning(str(one.place), sentence.removeprefix(f"{one.place}: "))
            if one.name and one.name not in names:
                yield warning(str(one.place), "there is no dependency of this name")

    def _duplicates(self) -> Iterator[Flaw]:
        seen: dict[tuple[str, str, object], Dependency] = {}
        for entry in self.manifest.dependencies:
            for stack in entry.stacks or (None,):
                first = seen.setdefault((entry.name, entry.version, stack), entry)
                if first is not entry:
                    on = f" for the stack {stack}" if stack is not None else ""
                    yield error(str(entry.place), f"it is there twice{on}; the first is on line {first.place.line}")

    def _sources(self) -> Iterator[Flaw]:
        """Where dependencies come from; of a cached package, whether they are what they should be."""
        for entry in self.manifest.dependencies:
            if "@" in entry.uri.partition("://")[2].partition("/")[0]:
                yield warning(
                    str(entry.place), "its uri holds credentials, which everybody reads who gets the buildpack"
                )
            if entry.uri.startswith("file:") and entry.file is None:
                yield warning(str(entry.place), "its uri names a file, which is there on this machine only")
            if entry.file is not None:
                yield from self._cached(entry, self.root / entry.file)
            elif self.packaged and (self.root / "dependencies").is_dir():
                yield warning(str(entry.place), "the package is cached, and it has no file: it will be downloaded")

    def _cached(self, entry: Dependency, path: Path) -> Iterator[Flaw]:
        where = f"{entry.place}, file {entry.file}"
        try:
            resolved = path.resolve(strict=True)
            if not resolved.is_relative_to(self.root.resolve()):
                yield error(where, "it leads out of the buildpack")
            elif not resolved.is_file():
                yield error(where, "it is not a file")
            elif file_digest(resolved) != entry.sha256:
                yield error(where, "its sha256 is not the one of the manifest")
        except (OSError, RuntimeError):
            yield error(where, "it is not there")

    def _files(self) -> Iterator[Flaw]:
        included = self.manifest.include_files
        if included is not None and self.manifest.exclude_files is not None:
            yield warning(NAME, "it has include_files and exclude_files; only the first is heeded")
        if included is None or self.packaged:
            return
        made_later = bool(self.manifest.pre_package)
        for path in included:
            if not (self.root / path).exists() and str(path) != VERSION_FILE:
                later = "; pre_package has to make it" if made_later else ""
                yield (warning if made_later else error)(f"{NAME}, include_files", f"{path} is not there{later}")
        for script in sorted(scripts_of(self.root)):
            if PurePosixPath("bin", script) not in included and PurePosixPath("bin") not in included:
                yield warning(f"{NAME}, include_files", f"bin/{script} is not named, so packages lack it")

    def _program(self) -> Iterator[Flaw]:
        program = self.manifest.pre_package
        if self.packaged or "/" not in program:
            return
        path = self.root / program
        if not path.is_file():
            yield error(f"{NAME}, pre_package", f"{program} is not there")
        elif not path.stat().st_mode & 0o100:
            yield error(f"{NAME}, pre_package", f"{program} is not executable (chmod +x)")

    def _profiles(self) -> Iterator[Flaw]:
        names = {entry.name for entry in self.manifest.dependencies}
        for name, profile in self.manifest.profiles.items():
            for unknown in sorted(set(profile.exclude) - names):
                yield error(str(profile.place), f"the profile {name} excludes {unknown!r}, which is no dependency")
