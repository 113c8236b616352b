"""The installed command, run as a person runs it: a process of its own, byte code kept, events read from its standard output."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = Path(sys.executable).with_name("stagewright")
ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "examples"


class NotMeasured(Exception):
    """The command failed, so there is nothing to measure. Says what it said."""


@dataclass(frozen=True)
class Run:
    """One staging that went well. Seconds by the clock, from before the process began until it was gone."""

    wall: float
    cpu: float
    """Processor time of the command and of what it waited for, in seconds."""
    before: float
    """Until the first event of the build itself, ``build.started``."""
    after: float
    """From the last event to the end of the process."""
    events: tuple[dict[str, Any], ...]

    @property
    def result(self) -> dict[str, Any]:
        return self.events[-1]

    @property
    def scripts(self) -> float:
        """Seconds in which scripts ran."""
        return float(self.result["time"]["scripts"])

    @property
    def parts(self) -> dict[str, float]:
        """Where the time of the staging went, by name; what occurs several times is added up."""
        found: dict[str, float] = {}
        for name, seconds in self.result["time"]["parts"]:
            found[name] = found.get(name, 0.0) + float(seconds)
        return found

    def action(self, step: str) -> float:
        """The seconds of the one action whose step is ``step``, as the plan calls it."""
        return next(
            float(event["seconds"])
            for event in self.events
            if event["event"] == "action.finished" and event["step"] == step
        )


@dataclass(frozen=True)
class Installation:
    """The command with a state and caches of its own below ``place``; stacks are those of this machine."""

    place: Path

    def environment(self) -> dict[str, str]:
        env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        own = {"STAGEWRIGHT_STATE": str(self.place / "state"), "STAGEWRIGHT_CACHE": str(self.place / "cache")}
        return {**env, "STAGEWRIGHT_STACKS": str(shared_stacks()), **own}

    def stage(self, app: Path, *arguments: str | Path) -> Run:
        """Stage ``app``. Raises NotMeasured."""
        droplet = self.place / "droplet.tgz"
        call = [str(COMMAND), "stage", str(app), "--droplet", str(droplet), "--json", *map(str, arguments)]
        self.place.mkdir(parents=True, exist_ok=True)
        with (self.place / "stderr").open("w+b") as complaints:
            began = time.monotonic()
            process = subprocess.Popen(
                call, env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints
            )
            lines = self._read(process)
            status, used = os.wait4(process.pid, 0)[1:]
            ended = time.monotonic()
            process.returncode = os.waitstatus_to_exitcode(status)
            events = tuple(json.loads(line) for _, line in lines)
            if process.returncode != 0 or not events:
                complaints.seek(0)
                said = complaints.read().decode(errors="replace")[-2000:]
                raise NotMeasured(f"{' '.join(call)} ended with {process.returncode}\n{said}{events[-1:]}")
        started = next(at for (at, _), event in zip(lines, events, strict=True) if event["event"] == "build.started")
        return Run(ended - began, used.ru_utime + used.ru_stime, started - began, ended - lines[-1][0], events)

    @staticmethod
    def _read(process: subprocess.Popen[bytes]) -> list[tuple[float, bytes]]:
        """The lines of the command, each with the time at which it came."""
        assert process.stdout is not None
        with process.stdout as out:
            return [(time.monotonic(), line) for line in out]


def shared_stacks() -> Path:
    """Where `make stack` has made the stack: the default place, or where STAGEWRIGHT_STACKS says."""
    given = os.environ.get("STAGEWRIGHT_STACKS")
    if given:
        return Path(given)
    state = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(os.environ.get("STAGEWRIGHT_STATE") or f"{state}/stagewright") / "stacks"


def do_nothing_buildpack(at: Path) -> Path:
    """A buildpack in shell whose scripts do nothing: what is left of a staging is the platform."""
    (at / "bin").mkdir(parents=True, exist_ok=True)
    scripts = {
        "detect": "exit 0",
        "supply": "exit 0",
        "finalize": "exit 0",
        "release": "printf -- '---\\ndefault_process_types:\\n  web: sleep 1\\n'",
    }
    for name, line in scripts.items():
        script = at / "bin" / name
        script.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        script.chmod(0o755)
    return at
