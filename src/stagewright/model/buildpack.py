"""Buildpacks as values: how one is named, and what it is once it lies on disk."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from stagewright.model.digest import Digest


class Script(StrEnum):
    """A program in a buildpack's ``bin``."""

    DETECT = "detect"
    SUPPLY = "supply"
    FINALIZE = "finalize"
    COMPILE = "compile"
    RELEASE = "release"


class Dialect(StrEnum):
    """The contract a buildpack was written to."""

    CLOUD_FOUNDRY = "cloudfoundry"
    HEROKU = "heroku"
    CLOUD_NATIVE = "cnb"


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


BuildpackRef = BuiltinRef | DirectoryRef


@dataclass(frozen=True)
class Buildpack:
    """A buildpack whose bits are at hand and do not change any more."""

    key: str
    """What names its directory and its cache (Cloud Foundry's KEY): the same for a new version of the same buildpack."""
    name: str
    version: str | None
    digest: Digest
    root: Path
    dialect: Dialect
    scripts: frozenset[Script]

    def has(self, script: Script) -> bool:
        return script in self.scripts

    def __str__(self) -> str:
        return f"{self.name} {self.version}" if self.version else self.name
