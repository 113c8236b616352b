"""Buildpacks as values: how one is named, and what it is once it lies on disk."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from stagewright.model.digest import Digest
from stagewright.model.origin import Origin
from stagewright.model.references import (
    ArchiveFileRef,
    ArchiveUrlRef,
    BuildpackRef,
    BuiltinRef,
    DirectoryRef,
    GitRef,
    Remote,
    RemoteRef,
)

__all__ = [
    "ArchiveFileRef",
    "ArchiveUrlRef",
    "Buildpack",
    "BuildpackRef",
    "BuiltinRef",
    "Dialect",
    "DirectoryRef",
    "GitRef",
    "Remote",
    "RemoteRef",
    "Script",
]


class Script(StrEnum):
    """A program in a buildpack's ``bin``."""

    DETECT = "detect"
    SUPPLY = "supply"
    FINALIZE = "finalize"
    COMPILE = "compile"
    RELEASE = "release"
    TEST_COMPILE = "test-compile"
    TEST = "test"
    REPORT = "report"


class Dialect(StrEnum):
    """The contract a buildpack was written to."""

    CLOUD_FOUNDRY = "cloudfoundry"
    HEROKU = "heroku"
    CLOUD_NATIVE = "cnb"


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
    reference: str = ""
    """How it was named, without credentials."""
    origin: Origin | None = None
    """What the bits were made of; None for a built-in one. Of a directory, git's facts are `origin_of_directory`'s to find."""
    in_place: bool = False
    """Whether its scripts run where its bits lie: those of a built-in, which writes nothing there, and of a cell, whose bits are
    its own. Of any other each build has a copy, since scripts may write where they lie."""

    def has(self, script: Script) -> bool:
        return script in self.scripts

    def __str__(self) -> str:
        return f"{self.name} {self.version}" if self.version else self.name
