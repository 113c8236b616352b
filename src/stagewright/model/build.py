"""What a build was asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from stagewright.model.buildpack import Buildpack, BuildpackRef, Dialect
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
    posts: tuple[Buildpack, ...] = ()
    """Post-buildpacks, in their order; no detect of theirs is run."""
    cache_archive: Path | None = None
    """Where the caches of the buildpacks are to be packed to, where they are not kept as directories."""
    needs_process: bool = True
    """Whether a build that nobody gave a process fails, as Cloud Foundry's API makes it fail (§1.4), or is staged nevertheless,
    as its builder does (§1.2 step 4)."""
    testing: bool = False
    """Whether the app is built to be tested: ``bin/test-compile`` in the place of ``bin/compile``, and no droplet."""
    test_setup: str | None = None
    """What app.json wants to be run before the tests."""
    test_command: str | None = None
    """app.json's own way to test the app, in the place of the buildpacks' ``bin/test``."""
    services: Mapping[str, Any] = field(default_factory=dict)
    """Bound services as VCAP_SERVICES has them, with credentials."""
    source_version: str = ""
    """The commit of the source, where it is known: Heroku's SOURCE_VERSION."""

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
    has_config: bool = False
    """Whether its config.yml has a ``config``, be it empty: staging_info.yml and result.json then have one too (§1.5)."""
    dialect: Dialect = Dialect.CLOUD_FOUNDRY
    reference: str = ""
    """How it was named, without credentials."""
    post: bool = False
    """Whether it was a post-buildpack."""


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

    @property
    def wants_slug_home(self) -> bool:
        """Whether the app expects to find itself at /app: a buildpack of Heroku's had a part in it (shared design, "Where things
        lie in a build")."""
        return any(used.dialect is Dialect.HEROKU for used in self.buildpacks)

    @property
    def has_config(self) -> bool:
        """Whether staging_info.yml has a ``config``: it is the final buildpack's."""
        return self.entrypoint_prefix is not None or (self.final is not None and self.final.has_config)

    @property
    def final(self) -> UsedBuildpack | None:
        """The last buildpack that is no post-buildpack."""
        return next((used for used in reversed(self.buildpacks) if not used.post), None)


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
