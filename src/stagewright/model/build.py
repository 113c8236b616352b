"""What a build was asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from stagewright.model.buildpack import Buildpack, BuildpackRef
from stagewright.model.containers import Limits
from stagewright.model.digest import Digest
from stagewright.model.names import AppName, BuildId, StackName
from stagewright.model.process import Processes
from stagewright.model.stack import Stack


@dataclass(frozen=True)
class Requested:
    """The reason of a build that a person asked for. Other reasons will stand beside it."""

    by: str = "command line"


Reason = Requested


@dataclass(frozen=True)
class AppManifest:
    """What an app says of itself, in its manifest.yml or by flags; None where it says nothing."""

    name: AppName | None = None
    buildpacks: tuple[str, ...] = ()
    """References as written: what they name is decided later, where buildpacks are known."""
    env: Mapping[str, str] = field(default_factory=dict)
    stack: StackName | None = None
    command: str | None = None
    memory: int | None = None
    disk: int | None = None
    processes: Processes = field(default_factory=Processes)

    def overridden_by(self, flags: AppManifest) -> AppManifest:
        """What the flags say wins; env is merged name by name."""
        return AppManifest(
            name=flags.name or self.name,
            buildpacks=flags.buildpacks or self.buildpacks,
            env={**self.env, **flags.env},
            stack=flags.stack or self.stack,
            command=flags.command if flags.command is not None else self.command,
            memory=flags.memory if flags.memory is not None else self.memory,
            disk=flags.disk if flags.disk is not None else self.disk,
            processes=self.processes.merged(flags.processes),
        )


@dataclass(frozen=True)
class Package:
    """The source of an app as it will be built: ignored files are gone, the rest lies in ``tree``."""

    tree: Path
    digest: Digest
    files: int
    size: int
    """Bytes of its files."""


class ImageForm(StrEnum):
    OCI = "oci"
    DOCKER_ARCHIVE = "docker-archive"


@dataclass(frozen=True)
class ImageTarget:
    """Where an image is to be written: ``oci:DIR[:TAG]`` or ``docker-archive:FILE``."""

    form: ImageForm
    path: Path
    tag: str

    def __str__(self) -> str:
        return f"{self.form}:{self.path}:{self.tag}"


@dataclass(frozen=True)
class BuildRequest:
    """Everything that is known before anything ran."""

    id: BuildId
    app: AppName
    package: Package
    stack: Stack
    named: tuple[BuildpackRef, ...]
    """References that were given; empty: detect among ``buildpacks``."""
    buildpacks: tuple[Buildpack, ...]
    env: Mapping[str, str]
    manifest: AppManifest
    limits: Limits
    droplet: Path
    images: tuple[ImageTarget, ...] = ()
    reason: Reason = field(default_factory=Requested)

    def with_buildpacks(self, buildpacks: tuple[Buildpack, ...]) -> BuildRequest:
        return replace(self, buildpacks=buildpacks)


@dataclass(frozen=True)
class UsedBuildpack:
    """A buildpack as a droplet remembers it (contracts/cloudfoundry-staging.md §1.4)."""

    key: str
    name: str
    version: str | None
    digest: Digest
    index: str
    entrypoint_prefix: str | None = None
    output_metadata: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Droplet:
    """A finished droplet."""

    path: Path
    digest: Digest
    """Of the file."""
    tree: Digest
    """Of what it holds: two droplets with this digest are the same, however they were compressed."""
    size: int
    unpacked_size: int
    app: AppName
    stack: StackName
    stack_digest: Digest
    buildpacks: tuple[UsedBuildpack, ...]
    detected: str
    processes: Processes
    entrypoint_prefix: str | None = None
    package: Digest | None = None
    plan: Digest | None = None


@dataclass(frozen=True)
class WrittenLayer:
    """One layer of a written image, and whether it had to be made."""

    what: str
    digest: Digest
    size: int
    reused: bool


@dataclass(frozen=True)
class WrittenImage:
    target: ImageTarget
    digest: Digest
    layers: tuple[WrittenLayer, ...]

    @property
    def size(self) -> int:
        return sum(layer.size for layer in self.layers)
