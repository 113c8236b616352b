"""What an operator can set, as one value. `stagewright.settings` reads it from the environment; nobody else does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from stagewright.model.containers import Network
from stagewright.model.tree import Bounds


@dataclass(frozen=True)
class Trust:
    """The operator's way to the outside, as every build sees it: certificates, names, proxies, registries.

    Mounted read-only into builds and never part of a droplet or an image. Credentials were taken out before.
    """

    files: Mapping[PurePosixPath, bytes] = field(default_factory=dict)
    """Content by place in the container."""
    environment: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    """What was left out and why, by name and never by value, for ``doctor``; builds do not see it."""


@dataclass(frozen=True)
class Settings:
    """Places and bounds of one installation."""

    state: Path
    """What must last: stacks, records, the installation's key."""
    cache: Path
    """What may be lost: the caches of buildpacks, layers."""
    stacks: Path
    """Where stacks lie; apart so that several installations can share them."""
    runtime: str | None = None
    """The OCI runtime to use; None: the first of runc, crun that works here."""
    network: Network = Network.HOST
    bounds: Bounds = field(default_factory=Bounds)
    trust: Trust = field(default_factory=Trust)
    outward: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The caller's variables that git gets when it fetches a buildpack: its programs, configuration, keys and proxies."""
    apt_sources: Path | None = None
    """A sources.list of the operator's, for making stacks; None: Debian's own."""
