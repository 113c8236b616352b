"""``stagewright stage`` as a builder: the installed command, with a state of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.conformance.staging.drivers import Staging, write_files
from tests.conformance.staging.drop_in import xxhash_name
from tests.conformance.staging.outcome import Outcome, Places, Tree, tree_of_directory, tree_of_tar
from tests.e2e.conftest import shared_stacks

CODES = {0: 0, 3: 1, 10: 222, 11: 225, 14: 223, 15: 224}
"""The contract's exit code for the command's own, where one stands for one (docs/reference/conformance.md, "Exit codes")."""
SUPPLY_FAILED = 13
"""Two of the contract's: 223 for the last buildpack, 225 for one before it."""


@dataclass(frozen=True)
class StagewrightStage:
    """Runs the command. Every buildpack is a directory whose name is made of its key."""

    program: Path
    sandbox: str = "auto"

    def stage(self, staging: Staging, place: Path) -> Outcome:
        home = staging.after.keep if staging.after is not None else place
        app = write_files(place / "app", staging.app)
        droplet = place / "droplet.tgz"
        done = subprocess.run(
            [self.program, "stage", app, "--droplet", droplet, "--json", *self._arguments(staging, place)],
            cwd=place,
            env={**os.environ, "STAGEWRIGHT_STACKS": str(shared_stacks()), **_state(home)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=120,
            check=False,
        )
        events = [json.loads(line) for line in done.stdout.decode().splitlines()]
        return self._outcome(done.returncode, events, done.stderr.decode("utf-8", "replace"), staging, home, droplet)

    def _arguments(self, staging: Staging, place: Path) -> list[str]:
        assert not staging.detect, "stage detects among its built-in buildpacks, not among those of a test"
        named = ["--name", "conformance", "--sandbox", self.sandbox, "--strict-cf"]
        for key, buildpack in {one.key: one for one in staging.buildpacks}.items():
            buildpack.write(place / _directory(key))
        for one in staging.buildpacks:
            named += ["--buildpack", str(place / _directory(one.key))]
        for name, value in staging.env.items():
            named += ["--env", f"{name}={value}"]
        if staging.services is not None:
            write_files(place, {"services.json": staging.services})
            named += ["--service", str(place / "services.json")]
        return named

    def _outcome(
        self, code: int, events: list[dict[str, Any]], stderr: str, staging: Staging, home: Path, droplet: Path
    ) -> Outcome:
        last: Mapping[str, Any] = events[-1] if events else {}
        staged = last if last.get("event") == "build.staged" else {}
        used = staged.get("buildpacks") or []
        keys = {one["key"]: asked.key for one, asked in zip(used, staging.buildpacks, strict=False)}
        lines = [(e["stream"], e["line"]) for e in events if e["event"] == "script.output"]
        warned = [e["text"] for e in events if e["event"] == "warned"]
        failed = [last["brief"], last["details"]] if last.get("event") == "build.failed" else []
        return Outcome(
            code=_contract_code(code, events, staging),
            stdout="\n".join(line for stream, line in lines if stream == "stdout"),
            stderr="\n".join([*(line for stream, line in lines if stream == "stderr"), *warned, *failed, stderr]),
            places=Places("/home/vcap/app", "/home/vcap/cache", "/home/vcap"),
            keep=home,
            unpack_droplet=lambda: tree_of_tar(droplet),
            unpack_cache=lambda: _cache(home, keys),
            processes={one["type"]: one["command"] for one in staged.get("processes") or ()},
            sidecars=tuple(_without_nulls(one) for one in staged.get("sidecars") or ()),
            buildpacks=tuple(map(_learnt, used)),
            detected=staged.get("detected_buildpack"),
        )


def _state(home: Path) -> dict[str, str]:
    return {"STAGEWRIGHT_STATE": str(home / "state"), "STAGEWRIGHT_CACHE": str(home / "own"), "NO_COLOR": "1"}


def _directory(key: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in key)


def _contract_code(code: int, events: list[dict[str, Any]], staging: Staging) -> int:
    if code != SUPPLY_FAILED:
        return CODES.get(code, code)
    started = [event for event in events if event["event"] == "action.started" and event.get("script") == "supply"]
    return 223 if len(started) == len(staging.buildpacks) else 225


def _cache(home: Path, keys: Mapping[str, str]) -> Tree:
    """The app's cache. The command's keys of directories are paths or names of its own; each key's directory is shown under the
    xxhash64 of the key that the test gave, where the command calls it by the xxhash64 of its own."""
    trees = list((home / "own" / "apps").glob("*/tree"))
    tree = tree_of_directory(trees[0]) if len(trees) == 1 else Tree()
    for own, asked in keys.items():
        tree = tree.renamed(xxhash_name(own), xxhash_name(asked))
    return tree


def _without_nulls(value: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in value.items() if each is not None}


def _learnt(used: Mapping[str, Any]) -> dict[str, Any]:
    prefix = used["entrypoint_prefix"]
    config = {"config": {"entrypoint_prefix": prefix}} if prefix is not None else {}
    metadata = {"output_metadata": used["output_metadata"]} if used["output_metadata"] else {}
    return {**_without_nulls({"name": used["name"], "version": used["version"]}), **config, **metadata}
