"""A program with the flags of Cloud Foundry's builder: ours, the reference itself, or one that does nothing."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xxhash

from tests.conformance.staging.buildpacks import Buildpack
from tests.conformance.staging.drivers import Staging, write_files
from tests.conformance.staging.outcome import Outcome, Places, tree_of_tar


def xxhash_name(key: str) -> str:
    """The name of a buildpack's directory (§1.1)."""
    return f"{xxhash.xxh64_intdigest(key.encode()):016x}"


def md5_name(key: str) -> str:
    """The name of a buildpack's directory in older installations (§1.1)."""
    return hashlib.md5(key.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class DropIn:
    """Runs ``program`` as a cell does, with every directory below the staging's own."""

    program: Path

    def stage(self, staging: Staging, place: Path) -> Outcome:
        self.prepare(staging, place)
        arguments = [
            text for name, value in self.flags(staging, place).items() for text in staging.written(name, value)
        ]
        done = subprocess.run(
            [self.program, *arguments],
            cwd=place / "home",
            env=self.environment(staging, place),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )
        return self.outcome(done, staging, place)

    def prepare(self, staging: Staging, place: Path) -> None:
        """What a cell has made before it starts the builder."""
        write_files(place / "app", staging.app)
        for name in ("home", "tmp", "cache", "buildpacks"):
            (place / name).mkdir(parents=True, exist_ok=True)
        for buildpack in {one.key: one for one in staging.buildpacks if not one.elsewhere}.values():
            self._install(buildpack, place / "buildpacks")
        if staging.after is not None and (earlier := staging.after.keep / "out" / "cache.tgz").is_file():
            subprocess.run(["tar", "-xzf", earlier, "-C", place / "cache"], check=True)

    def _install(self, buildpack: Buildpack, directory: Path) -> None:
        buildpack.write(directory / (buildpack.directory or xxhash_name(buildpack.key)))

    def flags(self, staging: Staging, place: Path) -> dict[str, str]:
        """All flags but those whose value does not matter to any staging (§1.1)."""
        return {
            "buildDir": str(place / "app"),
            "buildpacksDir": str(place / "buildpacks"),
            "buildpacksDownloadDir": str(place / "downloads"),
            "buildArtifactsCacheDir": str(place / "cache"),
            "outputDroplet": str(place / "out" / "droplet.tgz"),
            "outputMetadata": str(place / "out" / "result.json"),
            "outputBuildArtifactsCache": str(place / "out" / "cache.tgz"),
            "buildpackOrder": staging.order,
            "skipDetect": "false" if staging.detect else "true",
            "credhubRetryDelay": "0s",
            **staging.flags,
        }

    def environment(self, staging: Staging, place: Path) -> dict[str, str]:
        """A container's environment, as much of it as a builder may count on."""
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": str(place / "home"),
            "USER": "vcap",
            "TMPDIR": str(place / "tmp"),
            "CF_STACK": "cflinuxfs4",
            **({} if staging.services is None else {"VCAP_SERVICES": staging.services}),
            **staging.env,
        }

    def outcome(self, done: subprocess.CompletedProcess[bytes], staging: Staging, place: Path) -> Outcome:
        result = _read_result(place / "out" / "result.json")
        said = result or {}
        lifecycle: dict[str, Any] = said.get("lifecycle_metadata") or {}
        return Outcome(
            code=done.returncode,
            stdout=done.stdout.decode("utf-8", "replace"),
            stderr=done.stderr.decode("utf-8", "replace"),
            places=Places(str(place / "app"), str(place / "cache"), str(place / "home")),
            keep=place,
            unpack_droplet=lambda: tree_of_tar(place / "out" / "droplet.tgz"),
            unpack_cache=lambda: tree_of_tar(place / "out" / "cache.tgz"),
            result=result,
            processes=said.get("process_types") or {},
            sidecars=tuple(said.get("sidecars") or ()),
            buildpacks=tuple(lifecycle.get("buildpacks") or ()),
            detected=lifecycle.get("detected_buildpack"),
        )


def _read_result(path: Path) -> dict[str, Any] | None:
    return json.loads(path.read_bytes()) if path.is_file() and path.stat().st_size else None


_NOTHING = """#!/bin/sh
# A builder that says that all went well, writes the files that it was asked for with nothing in them, and does nothing else.
for argument; do
  case $argument in
    -outputMetadata=*) mkdir -p "$(dirname "${argument#*=}")"; echo '{}' > "${argument#*=}" ;;
    -outputDroplet=*|-outputBuildArtifactsCache=*)
      mkdir -p "$(dirname "${argument#*=}")"; tar -czf "${argument#*=}" -T /dev/null ;;
  esac
done
exit 0
"""


def nothing(directory: Path) -> DropIn:
    """The builder that does nothing: no clause may be kept by it."""
    program = directory / "nothing"
    program.write_text(_NOTHING)
    program.chmod(0o755)
    return DropIn(program)
