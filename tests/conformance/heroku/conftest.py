"""Stagings of buildpacks that look around, by the installed command."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.heroku.probes import Seen
from tests.conformance.staging.buildpacks import Buildpack
from tests.e2e.conftest import Ended, Installation


@dataclass(frozen=True)
class Staged:
    """A staging that ended, well or not."""

    ended: Ended
    droplet: Path
    buildpacks: Path
    """Where the sources of its buildpacks lie."""

    @property
    def code(self) -> int:
        return self.ended.code

    @property
    def root(self) -> Path:
        """The unpacked droplet."""
        root = self.droplet.with_suffix(".unpacked")
        if not root.exists():
            assert self.code == 0, f"{self.ended.out[-3000:]}\n{self.ended.err[-2000:]}"
            root.mkdir()
            subprocess.run(["tar", "-xzf", self.droplet, "-C", root], check=True)
        return root

    def seen(self, name: str, script: str) -> Seen:
        return Seen(self.root / "app" / ".seen" / f"{name}-{script}")

    @property
    def order(self) -> list[str]:
        """The scripts that looked around, as they ran."""
        return (self.root / "app/.seen/order").read_text().splitlines()

    @property
    def failure(self) -> dict[str, Any]:
        return next(event for event in self.ended.events if event["event"] == "build.failed")

    @property
    def processes(self) -> dict[str, str]:
        return {one["type"]: one["command"] for one in self.ended.result["processes"]}

    @property
    def warnings(self) -> str:
        return "\n".join(event["text"] for event in self.ended.events if event["event"] == "warned")

    def says(self, step: str) -> str:
        """What the end of an action says."""
        return next(
            str(event["says"])
            for event in self.ended.events
            if event["event"] == "action.finished" and event["step"] == step
        )


@dataclass(frozen=True)
class Staging:
    """Stages apps of a few files with buildpacks that it writes; every staging in a directory of its own."""

    installation: Installation
    numbers: Iterator[int]

    def __call__(
        self,
        *buildpacks: Buildpack,
        posts: tuple[Buildpack, ...] = (),
        env: dict[str, str] | None = None,
        files: dict[str, str] | None = None,
        flags: tuple[str | Path, ...] = (),
        name: str | None = None,
    ) -> Staged:
        place = self.installation.place / f"staging-{next(self.numbers)}"
        app = place / (name or "app")
        for path, text in {"index.html": "hello", **(files or {})}.items():
            (app / path).parent.mkdir(parents=True, exist_ok=True)
            (app / path).write_text(text)
        written = place / "buildpacks"
        arguments: list[str | Path] = ["--name", name or place.name, *flags]
        for flag, several in (("--buildpack", buildpacks), ("--post-buildpack", posts)):
            for one in several:
                directory = written / one.key
                arguments += [flag, directory if directory.exists() else one.write(directory)]
        for variable, value in (env or {}).items():
            arguments += ["--env", f"{variable}={value}"]
        droplet = place / "droplet.tgz"
        return Staged(self.installation("stage", app, "--droplet", droplet, "--json", *arguments), droplet, written)


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    place = tmp_path_factory.mktemp("heroku")
    yield Installation(place)
    shutil.rmtree(place, ignore_errors=True)


Stage = Callable[..., Staged]


@pytest.fixture(scope="session")
def stage(installation: Installation) -> Stage:
    return Staging(installation, count())
