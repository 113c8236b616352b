"""What is known of a running build. The planner reads it; the executor adds to it; nothing else decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from stagewright.model.build import Droplet, UsedBuildpack, WrittenImage
from stagewright.model.buildpack import Buildpack
from stagewright.model.digest import Digest
from stagewright.model.process import Processes


@dataclass(frozen=True)
class Detection:
    """What one detect said. ``says`` is its output; ``failed`` when it could not be run or a signal ended it."""

    buildpack: Buildpack
    matched: bool
    says: str = ""
    failed: int | None = None


@dataclass(frozen=True)
class EarlierResult:
    """A droplet that was made from exactly the same (``--if-changed``)."""

    droplet: Droplet
    build: str


@dataclass(frozen=True)
class Decided:
    """What the finished scripts said of how the app is started."""

    processes: Processes
    buildpacks: tuple[UsedBuildpack, ...]
    detected: str
    entrypoint_prefix: str | None = None
    has_config: bool = False


@dataclass(frozen=True)
class Facts:
    done: frozenset[Digest] = frozenset()
    detections: tuple[Detection, ...] = ()
    wrote_launch: Mapping[int, bool] = field(default_factory=dict)
    """By position: whether a final or post-buildpack wrote launch.yml, which makes bin/release unnecessary. Those whose scripts
    did not all run are missing."""
    released: Mapping[int, Processes] = field(default_factory=dict)
    """By position: what bin/release said."""
    supplied: int = 0
    """How many supplying buildpacks have done their part."""
    reports: Mapping[str, object] = field(default_factory=dict)
    """By key of the buildpack, which is its name unless two share one: what bin/report said."""
    decided: Decided | None = None
    droplet: Droplet | None = None
    images: tuple[WrittenImage, ...] = ()
    earlier: EarlierResult | None = None

    def after(self, key: Digest) -> Facts:
        return replace(self, done=self.done | {key})

    @property
    def matched(self) -> Detection | None:
        return next((detection for detection in self.detections if detection.matched), None)
