"""Where things lie inside a build and inside a running app (docs/reference/paths.md)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

VCAP_ID = 2000
"""The numeric user and group of ``vcap``, who runs every script and every app."""

FIXED_TIME = 315532801
"""1980-01-01T00:00:01Z, in seconds: the one time of files in droplets and layers, and SOURCE_DATE_EPOCH of every script."""

LAUNCHER = PurePosixPath("/lifecycle/launcher")
"""Where the launcher lies in an image and in a sandbox that runs a droplet."""

MOUNT_POINTS = tuple(
    PurePosixPath(path)
    for path in (
        "/home/vcap",
        "/lifecycle",
        "/tmp",
        "/buildpacks",
        "/trust",
        "/proc",
        "/dev",
        "/sys",
        "/run",
    )
)
"""Directories that every stack's roots hold from the start, since a shared root is never written (runc would make them)."""


SLUG = PurePosixPath("/app")
"""Where Heroku's buildpacks and apps find the app: every stack links it to /home/vcap/app."""


@dataclass(frozen=True)
class Layout:
    """The places of a build as its scripts see them."""

    home: PurePosixPath = PurePosixPath("/home/vcap")
    buildpacks: PurePosixPath = PurePosixPath("/buildpacks")
    tmp: PurePosixPath = PurePosixPath("/tmp")

    @property
    def app(self) -> PurePosixPath:
        return self.home / "app"

    @property
    def deps(self) -> PurePosixPath:
        return self.home / "deps"

    @property
    def profile_d(self) -> PurePosixPath:
        return self.home / "profile.d"

    @property
    def cache(self) -> PurePosixPath:
        return self.home / "cache"

    @property
    def env(self) -> PurePosixPath:
        """Heroku's ENV_DIR: a file for every config var."""
        return self.home / "env"


def deps_index(position: int, count: int) -> str:
    """The name of a buildpack's deps directory: padded to the digits of the highest of ``count`` indices.

    Rule: contracts/cloudfoundry-staging.md §1.2 (``DepsIndex``): of 10 buildpacks 00…09, of 11 00…10.
    """
    return str(position).zfill(len(str(count)))
