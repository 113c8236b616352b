"""The builders that the suite is run against: one form of asking, and one of answering."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from tests.conformance.staging.buildpacks import Buildpack
from tests.conformance.staging.outcome import Outcome

APP = {"app.sh": "echo app\n"}


def joined(name: str, value: str) -> list[str]:
    """A flag as Cloud Foundry's API writes it."""
    return [f"-{name}={value}"]


@dataclass(frozen=True)
class Staging:
    """What is asked of a builder."""

    buildpacks: tuple[Buildpack, ...]
    app: Mapping[str, str] = field(default_factory=lambda: APP)
    detect: bool = False
    """Detection chooses one of the buildpacks; else all of them were asked for, in this order."""
    env: Mapping[str, str] = field(default_factory=dict)
    services: str | None = None
    """VCAP_SERVICES."""
    after: Outcome | None = None
    """An earlier staging of the same app, whose cache this one is given."""
    flags: Mapping[str, str] = field(default_factory=dict)
    """Further flags of the drop-in, or other values for those that it is always given."""
    written: Callable[[str, str], list[str]] = joined
    """How flags are written."""

    @property
    def order(self) -> str:
        return ",".join(one.key for one in self.buildpacks)


class Builder(Protocol):
    """Stages an app, and says how that ended."""

    def stage(self, staging: Staging, place: Path) -> Outcome:
        """``place`` is an empty directory of the staging's own."""
        ...


def write_files(directory: Path, files: Mapping[str, str]) -> Path:
    """A directory with these files."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory
