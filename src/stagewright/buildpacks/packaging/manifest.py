"""manifest.yml of a buildpack as values (contracts/cloudfoundry-staging.md §2.1). Pure; `reading` makes them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import PurePosixPath
from urllib.parse import urlsplit

from stagewright.buildpacks.packaging.ranges import Version, highest_of
from stagewright.model.digest import Digest
from stagewright.model.names import StackName

NAME = "manifest.yml"


@dataclass(frozen=True)
class Place:
    """Where an entry stands in manifest.yml."""

    entry: str
    line: int
    """Counted from 1."""

    def __str__(self) -> str:
        return f"{NAME}, line {self.line}, {self.entry}" if self.entry else f"{NAME}, line {self.line}"


@dataclass(frozen=True)
class Dependency:
    """One thing that a buildpack installs. Two are the same entry to libbuildpack if name, version and stack are (§2.3)."""

    place: Place = field(compare=False)
    number: int = field(compare=False)
    """Its position in ``dependencies``, counted from 0."""
    name: str
    version: str
    """As it is written: ``3.10`` is not ``3.1``."""
    uri: str
    sha256: Digest
    stacks: tuple[StackName, ...] = ()
    file: PurePosixPath | None = None
    """Where a cached buildpack holds it, from the buildpack's root."""

    def __str__(self) -> str:
        return f"{self.name} {self.version}"

    @cached_property
    def semantic(self) -> Version | None:
        """The version, to be compared; None where it is no semantic version."""
        return Version.parse(self.version)

    @property
    def cached_at(self) -> PurePosixPath:
        """Where the packager puts it: ``dependencies/<md5(uri)>/<basename>`` (§2.2)."""
        directory = hashlib.md5(self.uri.encode(), usedforsecurity=False).hexdigest()
        name = urlsplit(self.uri).path.rpartition("/")[2]
        return PurePosixPath("dependencies", directory, name if name not in ("", ".", "..") else "file")


@dataclass(frozen=True)
class DefaultVersion:
    """What is installed where the app does not ask for a version."""

    place: Place = field(compare=False)
    name: str
    version: str
    """A version or a range."""


@dataclass(frozen=True)
class Deprecation:
    """The day from which nobody mends a line of versions."""

    place: Place = field(compare=False)
    name: str
    version_line: str
    day: date
    link: str = ""


@dataclass(frozen=True)
class Profile:
    """A named choice of dependencies that a cached package leaves out."""

    place: Place = field(compare=False)
    description: str = ""
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True)
class Manifest:
    """All of it that the packager and libbuildpack read."""

    language: str
    stack: StackName | None = None
    """Only in a packaged buildpack: the packager writes it."""
    dependencies: tuple[Dependency, ...] = ()
    defaults: tuple[DefaultVersion, ...] = ()
    deprecations: tuple[Deprecation, ...] = ()
    include_files: tuple[PurePosixPath, ...] | None = None
    exclude_files: tuple[PurePosixPath, ...] | None = None
    """The form of the old packager, in Ruby: everything but these."""
    pre_package: str = ""
    profiles: Mapping[str, Profile] = field(default_factory=dict)

    @property
    def stacks(self) -> tuple[StackName, ...]:
        """All stacks that it names, sorted."""
        named = {stack for dependency in self.dependencies for stack in dependency.stacks}
        return tuple(sorted(named | ({self.stack} if self.stack is not None else set())))

    def entries_for(self, stack: StackName) -> tuple[Dependency, ...]:
        """The dependencies that libbuildpack sees on ``stack``: all of a package for it, else those that name it."""
        if self.stack is not None:
            return self.dependencies if self.stack == stack else ()
        return tuple(dependency for dependency in self.dependencies if stack in dependency.stacks)

    def supports(self, stack: StackName) -> bool:
        """Whether libbuildpack's CheckStackSupport lets supply begin (§2.3)."""
        if self.stack is not None:
            return self.stack == stack
        return not self.dependencies or bool(self.entries_for(stack))

    def versions(self, name: str, stack: StackName) -> tuple[Dependency, ...]:
        """The entries of ``name`` that libbuildpack sees on ``stack``."""
        if self.stack is not None:
            return self._by_name.get(name, ()) if self.stack == stack else ()
        return tuple(entry for entry in self._by_name.get(name, ()) if stack in entry.stacks)

    @cached_property
    def _by_name(self) -> Mapping[str, tuple[Dependency, ...]]:
        found: dict[str, list[Dependency]] = {}
        for entry in self.dependencies:
            found.setdefault(entry.name, []).append(entry)
        return {name: tuple(entries) for name, entries in found.items()}

    def resolve(self, default: DefaultVersion, stack: StackName) -> str | None:
        """The version that ``default`` means on ``stack``; None where nothing matches."""
        entries = self.versions(default.name, stack)
        return highest_of(default.version, [(entry.semantic, entry.version) for entry in entries])
